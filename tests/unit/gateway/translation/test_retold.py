"""What is told of a stream from memory is what is told of one that is read, whatever happens in it."""

import asyncio
import json
from collections.abc import Iterator
from itertools import count, cycle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.dialects.pairs import DIALECTS, PLAIN, UPSTREAMS, asked
from tests.unit.gateway.translation.streams import ACTS, STREAMS, Event, Values, payload

from tianji._core.bodies.frames import Frames
from tianji._core.streams.aws_events import AwsEvents
from tianji._core.streams.retold import Flow, RetoldStream
from tianji._core.streams.translated import TranslatedStream
from tianji.dialects.gemini import passing
from tianji.errors import UpstreamDisconnected
from tianji.gateway.translation.retelling import Codecs, Notes, Teller
from tianji.mock.answers.bedrock import event as aws_event
from tianji.protocol.bedrock.event_stream import event_of

PAIRS = [(client, upstream) for client in DIALECTS for upstream in UPSTREAMS]
TEXTS = st.sampled_from(["a", " word", "é", "𝄞 ", "\n", ' "quoted"\\', "</x>", " "]) | st.text(
    min_size=1, max_size=9
).filter(lambda text: text.isprintable())
ENDS = st.sampled_from(["whole", "whole", "whole", "cut", "failed", "broken", "shortened"])
WORDS = [f"word{number}" for number in range(40)]


class Memory:
    """A client's form and an upstream's, and what is remembered of streams between them."""

    def __init__(self, client: str, upstream: str, streams: Frames | None = None) -> None:
        self.upstream = upstream
        inbound, outbound = asked(client, upstream, PLAIN[client] | {"stream": True})
        protocol = UPSTREAMS[upstream]
        named = None if protocol is None else f"tianji.protocol.{protocol}"
        self.streams = Frames(1024) if streams is None else streams
        teller = Teller(Frames(), f"tianji.dialects.{client}", named, self.streams)
        flow = teller.telling(inbound, outbound, b'"shown"').flow
        assert flow is not None
        self.flow: Flow = flow

    def preface(self, number: int) -> bytes:
        """The first line of a stream, unlike that of any other."""
        made = {"id": f"chatcmpl-{number:024x}", "created": 1700000000 + number}
        answer = {"id": f"{number:048x}", "created": 1710000000 + number}
        return payload({"made": made, "answer": answer, "prompt": 10 + number})

    def recalled(self, number: int) -> TranslatedStream:
        return RetoldStream(self.flow, self.preface(number))

    def read(self, number: int) -> TranslatedStream:
        decoder, encoder = self.flow.begin(self.preface(number))
        return TranslatedStream(decoder, encoder, "shown", AwsEvents(event_of) if self.upstream == "bedrock" else None)

    def wire(self, event: Event, *, ascii_only: bool = False) -> bytes:
        """An event as the upstream sends it."""
        name, said = event
        if self.upstream == "bedrock":
            assert isinstance(said, dict)
            return aws_event(name, said)
        named = f"event: {name}\n".encode() if name else b""
        return named + b"data: " + payload(said, ascii_only=ascii_only) + b"\n\n"


def flow_of_events(upstream: str, acts: list[str], texts: list[str], number: int) -> list[Event]:
    values = Values(cycle(texts), count(3 + 7 * number, 5), f"9a{number:07d}Z")
    return list(STREAMS[upstream](acts, values))


def experience(
    memory: Memory, stream: TranslatedStream, events: list[Event], end: str, at: int, **form: bool
) -> list[Any]:
    """What a client is told, piece by piece, and what the gateway knows then."""
    told: list[Any] = []
    if end != "whole":
        events = events[:at]
    pieces = [memory.wire(event, **form) for event in events]
    if end == "failed":
        pieces.append(memory.wire(("error", {"type": "error", "error": {"message": "no", "code": 500}})))
    if end == "broken":
        pieces.append(
            memory.wire(("contentBlockDelta", {"type": 7, "contentBlockIndex": [], "candidates": 3, "id": {}}))
        )
    for piece in pieces:
        told.append((stream.feed(piece), state(stream)))
        if stream.done or stream.failed:
            break
    if end == "shortened":
        told.append(stream.shortened("length"))
        return told
    told.append((stream.close(), state(stream)))
    if not stream.failed and (stream.done or stream.finished):
        told.append(stream.ending())
    else:
        told.append(stream.cut(UpstreamDisconnected("it broke")))
    return [*told, state(stream)]


def state(stream: TranslatedStream) -> Any:
    used = None if stream.usage is None else (stream.usage.prompt_tokens, stream.usage.completion_tokens)
    cached = None if stream.usage is None else (stream.usage.cached_tokens, stream.usage.reasoning_tokens)
    known = (stream.done, stream.finished, stream.failed, stream.spoke, stream.events)
    return used, cached, known, stream.error, str(stream.fault)


def meaning(told: Any) -> Any:
    """The same whatever escapes a text has."""
    if isinstance(told, bytes):
        lines = told.decode().splitlines()
        return [json.loads(line[6:]) if line.startswith("data: {") else line for line in lines]
    return [meaning(part) for part in told] if isinstance(told, tuple | list) else told


def compared(memory: Memory, acts: list[str], rounds: Iterator[tuple[list[str], str, int]], **form: bool) -> None:
    for number, (texts, end, at) in enumerate(rounds):
        events = flow_of_events(memory.upstream, acts, texts, number)
        seen = experience(memory, memory.recalled(number), events, end, at, **form)
        read = experience(memory, memory.read(number), events, end, at, **form)
        if form.get("ascii_only"):
            seen, read = meaning(seen), meaning(read)
        assert seen == read


@pytest.mark.parametrize(("client", "upstream"), PAIRS, ids=map("-".join, PAIRS))
@given(data=st.data())
@settings(max_examples=25)
def test_streams_are_told_as_if_each_were_read(client: str, upstream: str, data: Any) -> None:
    acts = data.draw(st.lists(st.sampled_from(ACTS), max_size=7))
    memory = Memory(client, upstream)
    drawn = st.tuples(st.lists(TEXTS, min_size=1, max_size=5), ENDS, st.integers(0, 20))
    rounds = [
        (WORDS, "whole", 0),
        (WORDS[1:], "whole", 0),
        (WORDS[3:], "cut", 2),
        *data.draw(st.lists(drawn, max_size=4)),
    ]
    compared(memory, acts, iter(rounds), ascii_only=upstream != "bedrock" and data.draw(st.booleans()))


@pytest.mark.parametrize(("client", "upstream"), PAIRS, ids=map("-".join, PAIRS))
@given(data=st.data())
@settings(max_examples=10)
def test_other_streams_that_begin_alike_are_told_as_if_read(client: str, upstream: str, data: Any) -> None:
    memory = Memory(client, upstream)
    acts = data.draw(st.lists(st.sampled_from(ACTS), max_size=4))
    compared(memory, acts, iter([(WORDS, "whole", 0)] * 3))
    other = [*acts[: data.draw(st.integers(0, 4))], *data.draw(st.lists(st.sampled_from(ACTS), max_size=4))]
    compared(memory, other, iter([(WORDS, "whole", 0)] * 3))
    compared(memory, acts, iter([(WORDS, "whole", 0)]))


class Through(Memory):
    """The same of streams in Google's form for a client that speaks it."""

    def __init__(self, *, as_array: bool, spaced: bool) -> None:
        super().__init__("chat", "gemini")
        self.as_array, self.spaced = as_array, spaced
        self.notes = Notes(Frames(), passing, self.streams)

    def recalled(self, number: int) -> TranslatedStream:
        stream = self.notes.through(as_array=self.as_array)
        assert isinstance(stream, RetoldStream)
        return stream

    def read(self, number: int) -> TranslatedStream:
        return TranslatedStream(*passing.begin(as_array=self.as_array), "")

    def wire(self, event: Event, *, ascii_only: bool = False) -> bytes:
        said = json.dumps(event[1], ensure_ascii=ascii_only, separators=(",", ": ") if self.spaced else (",", ":"))
        return b"data: " + said.encode() + b"\r\n\r\n"


@pytest.mark.parametrize("as_array", [False, True])
@given(data=st.data())
@settings(max_examples=60)
def test_streams_that_go_through_are_told_as_if_each_were_read(as_array: bool, data: Any) -> None:
    memory = Through(as_array=as_array, spaced=data.draw(st.booleans()))
    acts = data.draw(st.lists(st.sampled_from(ACTS), max_size=7))
    drawn = st.tuples(st.lists(TEXTS, min_size=1, max_size=5), ENDS, st.integers(0, 20))
    rounds = [(WORDS, "whole", 0), (WORDS[1:], "whole", 0), *data.draw(st.lists(drawn, max_size=5))]
    form = {"ascii_only": data.draw(st.booleans())}
    for number, (texts, end, at) in enumerate(rounds):
        events = flow_of_events("gemini", acts, texts, number)
        seen = experience(memory, memory.recalled(number), events, end, at, **form)
        assert seen == experience(memory, memory.read(number), events, end, at, **form)
        if end == "whole" and not as_array:
            pieces = [memory.wire(event, **form) for event in events]
            assert [piece for piece, _ in seen[: len(pieces)]] == pieces


@pytest.mark.parametrize("spaced", [False, True])
def test_the_third_stream_that_goes_through_is_not_read(spaced: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Through(as_array=False, spaced=spaced)
    for number in range(2):
        acts = ["say"] * 4
        experience(memory, memory.recalled(number), flow_of_events("gemini", acts, WORDS, number), "whole", 0)
    events = flow_of_events("gemini", ["say"] * 4, WORDS[5:], 2)
    read = experience(memory, memory.read(2), events, "whole", 0)
    monkeypatch.setattr(passing.Reading, "event", lambda *_: pytest.fail("it was read"))
    assert experience(memory, memory.recalled(2), events, "whole", 0) == read


@pytest.mark.parametrize("acts", [["say"] * 4, ["say"], ["think", "say", "say", "say"], ["pad"], []], ids="-".join)
@pytest.mark.parametrize(("client", "upstream"), PAIRS, ids=map("-".join, PAIRS))
def test_the_third_stream_of_a_shape_is_not_read(
    client: str, upstream: str, acts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "think" in acts and client in ("gemini", "responses") and upstream in ("anthropic", "bedrock"):
        pytest.skip("signatures are written otherwise than they came")
    memory = Memory(client, upstream)
    for number in range(2):
        experience(memory, memory.recalled(number), flow_of_events(upstream, acts, WORDS, number), "whole", 0)
    later = [(number, flow_of_events(upstream, acts, WORDS[number:], number)) for number in (2, 3)]
    read = [experience(memory, memory.read(number), events, "whole", 0) for number, events in later]
    monkeypatch.setattr(Codecs, "begin", lambda *_: pytest.fail("it was read"))
    flow = Memory(client, upstream, streams=memory.streams)
    assert [experience(flow, flow.recalled(number), events, "whole", 0) for number, events in later] == read


def counted(text: str, total: int, **more: str) -> Event:
    """An event in which Google says how many tokens there were so far, and of how many it thought."""
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, **more}
    counts = {"promptTokenCount": 9, "candidatesTokenCount": 5, "thoughtsTokenCount": 3, "totalTokenCount": total}
    return "", {"candidates": [candidate], "usageMetadata": counts}


def test_what_its_shape_alone_does_not_decide_is_asked_each_time() -> None:
    memory = Memory("chat", "gemini")
    for number in range(6):
        for total in (17, 14, 17):  # with what was thought beside what was said, and within it
            events = [counted(text, total) for text in WORDS[:3]] + [counted("end", total, finishReason="STOP")]
            seen = experience(memory, memory.recalled(number), events, "whole", 0)
            assert seen == experience(memory, memory.read(number), events, "whole", 0)


def test_an_end_does_not_wait_for_what_is_learnt_from_it() -> None:
    memory = Memory("chat", "anthropic")

    async def told_twice() -> list[int]:
        for number in range(2):
            events = flow_of_events("anthropic", ["say"], WORDS, number)
            experience(memory, memory.recalled(number), events, "whole", 0)
        before = len(memory.streams)
        await asyncio.sleep(0)
        return [before, len(memory.streams)]

    before, after = asyncio.run(told_twice())
    assert (before, after > 0) == (0, True)


def test_what_cannot_be_told_of_a_shape_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory("gemini", "anthropic")
    tries = []
    monkeypatch.setattr("tianji.gateway.translation.learning.probed", lambda *_: tries.append(1))
    for number in range(5):
        events = flow_of_events("anthropic", ["think", "say"], WORDS, number)
        experience(memory, memory.recalled(number), events, "whole", 0)
    assert len(tries) == 1
