"""Streams of the Responses API whose bytes go through."""

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.streams.responses import ResponsesStream

USAGE = {"input_tokens": 12, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5, "total_tokens": 17}


def event(kind: str, **members: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode({"type": kind} | members))


def response(model: str, **members: Any) -> dict[str, Any]:
    return {"id": "resp_1", "model": model} | members


def whole(model: str) -> bytes:
    return b"".join(
        [
            event("response.created", response=response(model, usage=None)),
            b": keep\n\n",
            event("response.output_item.added", output_index=0, item={"type": "message"}),
            event("response.output_text.delta", delta="It rains.\n"),
            event("response.output_text.done", text="It rains.\n"),
            event("response.completed", response=response(model, usage=USAGE, output=[])),
        ]
    )


@given(st.lists(st.integers(0, len(whole("up"))), max_size=6))
def test_wherever_it_is_cut_it_says_the_same(cuts: list[int]) -> None:
    source = whole("up") + b"data: [DONE]\n\n"
    stream = ResponsesStream(b'"asked"')
    edges = [0, *sorted(cuts), len(source)]
    out = b"".join(stream.feed(source[a:b]) for a, b in itertools.pairwise(edges)) + stream.close()
    assert out == whole("asked").replace(b": keep\n\n", b"")
    assert (stream.done, stream.finished, stream.failed, stream.spoke, stream.events) == (True, True, False, True, 5)
    assert stream.usage is not None
    assert (stream.usage.prompt_tokens, stream.usage.cached_tokens, stream.usage.completion_tokens) == (12, 4, 5)
    assert stream.ending() == b""


def test_without_a_name_nothing_changes() -> None:
    stream = ResponsesStream()
    assert stream.feed(whole("up")) == whole("up").replace(b": keep\n\n", b"")


def test_what_was_said_before_an_answer_begins_is_no_answer() -> None:
    stream = ResponsesStream(b'"asked"')
    stream.feed(event("response.created", response=response("up")) + event("response.in_progress", response={}))
    assert not stream.spoke
    stream.feed(event("response.output_text.delta", delta="x"))
    assert stream.spoke
    stream.close()
    assert not stream.finished


@pytest.mark.parametrize(
    "failure",
    [
        event("error", code="server_error", message="m"),
        event("error", error={"code": "server_error", "message": "m"}),
        event("response.failed", response=response("up", error={"code": "server_error", "message": "m"})),
    ],
)
def test_a_failure_is_not_handed_on(failure: bytes) -> None:
    stream = ResponsesStream(b'"asked"')
    begun = event("response.output_text.delta", delta="x")
    assert stream.feed(begun + failure + begun) == begun
    assert stream.failed
    assert stream.error is not None
    error = msgspec.json.decode(stream.error)["error"]
    assert (error["code"], error["message"]) == ("server_error", "m")


def test_what_is_no_json() -> None:
    stream = ResponsesStream()
    assert stream.feed(b"data: <html>\n\n") == b""
    assert stream.failed
    assert stream.fault is not None


@given(
    st.lists(
        st.binary(max_size=40)
        | st.sampled_from(
            [
                b'data: {"type":"response.completed","response":7}\n\n',
                b'data: {"type":"response.completed","response":{"model":{},"usage":[]}}\n\n',
                b'data: {"type":"response.failed","response":[]}\n\n',
                b'data: {"type":7,"response":{"usage":{"input_tokens":-1}}}\n\n',
                b"data: {}\n\n",
            ]
        ),
        max_size=6,
    )
)
def test_any_bytes_are_survived(pieces: list[bytes]) -> None:
    stream = ResponsesStream(b'"asked"')
    for piece in pieces:
        stream.feed(piece)
    stream.close()
    if stream.error is not None:
        msgspec.json.decode(stream.error)
