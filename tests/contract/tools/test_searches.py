"""Searches of the web: asked for by clients, and made for models whose providers cannot."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.accounting.books import entries
from tests.contract.harness import BOOKS, Gateway, events
from tests.fakes.vendors import Answer, Vendors, plain

NATIVE = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
FUNCTION = "litellm_web_search"
TURN = {"role": "user", "content": "what of walls?"}
PAGES = {"results": [{"title": "Walls", "url": "https://walls.example", "content": "are tall"}]}


@pytest.fixture(scope="module")
def gateway(edge: str, vendors: Vendors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    def model(name: str, upstream: str) -> dict[str, Any]:
        base = vendors.url if upstream.startswith("anthropic") else f"{vendors.url}/v1"
        prices = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.001}
        return {"model_name": name, "litellm_params": {"model": upstream, "api_base": base, "api_key": "k", **prices}}

    def tool(name: str, path: str, **params: Any) -> dict[str, Any]:
        usual = {"search_provider": "tavily", "api_base": f"{vendors.url}/{path}", "api_key": "tvly-canary"}
        return {
            "search_tool_name": name,
            "litellm_params": {**usual, **params},
            "search_tool_info": {"description": path},
        }

    config = {
        "model_list": [model("gpt", "openai/gpt-test"), model("claude", "anthropic/claude"), model("groq", "groq/x")],
        "search_tools": [
            tool("web", "tavily"),
            tool("broken", "broken"),
            tool("dear", "tavily", input_cost_per_query=1),
        ],
        "guardrails": [
            {
                "guardrail_name": "words",
                "litellm_params": {
                    "guardrail": "litellm_content_filter",
                    "mode": ["pre_call", "post_call"],
                    "blocked_words": [
                        {"keyword": "forbidden", "action": "BLOCK"},
                        {"keyword": "tall", "action": "MASK"},
                    ],
                },
            }
        ],
        "router_settings": {"num_retries": 0},
        "litellm_settings": {
            "callbacks": ["websearch_interception"],
            "websearch_interception_params": {"enabled_providers": ["openai", "anthropic"], "search_tool_name": "web"},
        },
    }
    with Gateway(config, tmp_path_factory.mktemp("searches"), edge=edge, env=BOOKS) as running:
        yield running


@pytest.fixture(autouse=True)
def _web(vendors: Vendors) -> None:
    vendors.reset()
    vendors.say("/tavily/search", plain(PAGES))
    vendors.say("/broken/search", Answer(b"no", 500))


def test_a_client_searches(gateway: Gateway, vendors: Vendors) -> None:
    found = {"title": "Walls", "url": "https://walls.example", "snippet": "are tall"}
    for path, body in (
        ("/v1/search/web", {"query": "walls", "max_results": 5, "topic": "news"}),
        ("/search", {"query": "walls", "search_tool_name": "web"}),
    ):
        answer = gateway.post(path, body)
        assert answer.json() == {"object": "search", "results": [found]}
        assert vendors.last("/tavily/search").headers["authorization"] == "Bearer tvly-canary"
    twice = gateway.post("/v1/search", {"query": ["a", "b"], "model": "web"})
    assert twice.json()["results"] == [found, found]
    listed = gateway.client.get("/v1/search/tools").json()["data"]
    assert {"search_tool_name": "web", "search_provider": "tavily", "description": "tavily"} in listed
    assert "tvly" not in gateway.client.get("/search_tools/list").text
    for path, body, status in (
        ("/v1/search/nobody", {"query": "x"}, 404),
        ("/v1/search", {"query": "x"}, 400),
        ("/v1/search/web", {}, 400),
        ("/v1/search/broken", {"query": "x"}, 502),
    ):
        assert gateway.post(path, body).status_code == status


def test_what_is_asked_and_found_is_judged(gateway: Gateway, vendors: Vendors) -> None:
    def search(query: str) -> Any:
        return gateway.post("/v1/search/web", {"query": ["x", query], "guardrails": ["words"]})

    assert search("forbidden").status_code == 400
    assert vendors.asked == []
    assert search("a tall wall").json()["results"][0]["snippet"] == "are [KEYWORD_REDACTED]"
    assert "tall" not in json.dumps([asked.json for asked in vendors.asked])


def test_a_search_is_allowed_limited_and_paid_for(gateway: Gateway) -> None:
    def key(**fields: Any) -> dict[str, str]:
        made = gateway.post("/key/generate", fields)
        assert made.status_code == 200, made.text
        return {"authorization": f"Bearer {made.json()['key']}"}

    confined = key(object_permission={"search_tools": ["web"]})
    assert gateway.post("/v1/search/web", {"query": "x"}, **confined).status_code == 200
    refused = gateway.post("/v1/search/dear", {"query": "x"}, **confined)
    assert (refused.status_code, refused.json()["error"]["type"]) == (403, "key_search_tool_access_denied")
    names = gateway.client.get("/v1/search/tools", headers=confined).json()["data"]
    assert [one["search_tool_name"] for one in names] == ["web"]
    poor = key(max_budget=1.5)
    assert gateway.post("/v1/search/dear", {"query": "x"}, **poor).status_code == 200
    assert gateway.post("/v1/search/dear", {"query": "x"}, **poor).status_code == 200  # with what is left
    assert gateway.post("/v1/search/dear", {"query": "x"}, **poor).status_code == 422
    slow = key(rpm_limit=1)
    assert gateway.post("/v1/search/web", {"query": "x"}, **slow).status_code == 200
    assert gateway.post("/v1/search/web", {"query": "x"}, **slow).status_code == 429


def chat(content: str | None, *calls: dict[str, Any]) -> Answer:
    message = {"role": "assistant", "content": content} | ({"tool_calls": list(calls)} if calls else {})
    return plain(
        {
            "id": "c", "object": "chat.completion", "created": 1, "model": "gpt-test",
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        }
    )  # fmt: skip


def call(name: str = FUNCTION, **arguments: Any) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_searches(gateway: Gateway, vendors: Vendors, stream: bool) -> None:
    vendors.say("/v1/chat/completions", chat(None, call(query="walls")), chat("they are tall"))
    body = {"model": "gpt", "messages": [TURN], "tools": [NATIVE], "stream": stream}
    answer = gateway.chat(body | ({"stream_options": {"include_usage": True}} if stream else {}))
    assert answer.status_code == 200, answer.text
    first, second = (asked.json for asked in vendors.asked if asked.path == "/v1/chat/completions")
    assert "stream" not in first
    assert [tool["function"]["name"] for tool in first["tools"]] == [FUNCTION]
    assert second["messages"][-1] == {
        "role": "tool", "tool_call_id": "call_1", "content": "Title: Walls\nURL: https://walls.example\nare tall",
    }  # fmt: skip
    assert json.loads(vendors.last("/tavily/search").body)["query"] == "walls"
    if stream:
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = events(answer.text)
        assert told[-1] == "[DONE]"
        text = "".join(one["choices"][0]["delta"].get("content") or "" for one in told[:-1] if one["choices"])
        usage = next(one["usage"] for one in told[:-1] if one.get("usage"))
    else:
        text, usage = answer.json()["choices"][0]["message"]["content"], answer.json()["usage"]
    assert text == "they are tall"
    assert usage == {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}
    # two answers of 15 tokens, and a search
    assert float(answer.headers["x-litellm-response-cost"]) == pytest.approx(0.038)


def test_each_part_has_an_entry_under_one_call(gateway: Gateway, vendors: Vendors) -> None:
    vendors.say("/v1/chat/completions", chat(None, call(query="walls")), chat("tall"))
    body = {"model": "gpt", "messages": [TURN], "tools": [NATIVE], "user": "mason", "metadata": {"tags": ["walls"]}}
    assert gateway.chat(body, x_litellm_call_id="one-call").status_code == 200
    found = entries(gateway, 3, call_id="one-call")
    assert sorted(one["call_type"] for one in found) == ["acompletion", "acompletion", "asearch"]
    assert {(one["end_user"], json.loads(one["tags"])[0]) for one in found} == {("mason", "walls")}


def test_a_client_of_anthropic_sees_the_search(gateway: Gateway, vendors: Vendors) -> None:
    def said(*blocks: dict[str, Any]) -> Answer:
        stop = "tool_use" if blocks[-1]["type"] == "tool_use" else "end_turn"
        usage = {"input_tokens": 10, "output_tokens": 5}
        return plain(
            {"id": "m", "type": "message", "role": "assistant", "model": "claude", "content": list(blocks),
             "stop_reason": stop, "stop_sequence": None, "usage": usage}
        )  # fmt: skip

    use = {"type": "tool_use", "id": "toolu_1", "name": FUNCTION, "input": {"query": "walls"}}
    body = {"model": "claude", "max_tokens": 99, "messages": [TURN], "tools": [NATIVE]}
    for stream in (False, True):
        vendors.say("/v1/messages", said(use), said({"type": "text", "text": "tall"}))
        answer = gateway.post("/v1/messages", body | {"stream": stream}, anthropic_beta="x")
        assert answer.status_code == 200, answer.text
        assert vendors.last("/v1/messages").headers["anthropic-beta"] == "x"
        if not stream:
            blocks = answer.json()["content"]
            assert [block["type"] for block in blocks] == ["server_tool_use", "web_search_tool_result", "text"]
            assert answer.json()["usage"]["server_tool_use"] == {"web_search_requests": 1}
        else:
            assert "event: message_stop" in answer.text
            assert "https://walls.example" in answer.text
            assert "tall" in answer.text


def test_a_model_that_goes_on_searching_is_told_to_answer(gateway: Gateway, vendors: Vendors) -> None:
    vendors.say("/v1/chat/completions", chat(None, call(query="walls")))
    body = {"model": "gpt", "messages": [TURN], "tools": [NATIVE], "tool_choice": "required"}
    assert gateway.chat(body).status_code == 200
    asked = [one.json for one in vendors.asked if one.path == "/v1/chat/completions"]
    assert [one["tool_choice"] for one in asked] == ["required", "auto", "auto", "none"]
    assert sum(one.path == "/tavily/search" for one in vendors.asked) == 2  # max_uses
    assert "max_uses_exceeded" in json.dumps(asked[-1])


def test_what_fails_is_told(gateway: Gateway, vendors: Vendors) -> None:
    body = {"model": "gpt", "messages": [TURN], "tools": [NATIVE]}
    vendors.say("/tavily/search", Answer(b"", 500))
    vendors.say("/v1/chat/completions", chat(None, call(query="walls")), chat("I do not know"))
    assert gateway.chat(body).json()["choices"][0]["message"]["content"] == "I do not know"
    assert "unavailable" in json.dumps(vendors.last("/v1/chat/completions").json)
    vendors.say("/v1/chat/completions", plain({"error": {"message": "no"}}, 400))
    assert gateway.chat(body | {"stream": True}).status_code == 400


def test_requests_without_a_search_of_ours_go_as_they_are(gateway: Gateway, vendors: Vendors) -> None:
    own = {"type": "function", "function": {"name": "mine", "parameters": {}}}
    vendors.say("/v1/chat/completions", chat(None, call("mine")))
    for model, tools in (("gpt", [own]), ("groq", [NATIVE])):
        assert gateway.chat({"model": model, "messages": [TURN], "tools": tools}).status_code == 200
        assert vendors.last("/v1/chat/completions").json["tools"] == tools
    assert all(one.path != "/tavily/search" for one in vendors.asked)
