"""Whole answers of an upstream as a client is told them: read once a shape, then told from memory."""

import asyncio
import os
import re
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from tianji._core.bodies.frames import AnswerForm, Frames, Sighting
from tianji._core.bodies.names import Names
from tianji._core.bodies.spans import scan
from tianji._core.streams.remembered import Known, RememberedAnswers, Telling
from tianji._core.streams.retold import Flow, RetoldStream
from tianji._core.streams.script import Script
from tianji._core.streams.stream import AnswerStream
from tianji._core.streams.translated import TranslatedStream
from tianji._core.streams.usage import Usage, read_usage
from tianji.gateway.translation.framings import ARRAY, FRAMINGS
from tianji.gateway.translation.learning import Made, Remark, learn, learn_stream
from tianji.protocol.chat.answer import Completion
from tianji.protocol.chat.seam import EventDecoder, EventEncoder, Inbound, Outbound

_GOOGLE: Final = "tianji.protocol.gemini.outbound"
_MESSAGES: Final = AnswerForm(b"text", b"thinking", b"signature")
_FORMS: Final[Mapping[str | None, AnswerForm]] = {
    None: AnswerForm(b"content", b"reasoning_content"),
    "tianji.protocol.anthropic.outbound": _MESSAGES,
    "tianji.protocol.anthropic.vertex": _MESSAGES,
    "tianji.protocol.bedrock.invoke": _MESSAGES,
    "tianji.protocol.bedrock.outbound": AnswerForm(b"text", b"signature"),
    "tianji.protocol.cohere.outbound": AnswerForm(b"text", b"thinking", b"tool_plan"),
    _GOOGLE: AnswerForm(b"text", b"thoughtSignature"),
    "tianji.protocol.responses.outbound": AnswerForm(b"text", b"refusal", b"encrypted_content", b"delta"),
}
"""Where answers have their texts, by the protocol: those that treat all texts alike and add counts up."""
_GOOGLE_COUNTS: Final = re.compile(rb'"(total|prompt|candidates|thoughts)TokenCount"\s*:\s*(\d+)')


def _inclusive(body: bytes) -> bool | None:
    """Tell whether Google's count of what was said holds what was thought; None where texts are not all alike.

    Citations say where in the text they belong, in bytes.
    """
    if body.find(b'"groundingMetadata"') >= 0:  # `in` is slow with bytes
        return None
    if body.find(b'"thoughtsTokenCount"') < 0:
        return False
    counts = {name: int(number) for name, number in _GOOGLE_COUNTS.findall(body)}
    return counts.get(b"total") == counts.get(b"prompt", 0) + counts.get(b"candidates", 0)


_DOUBTS: Final[Mapping[str | None, tuple[tuple[bytes, ...], Callable[[bytes], Hashable]]]] = {
    _GOOGLE: ((b'"thoughtsTokenCount"', b'"groundingMetadata"'), _inclusive)
}
"""What of an answer beside its shape decides how it is told, and what stands in those where it is to be asked."""
_STREAMS: Final = _FORMS.keys() - {"tianji.protocol.bedrock.invoke"}  # whose events are in another form, as base64


def _argues(_event: bytes) -> None:
    """Return None, for an event with a piece of arguments, which are read on their way."""


_DOUBTFUL: Final[Mapping[str | None, tuple[tuple[bytes, ...], Callable[[bytes], Hashable]]]] = {
    **_DOUBTS,
    "tianji.protocol.responses.outbound": ((b'_arguments.delta"', b'_input.delta"'), _argues),
}
"""The same of an event of a stream."""
_NAMES: Final = Names(24)
_NAME: Final = os.urandom(12).hex()
_STANDS: Final = _NAME.encode()
"""Stands for the name of an answer that the upstream gave none: in what is remembered, and nowhere else."""
LINES: Final = 1024
"""Lines of streams that are remembered: of a hundred kinds of streams and more."""
_DIALECTS: Final = frozenset(
    {"tianji.dialects.chat", "tianji.dialects.messages", "tianji.dialects.gemini", "tianji.dialects.responses"}
)
"""Those that do so, too."""


class Told(Struct, frozen=True):
    """What a client is told, and what the gateway knows of it. usage: as an answer in OpenAI's form says it.

    filtered: a content filter cut it.
    """

    body: bytes
    usage: bytes
    filtered: bool


class _Called(Struct, frozen=True):
    id: str
    created: int


class _Preface(Struct, frozen=True):
    """What the gateway decides of a stream: how its decoder calls it where the upstream does not, and the encoder.

    prompt: its tokens, by estimate.
    """

    made: _Called
    answer: _Called
    prompt: int


_PREFACE: Final = msgspec.json.Decoder(_Preface)


class Codecs(Struct, frozen=True):
    """What reads and writes the streams of requests of one shape, of which this is one."""

    inbound: Any
    outbound: Any

    def begin(self, preface: bytes) -> tuple[EventDecoder, EventEncoder]:
        """Begin to read and to write a stream."""
        said = _PREFACE.decode(preface)
        decoder: EventDecoder = self.outbound.stream()
        if hasattr(decoder, "called"):
            decoder.called(said.made.id, said.made.created)
        if hasattr(self.inbound, "called"):
            inbound = self.inbound.called(said.answer.id, said.answer.created)
        else:
            inbound = self.inbound.again(said.prompt)
        return decoder, inbound.stream()


def learn_soon(flow: Flow, script: Script, told: list[Remark]) -> None:
    """Learn from a stream when its end is on its way, since that takes milliseconds; at once where nothing runs."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        learn_stream(flow, script, told)
    else:
        loop.call_soon(learn_stream, flow, script, told)


class Teller(RememberedAnswers):
    """Tells clients of a dialect what upstreams of a protocol say. frames, streams: remember answers, and lines."""

    def __init__(self, frames: Frames, dialect: str, protocol: str | None, streams: Frames | None = None) -> None:
        doubts, beside = _DOUBTS.get(protocol, ((), None))
        super().__init__(frames, dialect, protocol, doubts, beside)
        self.streams = Frames(LINES) if streams is None else streams

    def telling(self, inbound: Inbound, outbound: Outbound, model: bytes) -> Telling:
        """Return how answers to a request are told. model: the client's name, as JSON."""
        plain = getattr(inbound, "plain", False) and getattr(outbound, "plain", False)
        form = _FORMS.get(self.protocol) if self.dialect in _DIALECTS and plain else None
        names, clock = getattr(inbound, "names", None), getattr(inbound, "clock", None)
        flow = None
        if form is not None and self.protocol in _STREAMS:
            flow = self._flow(form, inbound, outbound, model)
        return Telling(form, getattr(inbound, "settled", None), names, None if clock is None else clock.now, flow)

    def _flow(self, form: AnswerForm, inbound: Inbound, outbound: Outbound, model: bytes) -> Flow:
        shape = FRAMINGS[outbound.framing]
        clock = getattr(outbound, "clock", None)
        settled = (getattr(inbound, "settled", None), getattr(inbound, "flow", None))
        doubts, beside = _DOUBTFUL.get(self.protocol, ((), None))
        return Flow(
            Codecs(inbound, outbound).begin, learn_soon, form, (self.dialect, self.protocol, model, settled),
            self.streams, msgspec.json.decode(model), shape.content_types, shape.framer,
            ARRAY if getattr(inbound, "as_array", False) else None,
            _NAMES if getattr(outbound, "names", False) else None,
            None if clock is None else clock.now, doubts, beside,
        )  # fmt: skip

    def stream(self, inbound: Inbound, outbound: Outbound, model: bytes, content_type: bytes) -> AnswerStream | None:
        """Return what reads a streamed answer of this type; None where the type says that it is none."""
        shape = FRAMINGS[outbound.framing]
        if not content_type.startswith(shape.content_types):
            return None
        framer = None if shape.framer is None else shape.framer()
        kind = ARRAY if getattr(inbound, "as_array", False) else None
        return TranslatedStream(outbound.stream(), inbound.stream(), msgspec.json.decode(model), framer, kind)

    def read(
        self, sighting: Sighting | None, inbound: Inbound, outbound: Outbound, model: bytes, body: bytes
    ) -> tuple[bytes, bytes, bool]:
        """Read an answer, and learn from it if one like it was there before; `model` is the client's name, as JSON.

        sighting: of its shape; None where that cannot be remembered. Raises UpstreamProtocolError and StreamFailed.
        """
        completion = outbound.answer(body)
        told = _told(inbound, completion, model)
        if sighting is not None and sighting.again and sighting.frame is None:
            self._learn(sighting, inbound, outbound, model, told, completion)
        return told.body, told.usage, told.filtered

    def _learn(
        self, sighting: Sighting, inbound: Inbound, outbound: Outbound, model: bytes, told: Told, completion: Completion
    ) -> None:  # fmt: skip
        name = _made_up(inbound, outbound, completion, sighting.body)
        clock = getattr(outbound, "clock", None)  # since the upstream does not say when an answer was made

        def make(body: bytes, now: int) -> Made:
            found = outbound.answer(body)
            if clock is not None:
                found.created = now
            if name:
                found.id = f"chatcmpl-{_NAME}"
            again = _told(_called(inbound, now), found, model)
            return Made(
                Known(again.filtered, _NAMES if name else None, None if clock is None else clock.now),
                (again.body, again.usage),
            )

        outputs = tuple(
            output.replace(name.encode(), _STANDS) if name else output for output in (told.body, told.usage)
        )
        now = getattr(inbound, "created", completion.created)
        learn(self.frames, _FORMS[self.protocol], sighting, outputs, make, now, _STANDS if name else b"")


def _told(inbound: Inbound, completion: Completion, model: bytes) -> Told:
    completion.model = msgspec.json.decode(model)
    return Told(inbound.answer(completion), usage_json(completion), is_filtered(completion))


class Passing(Protocol):
    """What reads answers in Google's form that go through: the module tianji.dialects.gemini.passing."""

    def completion_in(self, body: bytes) -> Completion:
        """Return what a whole answer says. Raises UpstreamProtocolError and StreamFailed."""

    def begin(self, *, as_array: bool) -> tuple[EventDecoder, EventEncoder]:
        """Begin to read and to hand on a stream."""


class Notes(RememberedAnswers):
    """Knows what answers in Google's form say that go through. frames, streams: remember answers, and lines."""

    def __init__(self, frames: Frames, passing: Passing, streams: Frames) -> None:
        super().__init__(frames, "", _GOOGLE, *_DOUBTS[_GOOGLE])
        self.telling = Telling(_FORMS[_GOOGLE], None, None, None)
        self._read = passing.completion_in
        self._passing = passing
        self._flows = [self._flow(streams, as_array=as_array) for as_array in (False, True)]

    def _flow(self, streams: Frames, *, as_array: bool) -> Flow:
        def begin(_preface: bytes) -> tuple[EventDecoder, EventEncoder]:
            return self._passing.begin(as_array=as_array)

        return Flow(
            begin, learn_soon, _FORMS[_GOOGLE], ("", _GOOGLE, as_array), streams, "", (), None,
            ARRAY if as_array else None, None, None, *_DOUBTS[_GOOGLE],
        )  # fmt: skip

    def through(self, *, as_array: bool) -> AnswerStream:
        """Return what hands a streamed answer on and knows what it says."""
        return RetoldStream(self._flows[as_array], b"{}")

    def noted(self, sighting: Sighting | None, body: bytes) -> tuple[bool, Usage | None]:
        """Tell whether an answer is filtered, and what it used; learn from it if one like it was there before."""
        completion = self._read(body)
        if sighting is not None and sighting.again and sighting.frame is None:

            def make(body: bytes, _now: int) -> Made:
                return _all_of(self._read(body), body)

            learn(self.frames, _FORMS[_GOOGLE], sighting, _all_of(completion, body).outputs, make)
        return is_filtered(completion), usage_in(completion)


def _all_of(completion: Completion, body: bytes) -> Made:
    """Return what is known of an answer that goes through; all that it says is among it, since all has to be told."""
    everything = msgspec.json.encode(msgspec.json.decode(body))
    return Made(Known(is_filtered(completion), None, None), (everything, usage_json(completion)))


def is_filtered(completion: Completion) -> bool:
    """Tell whether a content filter cut the answer."""
    return any(choice.finish_reason == "content_filter" for choice in completion.choices)


def usage_in(completion: Completion) -> Usage | None:
    """Return what the answer says of usage."""
    return read_usage(scan(usage_json(completion)))


def usage_json(completion: Completion) -> bytes:
    """Return what the answer says of usage as an answer in OpenAI's form says it."""
    said: dict[str, Any] = {"usage": completion.usage} if completion.usage else {}
    if completion.service_tier:
        said["service_tier"] = completion.service_tier
    return msgspec.json.encode(said)


def _made_up(inbound: Inbound, outbound: Outbound, completion: Completion, body: bytes) -> str:
    """Return the name that was made up here for an answer, "" where it has one of the upstream's."""
    own: str = getattr(inbound, "name", "")
    if own or not getattr(outbound, "names", False):
        return own
    _, _, name = completion.id.partition("chatcmpl-")
    return "" if name.encode() in body else name


def _called(inbound: Any, now: int) -> Inbound:
    """Return what tells answers as this does, under the name that stands for all and at this time."""
    found: Inbound = inbound.called(_NAME, now) if hasattr(inbound, "called") else inbound
    return found
