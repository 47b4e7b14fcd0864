"""Marks of a prompt's beginning that is worth keeping: they arrive where they belong, or nowhere."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.dialects.pairs import Json, sent

from tianji.providers.steps.message_steps import no_cache_control
from tianji.providers.steps.step import Judge

MARK = {"type": "ephemeral", "ttl": "1h"}
HERE = "what is marked"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
SCHEMA = {"type": "object", "properties": {"wanted": {"type": "string"}}}


def chat(place: str) -> Json:
    """Return a conversation of a system, a user, an assistant that calls, a tool and a user, one of which is marked."""

    def text(own: str, words: str) -> Any:
        return [{"type": "text", "text": HERE, "cache_control": MARK}] if own == place else words

    call: Json = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    tool: Json = {"type": "function", "function": {"name": "look_up", "parameters": SCHEMA}}
    result: Json = {"role": "tool", "tool_call_id": "call_1", "content": text("a part of a result", "found")}
    turns = [
        {"role": "system", "content": text("system", "be kind")},
        {"role": "user", "content": text("user", "hello")},
        {"role": "assistant", "content": text("assistant", "looking"), "tool_calls": [call]},
        result,
        {"role": "user", "content": "more"},
    ]
    if place == "a call":
        call |= {"function": {"name": "look_up", "arguments": json.dumps({"wanted": HERE})}, "cache_control": MARK}
    if place == "a tool":
        tool["function"]["description"] = HERE
        tool["cache_control"] = MARK
    if place == "a result":
        result |= {"content": HERE, "cache_control": MARK}
    if place == "a message":
        turns[1] = {"role": "user", "content": HERE, "cache_control": MARK}
    return {"messages": turns, "tools": [tool]}


def messages(place: str) -> Json:
    """Return the same conversation of Anthropic's."""

    def text(own: str, words: str) -> Any:
        return [{"type": "text", "text": HERE, "cache_control": MARK}] if own == place else words

    use: Json = {"type": "tool_use", "id": "call_1", "name": "look_up", "input": {}}
    tool: Json = {"name": "look_up", "input_schema": SCHEMA}
    result: Json = {"type": "tool_result", "tool_use_id": "call_1", "content": text("a part of a result", "found")}
    if place == "a call":
        use |= {"input": {"wanted": HERE}, "cache_control": MARK}
    if place == "a tool":
        tool |= {"description": HERE, "cache_control": MARK}
    if place == "a result":
        result |= {"content": HERE, "cache_control": MARK}
    said = text("assistant", "looking")
    return {
        "max_tokens": 9,
        "system": text("system", "be kind"),
        "tools": [tool],
        "messages": [
            {"role": "user", "content": text("user", "hello")},
            {
                "role": "assistant",
                "content": [*(said if isinstance(said, list) else [{"type": "text", "text": said}]), use],
            },
            {"role": "user", "content": [result, {"type": "text", "text": "more"}]},
        ],
    }


ASKS = {"chat": chat, "messages": messages}
PLACES = ("system", "user", "assistant", "a call", "a tool", "a result", "a part of a result")
BOTH = [("chat", "a message"), *((client, place) for client in ASKS for place in PLACES)]


def marked(value: Any, name: str) -> Iterator[tuple[Any, Any]]:
    """Yield every mark that is called so, and its holder, or what is before one that is a block of its own."""
    if isinstance(value, dict):
        if name in value:
            yield value[name], {key: inner for key, inner in value.items() if key != name}
        for inner in value.values():
            yield from marked(inner, name)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            if isinstance(inner, dict) and inner.keys() == {name}:
                yield inner[name], value[at - 1]
            else:
                yield from marked(inner, name)


@pytest.mark.parametrize(("client", "place"), BOTH)
def test_anthropic(client: str, place: str) -> None:
    ((mark, holder),) = marked(sent(client, "anthropic", ASKS[client](place)), "cache_control")
    assert mark == MARK
    assert HERE in json.dumps(holder)


@pytest.mark.parametrize(("client", "place"), BOTH)
def test_bedrock(client: str, place: str) -> None:
    ((mark, before),) = marked(sent(client, "bedrock", ASKS[client](place), model=CLAUDE), "cachePoint")
    assert mark == {"type": "default", "ttl": "1h"}
    assert HERE in json.dumps(before)


@pytest.mark.parametrize("upstream", ["bedrock", "gemini", "cohere", "responses"])
@pytest.mark.parametrize(("client", "place"), BOTH)
def test_who_has_none_is_told_of_none(client: str, place: str, upstream: str) -> None:
    body = json.dumps(sent(client, upstream, ASKS[client](place), model="meta.llama3-1-70b-instruct-v1:0"))
    assert HERE in body
    assert not any(word in body for word in ("cache_control", "cachePoint", "ephemeral"))


@pytest.mark.parametrize(("client", "place"), BOTH)
def test_hosts_of_openai_are_told_of_none(client: str, place: str) -> None:
    body = sent(client, "openai", ASKS[client](place))
    step = no_cache_control(Judge("openai", "m", drop_params=False))
    assert all(needle in json.dumps(body).encode() for group in step.needles for needle in group)
    step.run(body)
    assert HERE in json.dumps(body)
    assert "ephemeral" not in json.dumps(body)
