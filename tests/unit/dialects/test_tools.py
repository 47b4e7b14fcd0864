"""What is said of tools beside what they are: a choice among several, what failed, where a search may look."""

import json
from typing import Any

import pytest
from tests.unit.dialects.pairs import PLAIN, UPSTREAMS, Json, sent

from tianji.errors import UnsupportedParams

SCHEMA = {"type": "object", "properties": {"wanted": {"type": "string"}}}
FUNCTIONS = [{"name": name, "parameters": SCHEMA} for name in ("first", "second", "third")]
ALLOWED = ["first", "third"]
CHOOSING: dict[str, Json] = {
    "chat": PLAIN["chat"]
    | {
        "tools": [{"type": "function", "function": one} for one in FUNCTIONS],
        "tool_choice": {
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": "required",
                "tools": [{"type": "function", "function": {"name": name}} for name in ALLOWED],
            },
        },
    },
    "gemini": PLAIN["gemini"]
    | {
        "tools": [{"functionDeclarations": FUNCTIONS}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ALLOWED}},
    },
    "responses": PLAIN["responses"]
    | {
        "tools": [{"type": "function", **one} for one in FUNCTIONS],
        "tool_choice": {
            "type": "allowed_tools",
            "mode": "required",
            "tools": [{"type": "function", "name": name} for name in ALLOWED],
        },
    },
}
FORCED: dict[str, Any] = {  # how each says that a tool must be called
    "openai": "required",
    "anthropic": {"type": "any"},
    "gemini": "ANY",
    "bedrock": {"any": {}},
    "cohere": "REQUIRED",
    "responses": "required",
}


def choice_in(upstream: str, body: Json) -> Any:
    if upstream == "gemini":
        return body["toolConfig"]["functionCallingConfig"]["mode"]
    return body["toolConfig"]["toolChoice"] if upstream == "bedrock" else body["tool_choice"]


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", CHOOSING)
def test_a_choice_among_several(client: str, upstream: str) -> None:
    body = sent(client, upstream, CHOOSING[client])
    chosen = choice_in(upstream, body)
    if isinstance(chosen, dict) and chosen.get("type") == "allowed_tools":  # an upstream that has the notion itself
        flat = {
            "type": "allowed_tools",
            "mode": "required",
            "tools": [{"type": "function", "name": n} for n in ALLOWED],
        }
        assert chosen == (flat if upstream == "responses" else CHOOSING["chat"]["tool_choice"])
        return
    assert chosen == FORCED[upstream]
    if upstream == "gemini" and client != "responses":
        assert body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"] == ALLOWED
        return
    told = json.dumps(body)
    assert '"first"' in told
    assert '"third"' in told
    assert '"second"' not in told


def test_what_failed_is_told() -> None:
    use = {"type": "tool_use", "id": "call_1", "name": "first", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "call_1", "content": "no such city", "is_error": True}
    body = PLAIN["messages"] | {
        "tools": [{"name": "first", "input_schema": SCHEMA}],
        "messages": [
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result]},
        ],
    }
    (block,) = sent("messages", "anthropic", body)["messages"][-1]["content"]
    assert block == result
    (block,) = sent("messages", "bedrock", body)["messages"][-1]["content"]
    assert block["toolResult"]["status"] == "error"
    (part,) = sent("messages", "gemini", body)["contents"][-1]["parts"]
    assert part["functionResponse"]["response"] == {"error": "no such city"}


SEARCHING: dict[str, Json] = {
    "messages": {"tools": [{"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["a.example"]}]},
    "responses": {"tools": [{"type": "web_search", "filters": {"allowed_domains": ["a.example"]}}]},
}


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", SEARCHING)
def test_where_a_search_may_look(client: str, upstream: str) -> None:
    body = PLAIN[client] | SEARCHING[client]
    if upstream in ("anthropic", "responses"):
        (tool,) = sent(client, upstream, body)["tools"]
        assert tool.get("allowed_domains") or tool["filters"]["allowed_domains"] == ["a.example"]
        return
    with pytest.raises(UnsupportedParams, match="web_search_options"):
        sent(client, upstream, body)
    assert "a.example" not in json.dumps(sent(client, upstream, body, drop_params=True))


def test_where_a_search_may_not_look() -> None:
    tool = {"type": "web_search_20250305", "name": "web_search", "blocked_domains": ["b.example"]}
    with pytest.raises(UnsupportedParams, match="web_search_options"):
        sent("messages", "responses", PLAIN["messages"] | {"tools": [tool]})
