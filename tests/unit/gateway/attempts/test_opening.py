"""The beginning of a stream, and going on where one broke."""

import json

import pytest

from tianji.gateway.attempts.continuation import LONGEST, continuation
from tianji.gateway.attempts.opening import from_content


def event(**delta: object) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n"


def test_what_comes_before_the_content_is_left_out() -> None:
    opening, said = event(role="assistant", content=""), event(content="x")
    assert from_content(opening + said + opening) == said + opening
    assert from_content(opening) == b""
    assert from_content(said) == said
    assert from_content(opening + b"data: [DONE]\n\n") == b"data: [DONE]\n\n"


REQUEST = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], "n": 1}).encode()


def test_a_request_goes_on_from_what_was_said() -> None:
    events = (
        event(role="assistant", content="") + b": ping\n\n" + event(content="Hel") + event(content="lo", refusal=None)
    )
    continued = continuation(REQUEST, events)
    assert continued is not None
    assert json.loads(continued) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Hello"}],
        "n": 1,
    }


@pytest.mark.parametrize(
    "events",
    [
        b"",
        event(role="assistant", content=""),
        event(content="x") + event(tool_calls=[{"index": 0}]),
        event(content="x") + event(reasoning_content="hm"),
        event(content="x") + b'data: {"choices":[{"index":1,"delta":{"content":"y"}}]}\n\n',
        event(content="x") + b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
        event(content="x" * LONGEST),
    ],
)
def test_nobody_goes_on_from_anything_but_one_text(events: bytes) -> None:
    assert continuation(REQUEST, events) is None


def test_structured_output_is_not_continued() -> None:
    body = json.dumps({"messages": [], "response_format": {"type": "json_object"}}).encode()
    assert continuation(body, event(content="{")) is None
    assert continuation(b"", event(content="x")) is None
