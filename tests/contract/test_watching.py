"""Numbers by key and team, out of the journals, through the running gateway."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.contract.harness import BOOKS, Gateway, Mock, eventually, openai_model

PRICES = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}
REQUESTS = "litellm_proxy_total_requests_metric_total"


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("watching")
    config = {
        "model_list": [openai_model("m", "m-up", mock_process.url, **PRICES) | {"model_info": {"id": "d1"}}],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "litellm_settings": {"callbacks": ["prometheus"], "require_auth_for_metrics_endpoint": False},
    }
    env = {**BOOKS, "TIANJI_DATA_DIR": str(folder / ("long" * 30) / "data")}
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
    alice, bob = (key(gateway, key_alias=name, max_budget=50) for name in ("alice", "bob"))
    body = {"model": "m", "messages": [{"role": "user", "content": "one two"}], "max_tokens": 4}
    cost = {"alice": 0.0, "bob": 0.0}
    for number in range(12):
        who, name = (alice, "alice") if number % 3 else (bob, "bob")
        answer = gateway.chat(body, **who)
        used = answer.json()["usage"]
        cost[name] += used["prompt_tokens"] * 0.001 + used["completion_tokens"] * 0.002
    assert gateway.chat({**body, "model": "nobody"}, **bob).status_code == 404
    eventually(lambda: told(gateway, REQUESTS, "api_key_alias").get("bob") == 5, "all are counted", 30)
    assert told(gateway, REQUESTS, "api_key_alias", "status_code") == {"alice,200": 8, "bob,200": 4, "bob,404": 1}
    spent = told(gateway, "litellm_spend_metric_total", "api_key_alias")
    assert spent == {name: pytest.approx(dollars) for name, dollars in cost.items()}
    assert told(gateway, "litellm_request_total_latency_metric_count", "model_id") == {"d1": 12}
    assert 0 < told(gateway, "litellm_overhead_latency_metric_sum", "model_id")["d1"] < 60
    assert told(gateway, "litellm_llm_api_latency_metric_count", "model_id") == {"d1": 12}
    assert told(gateway, "litellm_deployment_state", "model_id") == {"d1": 0}

    def left() -> dict[str, float]:
        return told(gateway, "litellm_remaining_api_key_budget_metric", "api_key_alias")

    # the books follow the journals
    eventually(lambda: left().get("alice", 50) == pytest.approx(50 - cost["alice"]), "the budget is told", 30)


def test_one_family_may_be_asked_for(gateway: Gateway, mock: Mock) -> None:
    assert gateway.chat({"model": "m", "messages": []}).status_code == 200
    eventually(lambda: told(gateway, REQUESTS, "route"), "something is there", 30)
    text = gateway.client.get("/metrics", params={"name[]": REQUESTS}, headers={"authorization": ""}).text
    assert {line.split("{")[0] for line in text.splitlines() if not line.startswith("#")} == {REQUESTS}
