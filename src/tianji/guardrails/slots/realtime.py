"""Events of OpenAI's realtime API in which a client says something.

https://platform.openai.com/docs/api-reference/realtime. What a user was heard to say, which the
upstream tells, is as much of the user as what he writes.
"""

from typing import Any, Final

from tianji.guardrails.content import Kind
from tianji.guardrails.slots.responses import item
from tianji.guardrails.slots.sheet import OPAQUE, Sheet, Voice, listed
from tianji.guardrails.slots.texts import Json, Path

_SYSTEM: Final = Voice("system", Kind.INSTRUCTIONS)
_ASKING: Final = ("session", "response")
_OPAQUE: Final = OPAQUE | {
    "event_id", "previous_item_id", "audio", "model", "voice", "logprobs", "usage", "language",
}  # fmt: skip
_SETTINGS: Final = frozenset(
    {
        "modalities", "output_modalities", "audio", "input_audio_format", "output_audio_format", "turn_detection",
        "input_audio_noise_reduction", "tool_choice", "temperature", "speed", "tracing", "truncation", "include",
        "max_output_tokens", "max_response_output_tokens", "conversation", "metadata",
    }
)  # fmt: skip
"""Members of a session that steer, unless they hold what a model is told."""


def event(sheet: Sheet, body: Json) -> None:
    """Read one event."""
    for name, value in body.items():
        if name == "item":
            _item(sheet, value, (name,), 0)
        elif name in _ASKING and isinstance(value, dict):
            _asking(sheet, value, (name,))
        elif name != "type":
            sheet.said({name: value}, (), Voice(), _OPAQUE)


def _item(sheet: Sheet, found: object, path: Path, number: int) -> None:
    """Read an item, without what is sound in it."""
    parts = found.get("content") if isinstance(found, dict) else None
    if isinstance(found, dict) and isinstance(parts, list):
        found = {**found, "content": [_silent(part) if isinstance(part, dict) else part for part in parts]}
    item(sheet, found, path, Voice(message=number))


def _silent(part: Json) -> Json:
    return {name: value for name, value in part.items() if name != "audio" or not isinstance(value, str)}


def _asking(sheet: Sheet, asked: Json, path: Path) -> None:
    """Read what a session or a response is to be like."""
    for number, one in enumerate(listed(asked.get("input"))):
        _item(sheet, one, (*path, "input", number), number)
    prompts: dict[str, Any] = {name: value for name, value in asked.items() if name not in _SETTINGS | {"input"}}
    sheet.said(prompts, path, _SYSTEM, _OPAQUE)
    sheet.said(asked.get("audio"), (*path, "audio"), _SYSTEM, _OPAQUE)  # a prompt for whoever writes down what is said
