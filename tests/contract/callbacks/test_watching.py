"""Numbers by key and team, and alerts, out of the journals, through the running gateway."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.contract.harness import BOOKS, PATIENCE, UPSTREAM_KEY, Gateway, Mock, eventually, openai_model
from tests.fakes.ears import Ears
from tests.fakes.vendors import Vendors, plain

PRICES = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}
ANTHROPIC = (("Anthropic-RateLimit-Input-Tokens-Limit", "100"), ("anthropic-ratelimit-input-tokens-remaining", "10"))
REQUESTS = "litellm_proxy_total_requests_metric_total"


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, ears: Ears, vendors: Vendors, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("watching")
    config = {
        "model_list": [
            openai_model("m", "m-up", mock_process.url, **PRICES) | {"model_info": {"id": "d1"}},
            openai_model("limited", "limited", vendors.url) | {"model_info": {"id": "d2"}},
        ],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "litellm_settings": {"callbacks": ["prometheus"], "require_auth_for_metrics_endpoint": False},
        "general_settings": {
            "alerting": ["slack", "webhook"],
            "alerting_threshold": 2,
            "ratelimit_alert_threshold": 0.8,
        },
    }
    env = {
        **BOOKS,
        "TIANJI_DATA_DIR": str(folder / ("long" * 30) / "data"),
        "SLACK_WEBHOOK_URL": f"{ears.url}/slack",
        "WEBHOOK_URL": f"{ears.url}/events",
    }
    Path(env["TIANJI_DATA_DIR"]).parent.mkdir()
    with Gateway(config, folder, edge=edge, env=env, workers=2) as running:
        yield running


def told(gateway: Gateway, family: str, *labels: str) -> dict[str, float]:
    """Return the values of a family, by labels."""
    text = gateway.client.get("/metrics", headers={"authorization": ""}).text
    found: dict[str, float] = {}
    for one in text_string_to_metric_families(text):
        for sample in one.samples:
            if sample.name == family:
                key = ",".join(sample.labels[label] for label in labels)
                found[key] = found.get(key, 0) + sample.value
    return found


def key(gateway: Gateway, **fields: Any) -> dict[str, str]:
    made = gateway.post("/key/generate", fields).json()
    return {"authorization": f"Bearer {made['key']}"}


def test_numbers_are_exact_by_key_over_workers(gateway: Gateway, mock: Mock) -> None:
    alice, bob = (key(gateway, key_alias=name, max_budget=50, rpm_limit=100) for name in ("alice", "bob"))
    body = {"model": "m", "messages": [{"role": "user", "content": "one two"}], "max_tokens": 4}
    cost = {"alice": 0.0, "bob": 0.0}
    for number in range(12):
        who, name = (alice, "alice") if number % 3 else (bob, "bob")
        answer = gateway.chat(body, **who)
        used = answer.json()["usage"]
        cost[name] += used["prompt_tokens"] * 0.001 + used["completion_tokens"] * 0.002
    assert gateway.chat({**body, "model": "nobody"}, **bob).status_code == 404
    eventually(lambda: told(gateway, REQUESTS, "api_key_alias").get("bob") == 5, "all are counted", PATIENCE)
    assert told(gateway, REQUESTS, "api_key_alias", "status_code") == {"alice,200": 8, "bob,200": 4, "bob,404": 1}
    spent = told(gateway, "litellm_spend_metric_total", "api_key_alias")
    assert spent == {name: pytest.approx(dollars) for name, dollars in cost.items()}
    assert told(gateway, "litellm_request_total_latency_metric_count", "model_id") == {"d1": 12}
    assert 0 < told(gateway, "litellm_overhead_latency_metric_sum", "model_id")["d1"] < 60
    assert told(gateway, "litellm_llm_api_latency_metric_count", "model_id") == {"d1": 12}
    assert told(gateway, "litellm_deployment_state", "model_id") == {"d1": 0, "d2": 0}

    used = told(gateway, "litellm_api_key_rate_limit_used_metric", "api_key_alias", "rate_limit_type")
    assert used == {"alice,requests": 8, "bob,requests": 4}

    def left() -> dict[str, float]:
        return told(gateway, "litellm_remaining_api_key_budget_metric", "api_key_alias")

    # the books follow the journals
    eventually(lambda: left().get("alice", 50) == pytest.approx(50 - cost["alice"]), "the budget is told", PATIENCE)


def test_what_the_provider_says_is_left_is_told(gateway: Gateway, vendors: Vendors) -> None:
    said = {"id": "c", "object": "chat.completion", "created": 1, "model": "x", "choices": []}
    for requests, tokens in (("59", "900"), ("58", "soon")):
        left = (("x-ratelimit-remaining-requests", requests), ("X-RateLimit-Remaining-Tokens", tokens), *ANTHROPIC)
        vendors.say("/v1/chat/completions", plain(said)._replace(headers=left))
        assert gateway.chat({"model": "limited", "messages": []}).status_code == 200
        family = "litellm_remaining_requests_metric"
        eventually(lambda: told(gateway, family, "model_id") == {"d2": float(requests)}, "the latest is told", PATIENCE)  # noqa: B023
        tokens_left = told(gateway, "litellm_remaining_tokens_metric", "model_id", "model_group")
        assert tokens_left == ({"d2,limited": 900} if tokens.isdigit() else {})


def test_a_key_that_has_used_much_of_a_limit_is_told_of_once(gateway: Gateway, vendors: Vendors, ears: Ears) -> None:
    said = {"id": "c", "object": "chat.completion", "created": 1, "model": "x", "choices": []}
    vendors.say("/v1/chat/completions", plain(said)._replace(headers=ANTHROPIC))
    for _ in range(2):
        assert gateway.chat({"model": "limited", "messages": []}).status_code == 200
    eventually(lambda: told_slack(ears, "ratelimit_alerts", "deployment d2): 90% of a limit"), "it is told", PATIENCE)
    assert len(told_slack(ears, "ratelimit_alerts")) == 1


def test_one_family_may_be_asked_for(gateway: Gateway, mock: Mock) -> None:
    assert gateway.chat({"model": "m", "messages": []}).status_code == 200
    eventually(lambda: told(gateway, REQUESTS, "route"), "something is there", PATIENCE)
    text = gateway.client.get("/metrics", params={"name[]": REQUESTS}, headers={"authorization": ""}).text
    assert {line.split("{")[0] for line in text.splitlines() if not line.startswith("#")} == {REQUESTS}


def told_slack(ears: Ears, *words: str) -> list[str]:
    texts = [body["text"] for path, _, body in ears.heard if path == "/slack"]
    return [text for text in texts if all(word in text for word in words)]


def test_a_budget_that_is_crossed_is_told_of_once(gateway: Gateway, mock: Mock, ears: Ears) -> None:
    mallory = key(gateway, key_alias="<!channel>", max_budget=0.02)
    body = {"model": "m", "messages": [{"role": "user", "content": "one two"}], "max_tokens": 4}
    asked = [gateway.chat(body, **mallory).status_code for _ in range(6)]
    assert asked[0] == 200
    assert asked[-1] != 200
    eventually(lambda: told_slack(ears, "budget_alerts", "budget of $0.02 crossed"), "it is told", PATIENCE)
    assert told_slack(ears, "key &lt;!channel&gt;: budget of $0.02 crossed")

    def events() -> list[dict[str, Any]]:
        return [body for path, _, body in ears.heard if path == "/events" and body["event"] == "budget_crossed"]

    (event,) = eventually(events, "the event is told, too", PATIENCE)
    assert (event["event_group"], event["key_alias"], event["max_budget"]) == ("key", "<!channel>", 0.02)


def test_failures_and_what_hangs_are_told_without_secrets(gateway: Gateway, mock: Mock, ears: Ears) -> None:
    mock.control({"status": 500}, model="m-up", times=1)
    assert gateway.chat({"model": "m", "messages": []}).status_code == 500
    eventually(lambda: told_slack(ears, "llm_exceptions", "deployment d1"), "the failure is told", PATIENCE)
    mock.control({"first_byte_ms": 60000}, model="m-up", times=1)
    body = b'{"model":"m","messages":[]}'
    with gateway.connect() as client:
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\nauthorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b"
            % (gateway.key.encode(), len(body), body)
        )
        eventually(lambda: told_slack(ears, "llm_requests_hanging", "one request has been"), "it hangs", PATIENCE)
    assert UPSTREAM_KEY not in str(ears.heard)
    assert gateway.key not in str(ears.heard)
