"""Providers beside OpenAI and Anthropic that have their forms: what clients say in these goes through as it is."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.harness import UPSTREAM_KEY, Gateway, Mock

SEARCH = [{"type": "web_search", "filters": {"allowed_domains": ["a.example"]}}]  # no chat has this
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "sealed"}
RESPONSES = {  # deployments, and where they are asked by the Responses API
    "xai": "/v1/responses",
    "azure": "/openai/v1/responses",
    "azure-dated": "/openai/responses?api-version=2025-04-01-preview",
    "azure-only": "/openai/v1/responses",
    "foundry": "/openai/v1/responses",
    "perplexity": "/v1/responses",
    "databricks": "/serving-endpoints/responses",
    "meta": "/v1/responses",
}


def models(base: str) -> dict[str, dict[str, Any]]:
    return {
        "xai": {"model": "xai/grok-4.3", "api_base": f"{base}/v1"},
        "azure": {"model": "azure/dep", "api_base": base},
        "azure-dated": {"model": "azure/dep", "api_base": base, "api_version": "2025-04-01-preview"},
        "azure-only": {"model": "azure/responses/dep", "api_base": base, "api_version": "2024-10-21"},
        "azure-chat": {"model": "azure/dep", "api_base": base, "use_chat_completions_api": True},
        "foundry": {"model": "azure_ai/gpt-5.4", "api_base": base},
        "perplexity": {"model": "perplexity/openai/gpt-5.2", "api_base": base},
        "sonar": {"model": "perplexity/sonar", "api_base": base},
        "databricks": {"model": "databricks/databricks-gpt-5-5", "api_base": base},
        "meta": {"model": "meta/llama", "api_base": f"{base}/v1"},
        "deepseek": {"model": "deepseek/deepseek-v4", "api_base": f"{base}/beta"},
        "minimax": {"model": "minimax/MiniMax-M3", "api_base": f"{base}/v1"},
        "databricks-claude": {"model": "databricks/databricks-claude-opus-5", "api_base": base},
        "snowflake": {"model": "snowflake/claude-opus-5", "api_base": f"{base}/cortex/v1"},
        "edenai": {"model": "edenai/anthropic/claude-x", "api_base": f"{base}/v3"},
        "parasail": {"model": "parasail/p", "api_base": f"{base}/v1"},
    }


@pytest.fixture(scope="module")
def serving(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    listed = [
        {"model_name": name, "litellm_params": {"api_key": UPSTREAM_KEY, **params}}
        for name, params in models(mock_process.url).items()
    ]
    with Gateway({"model_list": listed}, tmp_path_factory.mktemp("ways"), edge=edge) as running:
        yield running


@pytest.fixture
def gateway(serving: Gateway, mock: Mock) -> Gateway:
    return serving


@pytest.mark.parametrize("model", RESPONSES)
def test_responses_go_through(gateway: Gateway, mock: Mock, model: str) -> None:
    asked = {"model": model, "input": "one two three", "tools": SEARCH, "max_output_tokens": 4}
    answer = gateway.post("/v1/responses", asked)
    assert answer.status_code == 200, answer.text
    sent = mock.last()
    assert sent["target"] == RESPONSES[model]
    assert (sent["json"]["tools"], sent["json"]["max_output_tokens"]) == (SEARCH, 4)
    streamed = gateway.post("/v1/responses", asked | {"stream": True})
    last = [line for line in streamed.text.splitlines() if line.startswith("data: {")][-1]
    assert json.loads(last[6:])["type"] in ("response.completed", "response.incomplete")
    assert mock.last()["target"] == RESPONSES[model]


@pytest.mark.parametrize("model", ["azure-chat", "sonar", "parasail"])
def test_others_are_asked_by_chat(gateway: Gateway, mock: Mock, model: str) -> None:
    assert gateway.post("/v1/responses", {"model": model, "input": "one"}).status_code == 200
    assert mock.last()["path"].endswith("/chat/completions")


@pytest.mark.parametrize("model", ["azure-only", "perplexity"])
def test_a_model_of_responses_alone_is_reached_from_every_form(gateway: Gateway, mock: Mock, model: str) -> None:
    turns = [{"role": "user", "content": "one two three"}]
    for path, body in (("/v1/chat/completions", {}), ("/v1/messages", {"max_tokens": 9})):
        for stream in (False, True):
            answer = gateway.post(path, {"model": model, "messages": turns, "stream": stream, **body})
            assert answer.status_code == 200, answer.text
            assert mock.last()["target"] == RESPONSES[model]


MESSAGES = {
    "meta": ("/v1/messages", "llama"),
    "deepseek": ("/anthropic/v1/messages", "deepseek-v4"),
    "minimax": ("/anthropic/v1/messages", "MiniMax-M3"),
    "edenai": ("/v3/v1/messages", "anthropic/claude-x"),
    "databricks-claude": ("/serving-endpoints/anthropic/v1/messages", "databricks-claude-opus-5"),
    "snowflake": ("/cortex/v1/messages", "claude-opus-5"),
}


@pytest.mark.parametrize("model", MESSAGES)
def test_messages_go_through(gateway: Gateway, mock: Mock, model: str) -> None:
    turns = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": [THOUGHT, {"type": "text", "text": "x"}]},
        {"role": "user", "content": "two"},
    ]
    asked = {"model": model, "messages": turns, "max_tokens": 4, "top_k": 3}
    answer = gateway.client.post("/v1/messages", json=asked, headers={"anthropic-beta": "own-flag"})
    assert answer.status_code == 200, answer.text
    sent = mock.last()
    target, name = MESSAGES[model]
    assert sent["target"] == target
    headers = dict(map(tuple, sent["headers"]))
    assert headers["authorization"] == f"Bearer {UPSTREAM_KEY}"
    assert (headers["anthropic-version"], headers["anthropic-beta"]) == ("2023-06-01", "own-flag")
    assert json.loads(sent["body"]) == asked | {"model": name}


def test_that_a_tool_is_of_the_usual_kind_is_not_said(gateway: Gateway, mock: Mock) -> None:
    tool = {"name": "f", "input_schema": {"type": "object", "properties": {"type": {"const": "custom"}}}}
    tools = [{"type": "custom", **tool}, {"type": "web_search_20250305", "name": "web_search"}]
    asked = {"model": "deepseek", "messages": [{"role": "user", "content": "x"}], "max_tokens": 4, "tools": tools}
    assert gateway.post("/v1/messages", asked).status_code == 200
    assert mock.last()["json"]["tools"] == [tool, tools[1]]
