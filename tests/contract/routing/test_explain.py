"""What the router says of itself: `/router/*`, `tianji explain`, `x-tianji-trail`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from tests.contract.harness import MASTER_KEY, Gateway, Mock, eventually, openai_model

from tianji.cli.root import main


def deployment(name: str, base: str, group: str = "m", **params: object) -> dict[str, Any]:
    return openai_model(group, name, base, **params) | {"model_info": {"id": name, "supports_vision": name != "blind"}}


def config(base: str) -> dict[str, Any]:
    return {
        "model_list": [
            deployment("blind", base, weight=1),
            deployment("sees", base, weight=3),
            deployment("other", base, "n"),
            {
                "model_name": "auto",
                "litellm_params": {
                    "model": "auto_router/rules",
                    "auto_router_default_model": "m",
                    "auto_router_rules": [{"model": "n", "min_characters": 100}],
                },
            },
        ],
        "router_settings": {"num_retries": 0, "fallbacks": [{"m": ["n", "gone"]}]},
    }


PICTURE = {
    "model": "m",
    "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}],
}


@pytest.fixture(scope="module")
def gateway_of_two(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(config(mock_process.url), tmp_path_factory.mktemp("explain"), edge=edge, workers=2) as running:
        yield running


def explain(gateway: Gateway, body: dict[str, Any]) -> dict[str, Any]:
    answer = gateway.post("/router/explain", body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_a_decision_is_explained_and_nothing_is_sent(gateway_of_two: Gateway, mock: Mock) -> None:
    told = explain(gateway_of_two, PICTURE)
    assert (told["model"], told["group"], told["needs"]) == ("m", "m", ["images", "chat"])
    first, second, third = told["considered"]
    assert first == {
        "group": "m",
        "strategy": "shuffle",
        "chosen": "sees",
        "verdicts": [
            {"deployment": "blind", "reason": "ability", "figure": 0.0},
            {"deployment": "sees", "reason": "kept", "figure": 1.0},
        ],
        "refused": None,
    }
    assert (second["group"], second["chosen"]) == ("n", "other")
    assert (third["group"], third["refused"]) == ("gone", "unknown")
    assert mock.requests() == []


def test_an_auto_router_is_explained(gateway_of_two: Gateway) -> None:
    told = explain(gateway_of_two, {"model": "auto", "messages": [{"role": "user", "content": "x" * 200}]})
    assert (told["group"], told["considered"][0]["group"]) == ("n", "n")
    assert "n" in told["reason"]


@pytest.mark.parametrize(
    ("body", "status"),
    [({"messages": []}, 400), ({"model": "nope", "messages": []}, 404), ({"model": "m", "tags": 1}, 400)],
)
def test_what_cannot_be_explained(gateway_of_two: Gateway, body: dict[str, Any], status: int) -> None:
    assert gateway_of_two.post("/router/explain", body).status_code == status
    assert gateway_of_two.post("/router/explain?operation=dance", PICTURE).status_code == 400


def test_administrators_only(gateway_of_two: Gateway) -> None:
    for method, path in (("POST", "/router/explain"), ("GET", "/router/deployments"), ("POST", "/router/weights")):
        headers = {"authorization": "Bearer sk-somebody-else"}
        answer = gateway_of_two.client.request(method, path, headers=headers, json=PICTURE)
        assert answer.status_code == 401


def test_the_trail_is_told_to_who_asks(gateway_of_two: Gateway, mock: Mock) -> None:
    mock.control({"status": 500}, model="sees")
    asked = gateway_of_two.chat(PICTURE, x_tianji_trail="1")
    assert asked.headers["x-tianji-trail"].split("; ") == [
        "m/blind:dropped=ability",
        "m/sees:kept=1",
        "m/sees:sent",
        "m/sees:failed=500",
        "n/other:kept=1",
        "n/other:sent",
    ]
    assert "x-tianji-trail" not in gateway_of_two.chat(PICTURE).headers


def test_weights_are_set_for_all_workers_at_once(gateway_of_two: Gateway, mock: Mock) -> None:
    set_to = {"weights": {"blind": 0, "sees": 5}}
    answer = gateway_of_two.post("/router/weights", set_to)
    assert [(row["id"], row["weight"]) for row in answer.json()["data"]] == [("blind", 0.0), ("sees", 5.0)]
    assert {chosen(gateway_of_two) for _ in range(40)} == {"sees"}
    eventually(lambda: states(gateway_of_two)["sees"]["in_flight"] == 0, "nothing is under way")
    known = states(gateway_of_two)
    assert (known["blind"]["weight"], known["other"]["weight"], known["sees"]["model"]) == (0.0, None, "m")
    gateway_of_two.post("/router/weights", {"weights": {"sees": 0, "blind": 1}})
    assert gateway_of_two.chat({"model": "m", "messages": []}).headers["x-litellm-model-id"] == "blind"
    gateway_of_two.post("/router/weights", {"weights": {"sees": None, "blind": None}})
    eventually(
        lambda: gateway_of_two.chat({"model": "m", "messages": []}).headers["x-litellm-model-id"] == "sees",
        "the configured weights hold again",
    )


def states(gateway: Gateway) -> dict[str, Any]:
    return {row["id"]: row for row in gateway.client.get("/router/deployments").json()["data"]}


def chosen(gateway: Gateway) -> str:
    """Return who serves a request on a connection of its own, so that any worker may get it."""
    headers = {"authorization": f"Bearer {MASTER_KEY}"}
    body = {"model": "m", "messages": []}
    answer = httpx.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers, trust_env=False, verify=False)
    return answer.headers["x-litellm-model-id"]


@pytest.mark.parametrize(
    "body", [{}, {"weights": {"sees": -1}}, {"weights": {"sees": "much"}}, {"weights": {}, "more": 1}, {"weights": [1]}]
)
def test_bad_weights_are_refused(gateway_of_two: Gateway, body: dict[str, Any]) -> None:
    assert gateway_of_two.post("/router/weights", body).status_code == 400


def test_unknown_deployments_have_no_weight(gateway_of_two: Gateway) -> None:
    assert gateway_of_two.post("/router/weights", {"weights": {"nobody": 1}}).status_code == 404


# -- the command --------------------------------------------------------------------------------------------------


def test_the_command_decides_by_a_configuration(tmp_path: Path) -> None:
    file, request = tmp_path / "config.yaml", tmp_path / "request.json"
    file.write_text(json.dumps(config("http://127.0.0.1:9")))
    request.write_text(json.dumps(PICTURE))
    told = CliRunner().invoke(main, ["explain", str(request), "--config", str(file)])
    assert told.exit_code == 0, told.output
    assert told.output.splitlines() == [
        "model m",
        "needs images, chat",
        "group m (shuffle)",
        "     blind  ability",
        "  -> sees  kept 1",
        "falls back to n (shuffle)",
        "  -> other  kept 1",
        "falls back to gone: passed over, unknown",
    ]
    as_json = CliRunner().invoke(main, ["explain", "-", "--config", str(file), "--json"], input=json.dumps(PICTURE))
    assert json.loads(as_json.output)["considered"][0]["chosen"] == "sees"


def test_the_command_asks_a_gateway(gateway_of_two: Gateway) -> None:
    environ = {"TIANJI_MASTER_KEY": MASTER_KEY, "NO_PROXY": "*"}
    text = json.dumps(PICTURE)
    told = CliRunner().invoke(main, ["explain", "-", "--url", gateway_of_two.url], input=text, env=environ)
    assert "  -> sees  kept 1" in told.output.splitlines()
    wrong = CliRunner().invoke(
        main, ["explain", "-", "--url", gateway_of_two.url], input=text, env={**environ, "TIANJI_MASTER_KEY": "sk-no"}
    )
    assert (wrong.exit_code, "401" in wrong.output) == (1, True)


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("model_list: 7\n")
    broken = CliRunner().invoke(main, ["explain", "-", "--config", str(file)], input="{}")
    assert broken.exit_code == 2
    assert CliRunner().invoke(main, ["explain", "-"], input="{}").exit_code == 2
    file.write_text(json.dumps(config("http://127.0.0.1:9")))
    unknown = CliRunner().invoke(main, ["explain", "-", "--config", str(file)], input='{"model":"nope"}')
    assert (unknown.exit_code, "nope" in unknown.output) == (1, True)
