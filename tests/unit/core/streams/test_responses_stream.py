"""Streams of the Responses API whose bytes go through."""

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.bodies.frames import AnswerForm, Frames
from tianji._core.streams.noted import Notebook
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


def notebook() -> Notebook:
    return Notebook(AnswerForm(b"text", b"delta", b"arguments"), Frames())


def meaning(stream: ResponsesStream) -> Any:
    return stream.events, stream.spoke, stream.done, stream.finished, stream.failed, stream.error, str(stream.usage)


def an_answer(number: int, usage: Any = None, **more: Any) -> list[bytes]:
    """The events of an answer; all that may differ does so with the number."""
    item, made = {"id": f"msg_a{number}", "type": "message", "content": []}, {"text": f"It rains {number}.", **more}
    said = response("up", id=f"resp_{number}f", created_at=1700000000 + number, usage=None, service_tier="flex")
    used = {"input_tokens": 12 + number, "output_tokens": 5 + number, "total_tokens": 17 + 2 * number, "x": {"y": 4}}
    events = [
        event("response.created", response=said, sequence_number=number + 1),
        event("response.output_item.added", output_index=0, item=item),
        *(event("response.output_text.delta", item_id=item["id"], delta=f" {word}") for word in range(number, 90)),
        event("response.function_call_arguments.delta", item_id=item["id"], delta='{"a":'),
        event("response.function_call_arguments.delta", item_id=item["id"], delta=f"{number}}}"),
        event("response.output_text.done", **made),
        event(
            "response.completed", response=said | {"usage": used if usage is None else usage, "output": [item | made]}
        ),
    ]
    return [*events[:3], b": keep\n\n", *events[3:]]


def told(stream: ResponsesStream, pieces: list[bytes]) -> bytes:
    return b"".join(map(stream.feed, pieces)) + stream.close()


@pytest.mark.parametrize("model", [None, b'"asked"'])
def test_the_third_stream_of_a_shape_is_not_read(model: bytes | None) -> None:
    kept = notebook()
    unknown = []
    for number in range(5):
        stream, read = ResponsesStream(model, kept), ResponsesStream(model)
        assert told(stream, an_answer(number)) == told(read, an_answer(number))
        assert meaning(stream) == meaning(read)
        assert stream.usage is not None
        assert (stream.usage.prompt_tokens, stream.usage.completion_tokens) == (12 + number, 5 + number)
        unknown.append(stream.unknown)
    assert unknown[0] > unknown[1] > 0
    assert unknown[2:] == [0, 0, 0]


def test_models_are_told_apart() -> None:
    kept = notebook()
    for model in (b'"one"', b'"other"', None) * 3:
        stream, read = ResponsesStream(model, kept), ResponsesStream(model)
        assert told(stream, an_answer(1)) == told(read, an_answer(1))


USAGES = st.sampled_from(
    [{}, [], 7, {"input_tokens": 0, "output_tokens": 3}, {"input_tokens": -1}, {"input_tokens": 3.5},
     {"input_tokens": 5, "input_tokens_details": {"cached_tokens": 9}}, {"input_tokens": 10**15, "output_tokens": 9},
     {"input_tokens": 7, "output_tokens": 3, "text": "said"}, {"total_tokens": 12}]
)  # fmt: skip
OTHERS = st.sampled_from(
    [
        event("error", code="server_error", message="m"),
        event("response.failed", response=response("up", error={"code": "server_error", "message": "m"})),
        b"data: {\ndata: }\n\n",
        b'data: {"type":"response.in_progress","response":{"mod\\u0065l":"up","usage":{"input_tokens":3}}}\r\n\r\n',
        b'id: 3\nevent: x\ndata: {"type":"response.queued","response":{"model":"up"}}\n\n',
        b'data: {"type":"response.queued","response":null}\n\n',
        b'data: {"type":"response.incomplete","response":{"model":"up","usage":{"input_tokens":3,"n":3}}}\n\n',
        b'data: {"delta":"x","delta":"y"}\n\n',
        b"data: [DONE]\n\n",
        b"data: 7\n\n",
    ]
)


@given(st.data())
def test_what_is_remembered_is_what_would_be_read(data: Any) -> None:
    kept = notebook()
    between = data.draw(st.lists(st.tuples(st.integers(0, 8), OTHERS), max_size=4))
    for number in range(5):
        source = an_answer(number, data.draw(st.none() | USAGES), place=data.draw(st.sampled_from([0, 0, 1])))
        for place, other in between:
            source.insert(place, other)
        body = b"".join(source[data.draw(st.sampled_from([0, 0, 0, 1])) :])
        cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=3)))
        pieces = [body[a:b] for a, b in itertools.pairwise([0, *cuts, len(body)])]
        stream, read = ResponsesStream(b'"asked"', kept), ResponsesStream(b'"asked"')
        assert told(stream, pieces) == told(read, [body])
        assert meaning(stream) == meaning(read)
