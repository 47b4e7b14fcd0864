"""Whole answers of an upstream as a client is told them: read once a shape, then told from memory."""

from collections.abc import Mapping
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
}
"""Where answers have their texts, by the protocol: those that treat all texts alike and add counts up."""
_DIALECTS: Final = frozenset({"tianji.dialects.chat", "tianji.dialects.messages", "tianji.dialects.gemini"})
"""Those that do so, too, and make up nothing."""


class Told(Struct, frozen=True):
    """What a client is told, and what the gateway knows of it: usage where the body does not say it in OpenAI's form.

    filtered: a content filter cut it.
    """

    body: bytes
    usage: bytes | None
    filtered: bool


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
        sighting = None if form is None else self.frames.look(form, body, (self.dialect, self.protocol, model))
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

            def make(body: bytes, now: int) -> Made:
                found = outbound.answer(body)
                if _dates(outbound):
                    found.created = now
                again = self._told(inbound, found, model)
                return Made(again.filtered, _outputs(again))

            learn(self.frames, form, sighting, _outputs(told), make, completion.created)
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
    body = sighting.fill(frame.outputs[0], now)
    if body is None or len(frame.outputs) == 1:
        return None if body is None else Told(body, None, frame.value)
    usage = sighting.fill(frame.outputs[1], now)
    return None if usage is None else Told(body, usage, frame.value)
