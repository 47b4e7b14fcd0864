"""Anthropic's messages from a raw socket."""

import pytest

from .conftest import Raw

ASK = {"model": "demo", "max_tokens": 6, "system": "be kind", "messages": [{"role": "user", "content": "one two"}]}


async def test_plain_and_streamed_say_the_same(raw: Raw) -> None:
    plain = (await raw.ask(ASK, path="/v1/messages")).json
    reply = await raw.ask(ASK | {"stream": True}, path="/v1/messages")
    events = reply.events
    assert [e["type"] for e in events] == [
        "message_start",
        "content_block_start",
        "ping",
        *["content_block_delta"] * 6,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert all(b"event: %b\n" % e["type"].encode() in chunk for e, chunk in zip(events, reply.chunks, strict=True))
    assert "".join(e["delta"]["text"] for e in events[3:9]) == plain["content"][0]["text"]
    assert plain["stop_reason"] == events[-2]["delta"]["stop_reason"] == "max_tokens"
    assert (plain["usage"]["input_tokens"], plain["usage"]["output_tokens"]) == (4, 6)
    assert events[0]["message"]["usage"]["input_tokens"] == 4
    assert events[-2]["usage"]["output_tokens"] == 6


async def test_tool_use(raw: Raw) -> None:
    tool = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
    ask = ASK | {"tools": [tool], "tool_choice": {"type": "any"}}
    plain = (await raw.ask(ask, path="/v1/messages")).json
    assert plain["stop_reason"] == "tool_use"
    assert plain["content"][0]["name"] == "weather"
    assert isinstance(plain["content"][0]["input"]["city"], str)


async def test_count_tokens(raw: Raw) -> None:
    assert (await raw.ask(ASK, path="/v1/messages/count_tokens")).json == {"input_tokens": 4}


@pytest.mark.parametrize(
    ("status", "kind"), [(401, "authentication_error"), (529, "overloaded_error"), (500, "api_error")]
)
async def test_errors_have_their_shape(raw: Raw, status: int, kind: str) -> None:
    reply = await raw.ask(ASK, path="/v1/messages", x_mock_status=str(status))
    assert reply.status == status
    assert reply.json["type"] == "error"
    assert reply.json["error"]["type"] == kind


async def test_error_in_mid_stream(raw: Raw) -> None:
    reply = await raw.ask(ASK | {"stream": True}, path="/v1/messages", x_mock_error_at="4")
    assert [e["type"] for e in reply.events][3:] == ["content_block_delta", "error"]
