"""Whole answers of an upstream as a client is told them: read once a shape, then told from memory."""

import os
import re
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji._core.frames import AnswerForm, Frame, Frames, Sighting
from tianji._core.spans import scan
from tianji._core.usage import Usage, read_usage
from tianji.gateway.learning import Made, learn
from tianji.protocol.chat.answer import Completion
from tianji.protocol.chat.seam import Inbound, Outbound

_MESSAGES: Final = AnswerForm(b"text", b"thinking", b"signature")
_FORMS: Final[Mapping[str | None, AnswerForm]] = {
    None: AnswerForm(b"content", b"reasoning_content"),
    "tianji.protocol.anthropic.outbound": _MESSAGES,
    "tianji.protocol.anthropic.vertex": _MESSAGES,
    "tianji.protocol.bedrock.invoke": _MESSAGES,
    "tianji.protocol.bedrock.outbound": AnswerForm(b"text", b"signature"),
    "tianji.protocol.cohere.outbound": AnswerForm(b"text", b"thinking", b"tool_plan"),
    "tianji.protocol.gemini.outbound": AnswerForm(b"text", b"thoughtSignature"),
    "tianji.protocol.responses.outbound": AnswerForm(b"text", b"refusal", b"encrypted_content"),
}
"""Where answers have their texts, by the protocol: those that treat all texts alike and add counts up."""
_GOOGLE_COUNTS: Final = re.compile(rb'"(total|prompt|candidates|thoughts)TokenCount"\s*:\s*(\d+)')


def _inclusive(body: bytes) -> bool | None:
    """Tell whether Google's count of what was said holds what was thought; None where texts are not all alike.

    Citations say where in the text they belong, in bytes.
    """
    if b'"groundingMetadata"' in body:
        return None
    if b'"thoughtsTokenCount"' not in body:
        return False
    counts = {name: int(number) for name, number in _GOOGLE_COUNTS.findall(body)}
    return counts.get(b"total") == counts.get(b"prompt", 0) + counts.get(b"candidates", 0)


_BESIDE: Final[Mapping[str | None, Callable[[bytes], Hashable]]] = {"tianji.protocol.gemini.outbound": _inclusive}
"""What of an answer beside its shape decides how it is told."""
_NAME: Final = os.urandom(12).hex()
"""Stands for the name of an answer that the upstream gave none: in what is remembered, and nowhere else."""
_DIALECTS: Final = frozenset({"tianji.dialects.chat", "tianji.dialects.messages", "tianji.dialects.gemini"})
"""Those that do so, too, and make up nothing."""


class Told(Struct, frozen=True):
    """What a client is told, and what the gateway knows of it: usage where the body does not say it in OpenAI's form.

    filtered: a content filter cut it.
    """

    body: bytes
    usage: bytes | None
    filtered: bool


class _Known(Struct, frozen=True):
    """What is remembered of an answer besides what is told. named: its name was made up here, each is to have one."""

    filtered: bool
    named: bool


class Teller(Struct, frozen=True):
    """Tells clients of a dialect what upstreams of a protocol say. chat: the dialect is OpenAI's."""

    frames: Frames
    dialect: str
    protocol: str | None
    chat: bool

    def form(self, inbound: Inbound, outbound: Outbound) -> AnswerForm | None:
        """Return where answers to a request have their texts; None where each has to be read."""
        if self.dialect not in _DIALECTS or not getattr(inbound, "plain", False):
            return None
        return _FORMS.get(self.protocol) if getattr(outbound, "plain", False) else None

    def tell(self, form: AnswerForm | None, inbound: Inbound, outbound: Outbound, model: bytes, body: bytes) -> Told:
        """Read a whole answer. model: the name that the client knows, as JSON.

        Raises UpstreamProtocolError and StreamFailed.
        """
        beside = None if form is None else _BESIDE.get(self.protocol, _nothing)(body)
        sighting = None
        if form is not None and beside is not None:
            sighting = self.frames.look(form, body, (self.dialect, self.protocol, model, beside))
        if form is None or sighting is None:
            return self._told(inbound, outbound.answer(body), model)
        if (frame := sighting.frame) is not None and frame.value is not None:
            told = _filled(sighting, frame, outbound)
            if told is not None:
                return told
        return self._read(form, sighting, inbound, outbound, model)

    def _read(
        self, form: AnswerForm, sighting: Sighting, inbound: Inbound, outbound: Outbound, model: bytes
    ) -> Told:  # fmt: skip
        """Read an answer, and learn from it if one like it was there before."""
        completion = outbound.answer(sighting.body)
        told = self._told(inbound, completion, model)
        if sighting.again and sighting.frame is None:
            _, _, name = completion.id.partition("chatcmpl-")
            named = getattr(outbound, "names", False) and name.encode() not in sighting.body

            def make(body: bytes, now: int) -> Made:
                found = outbound.answer(body)
                if _dates(outbound):
                    found.created = now
                if named:
                    found.id = f"chatcmpl-{_NAME}"
                again = self._told(inbound, found, model)
                return Made(_Known(again.filtered, named), _outputs(again))

            outputs = _outputs(told)
            if named:
                outputs = tuple(output.replace(name.encode(), _NAME.encode()) for output in outputs)
            learn(self.frames, form, sighting, outputs, make, completion.created)
        return told

    def _told(self, inbound: Inbound, completion: Completion, model: bytes) -> Told:
        completion.model = msgspec.json.decode(model)
        # in OpenAI's form it stands there as the gateway reads it
        usage = None if self.chat else usage_json(completion)
        return Told(inbound.answer(completion), usage, is_filtered(completion))


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


def _dates(outbound: Outbound) -> bool:
    """Tell whether answers are dated by when they were read, since the upstream does not say when they were made."""
    return getattr(outbound, "clock", None) is not None


def _outputs(told: Told) -> tuple[bytes, ...]:
    return (told.body,) if told.usage is None else (told.body, told.usage)


def _filled(sighting: Sighting, frame: Frame, outbound: Any) -> Told | None:
    """Return what is told of an answer whose shape is known; None where a count is not as it was then."""
    now = int(outbound.clock.now()) if _dates(outbound) else 0
    known: _Known = frame.value
    body = sighting.fill(frame.outputs[0], now)
    if body is None:
        return None
    if known.named:
        body = body.replace(_NAME.encode(), os.urandom(12).hex().encode())
    if len(frame.outputs) == 1:
        return Told(body, None, known.filtered)
    usage = sighting.fill(frame.outputs[1], now)
    return None if usage is None else Told(body, usage, known.filtered)


def _nothing(_body: bytes) -> Hashable:
    return False
