"""Streams that are translated, and those of Messages that go through: cut anywhere, whatever is sent."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.streams.messages import MessagesStream
from tianji._core.streams.stream import AnswerStream
from tianji._core.streams.translated import TranslatedStream
from tianji.clock import ManualClock
from tianji.dialects.chat import ChatEncoder
from tianji.errors import UpstreamDisconnected, UpstreamProtocolError
from tianji.protocol.anthropic.outbound import MessagesOutbound
from tianji.protocol.chat.request import Message, Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.framing import JsonLines

FIXTURES = Path(__file__).parents[3] / "contract" / "fixtures" / "anthropic"
RECORDED: list[dict[str, Any]] = json.loads((FIXTURES / "tools.json").read_text())["stream"]
REQUEST = Request(model="m", messages=[Message(role="user", content="x")])
TARGET = Target(provider="anthropic", model="claude-x")


def framed(payloads: Iterable[dict[str, Any]], end: bytes = b"\n") -> bytes:
    lines = [(b"event: " + event["type"].encode(), b"data: " + msgspec.json.encode(event)) for event in payloads]
    return b"".join(name + end + data + end + end for name, data in lines)


STREAM = framed(RECORDED)


def translated(framer: JsonLines | None = None) -> TranslatedStream:
    decoder = MessagesOutbound(REQUEST, TARGET, ManualClock()).stream()
    return TranslatedStream(decoder, ChatEncoder(True), "shown", framer)


def through() -> MessagesStream:
    return MessagesStream(b'"shown"')


def said(stream: AnswerStream, pieces: Iterable[bytes]) -> bytes:
    out = b"".join([stream.feed(piece) for piece in pieces])
    return out + stream.close()


@pytest.mark.parametrize("make", [translated, through])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_it_does_not_matter_where_it_is_cut(make: Any, end: bytes) -> None:
    text = b"\xef\xbb\xbf: hello\n\n" + framed(RECORDED, end)
    whole = make()
    expected = said(whole, [text])
    assert whole.done
    for at in range(1, len(text), 7):
        stream = make()
        assert said(stream, [text[:at], text[at:]]) == expected, at
        assert (stream.done, stream.events) == (True, whole.events)
    stream = make()
    assert said(stream, [text[at : at + 1] for at in range(len(text))]) == expected


def test_what_goes_through_is_as_it_was() -> None:
    stream = through()
    out = said(stream, [STREAM])
    begun = {**RECORDED[0], "message": {**RECORDED[0]["message"], "model": "shown"}}
    assert out == framed([begun, *RECORDED[1:]])
    assert stream.usage is not None
    assert (stream.usage.prompt_tokens, stream.usage.completion_tokens) == (1000, 60)
    assert (stream.usage.cached_tokens, stream.usage.written_tokens, stream.usage.written_1h_tokens) == (200, 700, 200)
    assert stream.ending() == b""


def test_both_say_the_same_of_a_stream() -> None:
    first, second = translated(), through()
    said(first, [STREAM])
    said(second, [STREAM])
    for name in ("prompt_tokens", "completion_tokens", "cached_tokens", "written_tokens", "written_1h_tokens", "tier"):
        assert getattr(first.usage, name) == getattr(second.usage, name)
    assert first.ending() == b"data: [DONE]\n\n"


@pytest.mark.parametrize("make", [translated, through])
def test_what_it_knows_on_the_way(make: Any) -> None:
    stream = make()
    stream.feed(framed(RECORDED[:1]))
    assert (stream.spoke, stream.finished) == (False, False)
    stream.feed(framed(RECORDED[1:5]))
    assert stream.spoke
    stream.feed(framed(RECORDED[5:-1]))
    stream.close()
    assert (stream.finished, stream.done, stream.failed) == (True, False, False)


def test_what_was_used_until_it_was_cut() -> None:
    stream = through()
    stream.feed(framed(RECORDED[:9]))
    assert stream.usage is not None
    assert (stream.usage.prompt_tokens, stream.usage.completion_tokens) == (1000, -1)


@pytest.mark.parametrize("make", [translated, through])
def test_an_error_ends_it(make: Any) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    stream = make()
    out = stream.feed(framed([*RECORDED[:9], error, *RECORDED[9:]]))
    assert stream.failed
    assert stream.error == msgspec.json.encode(error)
    assert b"overloaded" not in out
    assert stream.feed(STREAM) == stream.close() == b""


@pytest.mark.parametrize("make", [translated, through])
def test_what_cannot_be_read_ends_it(make: Any) -> None:
    stream = make()
    stream.feed(framed(RECORDED[:3]) + b"data: {nonsense\n\n")
    assert stream.failed
    assert isinstance(stream.fault, UpstreamProtocolError)
    assert stream.error is None


@pytest.mark.parametrize("make", [translated, through])
def test_half_an_event_at_the_end_is_no_error_and_no_end(make: Any) -> None:
    stream = make()
    out = stream.feed(framed(RECORDED[:9]))
    stream.feed(framed(RECORDED[9:10])[:-30])
    assert stream.close() == b""
    assert (stream.failed, stream.finished, bool(out)) == (False, False, True)


@pytest.mark.parametrize("make", [translated, through])
def test_the_last_event_may_lack_its_blank_line(make: Any) -> None:
    stream = make()
    said(stream, [STREAM[:-2]])
    assert stream.done


@given(st.lists(st.binary(max_size=60) | st.sampled_from(RECORDED).map(lambda event: framed([event])), max_size=8))
def test_no_stream_is_too_strange(pieces: list[bytes]) -> None:
    for stream in (translated(), through()):
        said(stream, pieces)


def test_a_stream_of_lines() -> None:
    lines = b"".join(msgspec.json.encode(event) + b"\n" for event in RECORDED)
    stream = translated(JsonLines())
    out = said(stream, [lines[at : at + 5] for at in range(0, len(lines), 5)])
    assert out == said(translated(), [STREAM])
    assert stream.done


@pytest.mark.parametrize("made", [2, 12])
def test_an_answer_that_is_shortened_ends_well(made: int) -> None:
    stream = translated()
    stream.feed(framed(RECORDED[:made]))
    *_, last, done = (stream.shortened("length") or b"").decode().strip().split("\n\n")
    assert json.loads(last.removeprefix("data: "))["choices"][0]["finish_reason"] == "length"
    assert done == "data: [DONE]"
    passing = through()
    passing.feed(framed(RECORDED[:made]))
    lines = (passing.shortened("length") or b"").splitlines()
    told = [json.loads(line.removeprefix(b"data: ")) for line in lines if line.startswith(b"data: ")]
    assert [event["type"] for event in told] == ["content_block_stop", "message_delta", "message_stop"]
    assert told[0]["index"] == RECORDED[made - 1]["index"]


def test_a_cut_is_told_in_the_dialect() -> None:
    stream = translated()
    stream.feed(framed(RECORDED[:9]))
    told = stream.cut(UpstreamDisconnected("gone"))
    assert told is not None
    assert msgspec.json.decode(told.removeprefix(b"data: "))["error"]["message"] == "gone"
    assert through().cut(UpstreamDisconnected("gone")) is None  # whoever serves the dialect says it
