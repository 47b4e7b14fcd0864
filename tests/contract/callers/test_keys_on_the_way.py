"""What a virtual key means for the requests that are made with it: models, aliases, tags, weights, teams, fallbacks."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from tests.contract.conftest import StartGateway
from tests.contract.harness import Gateway, Mock, openai_model

Ask = Callable[..., httpx.Response]


def deployment(name: str, mock: Mock, group: str, **info: object) -> dict[str, Any]:
    tags = info.pop("tags", [])
    params = {"tags": tags} if tags else {}
    return openai_model(group, f"{name}-up", mock.url, **params) | {"model_info": {"id": name, **info}}


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    mock = mock_process
    config = {
        "model_list": [
            deployment("a1", mock, "a"),
            deployment("a2", mock, "a"),
            deployment("b1", mock, "b"),
            deployment("c1", mock, "c"),
            deployment("g1", mock, "pub"),
            deployment("t1", mock, "inner-1", team_id="T", team_public_model_name="pub"),
            deployment("t2", mock, "inner-2", team_id="T", team_public_model_name="pub"),
            deployment("o1", mock, "inner-3", team_id="T", team_public_model_name="own"),
        ],
        "router_settings": {
            "num_retries": 0,
            "fallbacks": [{"a": ["b", "c"]}],
            "disable_cooldowns": True,  # what fails in one test is whole in the next
        },
    }
    with Gateway(config, tmp_path_factory.mktemp("keys"), edge=edge) as running:
        for team in ("T", "U"):
            assert running.post("/team/new", {"team_id": team}).status_code == 200
        yield running


@pytest.fixture(autouse=True)
def _answers_are_good(mock: Mock) -> None:
    """What an earlier test let fail is whole again."""


def key(gateway: Gateway, **fields: object) -> str:
    answer = gateway.post("/key/generate", fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["key"])


def ask(gateway: Gateway, with_key: str, model: str, **members: object) -> httpx.Response:
    return gateway.chat({"model": model, "messages": [], **members}, authorization=f"Bearer {with_key}")


def test_only_the_models_of_the_key(gateway: Gateway, mock: Mock) -> None:
    own = key(gateway, models=["a"])
    assert ask(gateway, own, "a").status_code == 200
    refused = ask(gateway, own, "b")
    assert (refused.status_code, refused.json()["error"]["type"]) == (403, "key_model_access_denied")
    assert ask(gateway, own, "nope").status_code == 403, "what a key may not use, it is told nothing of"
    assert [request["json"]["model"] for request in mock.requests()] in (["a1-up"], ["a2-up"])


def test_a_fallback_is_admitted_like_a_first_choice(gateway: Gateway, mock: Mock) -> None:
    mock.control({"status": 500}, model="a1-up")
    mock.control({"status": 500}, model="a2-up")
    own = key(gateway, models=["a", "c"])
    asked = {"authorization": f"Bearer {own}", "x_tianji_trail": "1"}
    answer = gateway.chat({"model": "a", "messages": []}, **asked)
    assert (answer.status_code, answer.headers["x-litellm-model-group"]) == (200, "c"), "b is passed over"
    assert "; b:skipped=" in answer.headers["x-tianji-trail"]
    assert ask(gateway, key(gateway, models=["a"]), "a").status_code == 500


def test_a_key_has_names_of_its_own(gateway: Gateway) -> None:
    own = key(gateway, models=["b"], aliases={"mine": "b"})
    answer = ask(gateway, own, "mine")
    assert (answer.status_code, answer.json()["model"]) == (200, "mine")
    assert answer.headers["x-litellm-model-id"] == "b1"


def test_a_key_has_weights_of_its_own(gateway: Gateway) -> None:
    own = key(gateway, router_settings={"weights": {"a": {"a1": 0, "a2": 1}}})
    assert {ask(gateway, own, "a").headers["x-litellm-model-id"] for _ in range(20)} == {"a2"}


def test_a_key_has_fallbacks_of_its_own(gateway: Gateway, mock: Mock) -> None:
    mock.control({"status": 500}, model="b1-up")
    own = key(gateway, router_settings={"fallbacks": [{"b": ["c"]}]})
    assert ask(gateway, own, "b").headers["x-litellm-model-group"] == "c"
    assert ask(gateway, own, "b", fallbacks=[]).status_code == 500, "the request's own word comes first"
    assert ask(gateway, gateway.key, "b").status_code == 500


def test_a_team_has_deployments_of_its_own(gateway: Gateway) -> None:
    member, stranger, nobody = key(gateway, team_id="T"), key(gateway, team_id="U"), key(gateway)
    assert {ask(gateway, member, "pub").headers["x-litellm-model-id"] for _ in range(20)} == {"t1", "t2"}
    for other in (stranger, nobody, gateway.key):
        assert {ask(gateway, other, "pub").headers["x-litellm-model-id"] for _ in range(10)} == {"g1"}
    assert ask(gateway, member, "own").headers["x-litellm-model-id"] == "o1"
    for other in (stranger, nobody):
        assert ask(gateway, other, "own").status_code == 404
        assert ask(gateway, other, "inner-3").status_code == 404, "nor by its inner name"


def test_what_a_team_has_is_all_that_it_gets(gateway: Gateway, mock: Mock) -> None:
    member = key(gateway, team_id="T")
    for upstream in ("t1-up", "t2-up"):
        mock.control({"status": 401}, model=upstream)
    assert ask(gateway, member, "pub", num_retries=2).status_code == 401
    assert {request["json"]["model"] for request in mock.requests()} == {"t1-up", "t2-up"}


def test_tags_of_a_key_and_its_team_choose(start_gateway: StartGateway, mock: Mock) -> None:
    models = [deployment("slow", mock, "m", tags=["slow"]), deployment("fast", mock, "m", tags=["fast", "default"])]
    gateway = start_gateway({"model_list": models, "router_settings": {"num_retries": 0, "enable_tag_filtering": True}})
    assert gateway.post("/team/new", {"team_id": "T", "metadata": {"tags": ["slow"]}}).status_code == 200
    assert ask(gateway, key(gateway, metadata={"tags": ["slow"]}), "m").headers["x-litellm-model-id"] == "slow"
    assert ask(gateway, key(gateway, team_id="T"), "m").headers["x-litellm-model-id"] == "slow"
    assert ask(gateway, key(gateway), "m").headers["x-litellm-model-id"] == "fast"


def test_sessions_of_two_keys_are_two_sessions(start_gateway: StartGateway, mock: Mock) -> None:
    models = [deployment(name, mock, "m") for name in "abcdefgh"]
    settings = {"optional_pre_call_checks": ["session_affinity"]}
    gateway = start_gateway({"model_list": models, "router_settings": settings})
    keys = [key(gateway) for _ in range(6)]
    homes = []
    for own in keys:
        found = {ask(gateway, own, "m", metadata={"session_id": "s"}).headers["x-litellm-model-id"] for _ in range(4)}
        assert len(found) == 1
        homes += found
    assert len(set(homes)) > 1
