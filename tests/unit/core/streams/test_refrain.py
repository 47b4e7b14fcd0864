"""Pieces of text that are handed on unread: the client is told what it would be told if each event were read."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tianji._core.streams.aws_events import AwsEvents
from tianji._core.streams.refrain import Refrain
from tianji._core.streams.translated import TranslatedStream
from tianji.clock import ManualClock
from tianji.dialects.chat import ChatEncoder
from tianji.dialects.gemini.answering import GeminiEncoder
from tianji.dialects.gemini.passing import Handing, Reading
from tianji.dialects.messages.streaming import MessagesEncoder
from tianji.dialects.responses import Responses
from tianji.dialects.tool_names import ToolNames
from tianji.mock.answers.bedrock import event as aws_event
from tianji.protocol.anthropic.outbound import MessagesOutbound
from tianji.protocol.bedrock.event_stream import event_of
from tianji.protocol.bedrock.outbound import BedrockOutbound
from tianji.protocol.chat.request import Message, Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.cohere.outbound import CohereOutbound
from tianji.protocol.gemini.outbound import GeminiOutbound
from tianji.protocol.openai.answers import OpenAIOutbound
from tianji.protocol.responses.outbound import ResponsesOutbound

TARGET = Target(provider="p", model="m")
REQUEST = Request(model="m", messages=[Message(role="user", content="x")])


class Listening:
    """A decoder that counts what it reads, and reads everything where it is `careful`."""

    def __init__(self, decoder: Any, *, careful: bool) -> None:
        self._decoder = decoder
        self.read = 0
        self.unread = 0
        self.text_member = None if careful else decoder.text_member

    def event(self, name: str, payload: bytes) -> Any:
        self.read += 1
        return self._decoder.event(name, payload)

    def passed(self, characters: int) -> None:
        self.unread += characters
        self._decoder.passed(characters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decoder, name)


def anthropic(*, careful: bool = False) -> Listening:
    return Listening(MessagesOutbound(REQUEST, TARGET, ManualClock()).stream(), careful=careful)


def openai(*, careful: bool = False) -> Listening:
    return Listening(OpenAIOutbound(b"{}", "", TARGET).stream(), careful=careful)


def said(decoder: Listening, encoder: Any, payloads: Iterable[bytes]) -> tuple[bytes, TranslatedStream]:
    stream = TranslatedStream(decoder, encoder, "shown")
    out = b"".join(stream.feed(b"data: " + payload + b"\n\n") for payload in payloads)
    return out + stream.close(), stream


def told(out: bytes) -> list[Any]:
    lines = [line.removeprefix(b"data: ") for line in out.split(b"\n") if line.startswith(b"data: ")]
    return [line if line == b"[DONE]" else json.loads(line) for line in lines]


def delta(text: str, index: int = 0, **more: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text, **more}}


def message(*events: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 3}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *events,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]


def chunk(text: str, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": None}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}


def written(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


CITATION = {
    "type": "content_block_delta",
    "index": 0,
    "delta": {"type": "citations_delta", "citation": {"type": "web", "url": "https://a", "title": "t"}},
}
_writers: dict[str, Callable[[object, str], bytes]] = {
    "tight": lambda value, _pad: written(value),
    "loose": lambda value, _pad: json.dumps(value).encode(),
    "padded": lambda value, pad: written(value)[:-1] + b" " * len(pad) + b"}",
    "hidden": lambda value, pad: written({**value, "obfuscation": pad} if isinstance(value, dict) else value),
}
_texts = st.lists(
    st.text(st.characters(codec="utf-8"), max_size=6)
    | st.sampled_from(["text", "content", "data", '"', "\\u", "\n\n", "é\\"]),
    max_size=12,
)


@given(
    _texts,
    st.sampled_from(sorted(_writers)),
    st.lists(st.text("ab", max_size=3), min_size=12, max_size=12),
    st.booleans(),
)
@example(["a", "b", '"\\', "d", "\x7f", "€", "g"], "padded", [""] * 12, True)
def test_it_does_not_matter_what_is_read(texts: list[str], writer: str, pads: list[str], cited: bool) -> None:
    events = message(
        *(event for text in texts for event in (delta(text), *([CITATION] if cited and text == "a" else ())))
    )
    write = _writers[writer]
    payloads = [write(event, pads[at % 12]) for at, event in enumerate(events)]
    fast, stream = said(anthropic(), ChatEncoder(True), payloads)
    slow, other = said(anthropic(careful=True), ChatEncoder(True), payloads)
    assert told(fast) == told(slow)
    assert (stream.events, stream.done, stream.finished) == (other.events, True, True)

    chunks = [write(chunk(text), pads[at % 12]) for at, text in enumerate(texts)]
    fast, stream = said(openai(), MessagesEncoder(ToolNames(), 3), [*chunks, b"[DONE]"])
    slow, other = said(openai(careful=True), MessagesEncoder(ToolNames(), 3), [*chunks, b"[DONE]"])
    assert told(fast) == told(slow)
    assert (stream.events, stream.done) == (other.events, True)


def google(texts: list[str]) -> list[tuple[str, Any]]:
    """A stream of Google's, with counts so far and citations that say where in the text they belong."""
    web = [{"web": {"uri": "https://a", "title": "t"}}]
    supports = [{"segment": {"endIndex": len("".join(texts).encode())}, "groundingChunkIndices": [0]}]
    found = {"groundingMetadata": {"groundingChunks": web, "groundingSupports": supports}}

    def event(text: str, made: int, **more: Any) -> dict[str, Any]:
        candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0, **more}
        usage = {"promptTokenCount": 9, "candidatesTokenCount": made, "totalTokenCount": 9 + made}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "g", "responseId": "r"}

    events = [event(text, made + 1) for made, text in enumerate(texts)]
    return [("", one) for one in (*events, event("", len(texts), finishReason="STOP", **found))]


def nova(texts: list[str]) -> list[tuple[str, Any]]:
    """A stream of Converse, padded."""
    usage = {"inputTokens": 9, "outputTokens": 5, "totalTokens": 14}
    deltas = [{"contentBlockIndex": 0, "delta": {"text": text}, "p": "abc"[: at % 4]} for at, text in enumerate(texts)]
    ends = [("messageStop", {"stopReason": "end_turn"}), ("metadata", {"usage": usage})]
    return [("messageStart", {"role": "assistant"}), *(("contentBlockDelta", one) for one in deltas), *ends]


def command(texts: list[str]) -> list[tuple[str, Any]]:
    """A stream of Cohere's."""
    said = [{"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": one}}}} for one in texts]
    usage = {"tokens": {"input_tokens": 9, "output_tokens": 5}}
    end = {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}}
    return [("", one) for one in ({"type": "message-start", "id": "r"}, *said, end)]


def response(texts: list[str]) -> list[tuple[str, Any]]:
    """A stream of the Responses API, numbered and padded."""
    place = {"content_index": 0, "item_id": "msg_1", "output_index": 0}
    said = [
        {"type": "response.output_text.delta", **place, "delta": text, "obfuscation": "abc"[: at % 4]}
        for at, text in enumerate(texts)
    ]
    usage = {"input_tokens": 9, "output_tokens": 5, "total_tokens": 14}
    events = [
        {"type": "response.created", "response": {"id": "resp_1", "created_at": 7, "model": "m"}},
        *said,
        {"type": "response.completed", "response": {"status": "completed", "usage": usage}},
    ]
    return [(one["type"], {**one, "sequence_number": at}) for at, one in enumerate(events)]


@given(texts=_texts, loose=st.booleans())
@settings(max_examples=50)
def test_events_that_go_through_are_as_they_came(texts: list[str], loose: bool) -> None:
    payloads = [json.dumps(event).encode() if loose else written(event) for _, event in google(texts)]
    reading = Reading()
    stream = TranslatedStream(reading, Handing(reading, as_array=False), "shown")
    out = (
        b"".join(stream.feed(b"data: " + payload + b"\n\n") for payload in payloads) + stream.close() + stream.ending()
    )
    assert out == b"".join(b"data: " + payload + b"\r\n\r\n" for payload in payloads)
    assert stream.finished
    assert stream.usage is not None
    assert (stream.usage.prompt_tokens, stream.usage.completion_tokens) == (9, len(texts))


def test_events_that_go_through_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    event = Reading.event
    monkeypatch.setattr(
        Reading, "event", lambda self, name, payload: read.append(payload) or event(self, name, payload)
    )
    reading = Reading()
    stream = TranslatedStream(reading, Handing(reading, as_array=False), "shown")
    payloads = [written(event) for _, event in google([f"word{number} " for number in range(20)])]
    for payload in payloads:
        assert stream.feed(b"data: " + payload + b"\n\n") == b"data: " + payload + b"\r\n\r\n"
    assert read == [*payloads[:2], payloads[-1]]
    assert stream.shortened("length") == b""


class Cut:
    """Cuts nothing: hands events on as they are."""

    def __init__(self, name: str) -> None:
        self._name = name

    def feed(self, payload: bytes) -> list[tuple[str, bytes]]:
        return [(self._name, payload)]


UPSTREAMS: dict[str, tuple[Callable[..., Any], Callable[[list[str]], list[tuple[str, Any]]]]] = {
    "gemini": (GeminiOutbound, google),
    "converse": (BedrockOutbound, nova),
    "converse, cut": (BedrockOutbound, nova),
    "cohere": (CohereOutbound, command),
    "responses": (lambda request, target, _clock: ResponsesOutbound(request, target), response),
}
BODY = b'{"model":"m","input":"q"}'
CLIENTS: dict[str, Callable[[], Any]] = {
    "chat": lambda: ChatEncoder(True),
    "messages": lambda: MessagesEncoder(ToolNames(), 3),
    "gemini": lambda: GeminiEncoder(as_array=False),
    "array": lambda: GeminiEncoder(as_array=True),
    "responses": lambda: Responses(BODY, response_id="resp_1", clock=ManualClock()).stream(),
}


def relayed(
    upstream: str, client: str, texts: list[str], *, careful: bool, size: int = 0, loose: bool = False
) -> tuple[bytes, Listening]:
    """What a client is told of a stream, and the decoder of it. size: bytes of a read; 0: each is an event."""
    make, write = UPSTREAMS[upstream]
    inner = make(REQUEST, TARGET, ManualClock()).stream()
    inner._id = "made up"
    decoder = Listening(inner, careful=careful)
    cut = Cut("")
    framer = {"converse": AwsEvents(event_of), "converse, cut": cut}.get(upstream)
    stream = TranslatedStream(decoder, CLIENTS[client](), "shown", framer)
    out = body = b""
    for name, event in write(texts):
        if framer is cut:
            cut._name = name
            out += stream.feed(written(event))
        elif framer is not None:
            message = aws_event(name, event)
            body += message
            out += b"" if size else stream.feed(message[:9]) + stream.feed(message[9:])
        else:
            message = b"data: " + (json.dumps(event).encode() if loose else written(event)) + b"\n\n"
            body += message
            out += b"" if size else stream.feed(message)
    out += b"".join(stream.feed(body[at : at + size]) for at in range(0, len(body), size)) if size else b""
    out += stream.close()
    assert stream.finished
    assert decoder.unread == 0 or not careful
    return out + stream.ending(), decoder


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("upstream", UPSTREAMS)
@given(texts=_texts)
@settings(max_examples=25)
@example(texts=["a", "b", 'c"\\', "é", "\u2028", "f" * 40])
def test_it_does_not_matter_between_any_two(upstream: str, client: str, texts: list[str]) -> None:
    fast, _ = relayed(upstream, client, texts, careful=False)
    slow, _ = relayed(upstream, client, texts, careful=True)
    assert (fast if client == "array" else told(fast)) == (slow if client == "array" else told(slow))


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("upstream", [upstream for upstream in UPSTREAMS if upstream != "converse, cut"])
@given(texts=_texts, more=st.integers(0, 140), size=st.integers(1, 40_000), loose=st.booleans())
@settings(max_examples=25)
@example(texts=["a", "b", 'c"\\', "é", "\u2028", "f" * 40], more=140, size=100_000, loose=False)
def test_it_does_not_matter_how_much_is_read_at_once(
    upstream: str, client: str, texts: list[str], more: int, size: int, loose: bool
) -> None:
    texts = [
        *(f"word{number} " for number in range(more // 2)),
        *texts,
        *(f" w{number}" for number in range(more // 2)),
    ]
    together, _ = relayed(upstream, client, texts, careful=False, size=size, loose=loose)
    alone, _ = relayed(upstream, client, texts, careful=True, loose=loose)
    assert (together if client == "array" else told(together)) == (alone if client == "array" else told(alone))


def test_what_comes_together_goes_on_together_and_is_not_read() -> None:
    texts = [f"wörd{number} " for number in range(200)]
    for upstream, (_, write) in UPSTREAMS.items():
        if upstream != "converse, cut":
            out, decoder = relayed(upstream, "chat", texts, careful=False, size=1 << 20)
            assert decoder.read <= len(write(texts)) - 198
            deltas = [choice["delta"] for line in told(out)[:-1] for choice in line["choices"]]
            assert [delta["content"] for delta in deltas if delta.get("content")] == texts


def test_a_frame_that_changes_is_read_as_one_that_does() -> None:
    decoder = anthropic()
    stream = TranslatedStream(decoder, ChatEncoder(False), "shown")
    events = [written(event) for event in message(*(delta(f"word{number} ") for number in range(9)))]
    out = b"".join(
        stream.feed(b"id: %d\ndata: %b%b" % (at, event, b"\r\n\r\n" if at % 2 else b"\n\n"))
        for at, event in enumerate(events)
    )  # fmt: skip
    careful = said(anthropic(careful=True), ChatEncoder(False), events)[0]
    assert told(out + stream.close()) == told(careful)
    assert decoder.read <= len(events) - 7


@pytest.mark.parametrize("client", [client for client in CLIENTS if client != "array"])
@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_what_is_alike_is_not_read_between_any_two(upstream: str, client: str) -> None:
    texts = [f"wörd{number} " for number in range(20)]
    out, decoder = relayed(upstream, client, texts, careful=False)
    assert decoder.read <= len(UPSTREAMS[upstream][1](texts)) - 18
    assert "wörd19".encode() in out


@pytest.mark.parametrize("writer", sorted(_writers))
def test_what_is_alike_is_not_read(writer: str) -> None:
    o = "o" if writer == "loose" else "ö"  # what others escape is copied, but not learnt from
    texts = [f"w{o}rd{number} " for number in range(20)]
    payloads = [
        _writers[writer](event, "x" * (at % 7)) for at, event in enumerate(message(*map(delta, texts), CITATION))
    ]
    decoder = anthropic()
    out, _ = said(decoder, ChatEncoder(False), payloads)
    assert decoder.read == 7  # of 25: the first text, and all that is none
    assert decoder.unread == sum(map(len, texts[1:]))
    content = "".join(choice["delta"].get("content") or "" for one in told(out)[:-1] for choice in one["choices"])
    assert content == "".join(texts)
    (note,) = [one["choices"][0]["delta"]["annotations"][0] for one in told(out)[:-1] if b"annotations" in written(one)]
    assert note["url_citation"]["start_index"] == len(content)


def test_what_changes_all_the_time_is_not_learnt_for_ever() -> None:
    decoder = openai()
    payloads = [written(chunk(f"w{number}", created=number)) for number in range(20)]
    said(decoder, ChatEncoder(False), payloads)
    alike = [written(chunk(f"w{number}")) for number in range(20)]
    assert decoder.read == 20
    said(decoder, ChatEncoder(False), alike)
    assert decoder.read == 21  # another stream begins anew


@pytest.mark.parametrize(
    "text", [b'"\\ud83d"', b'"\xff"', b'"a\tb"', b'"\\x"', b'"open', b'"a" 1', b"7", b"null", b'""']
)
def test_a_text_that_is_none_is_read(text: bytes) -> None:
    head, tail = written(delta("@")).split(b'"@"')
    payloads = [written(event) for event in message(delta("a"), delta("b"))[:4]]
    fast = said(anthropic(), ChatEncoder(True), [*payloads, head + text + tail])
    slow = said(anthropic(careful=True), ChatEncoder(True), [*payloads, head + text + tail])
    assert told(fast[0]) == told(slow[0])
    assert (fast[1].failed, fast[1].events) == (slow[1].failed, slow[1].events)


@pytest.mark.parametrize(
    "other",
    [
        delta("c", index=1),
        {**delta("c"), "more": 1},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "text": "c"}},
        delta("c", also=[1]),
    ],
)
def test_what_differs_in_anything_else_is_read(other: dict[str, Any]) -> None:
    decoder = anthropic()
    said(decoder, ChatEncoder(True), [written(event) for event in message(delta("a"), delta("b"), other)[:5]])
    assert decoder.read == 4  # the start of message and block, the first text, and this


@pytest.mark.parametrize(
    ("payload", "text", "told", "found"),
    [
        (b'{"text":"a"}', "a", b'data: {"t":"a"}\n\n', True),
        (b'{"text": "a"}', "a", b'data: {"t":"a"}\n\n', True),
        (b'{"text":"\\u0061"}', "a", b'data: {"t":"a"}\n\n', False),
        (b'{"a":1,"text":"a"}', "a", b'data: {"a":"a"}\n\n', False),
        (b'{"text":"a","b":{"text":"a"}}', "a", b'data: {"t":"a"}\n\n', False),
        (b'{"text":"a"}', "a", b'data: 1\n\ndata: {"t":"a"}\n\n', False),
        (b'{"text":"a"}', "a", b"", False),
    ],
)
def test_what_is_ambiguous_is_not_learnt(payload: bytes, text: str, told: bytes, found: bool) -> None:
    assert Refrain("text").learn(payload, text, told) is found
