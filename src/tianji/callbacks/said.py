"""What was said in a request, as the journal has it: JSON that stays as it is until a destination looks into it.

Most destinations are told it as it stands. So it is looked through once, and decoded and written anew only where it
holds a file, whose size is told in its place, or what not every reader of JSON takes.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from tianji._core.bodies.marks import BASE64, DATA, LINE, WIDE, marks
from tianji.callbacks.discretion import FORMS, shortened
from tianji.errors import TianjiError
from tianji.lazy import load
from tianji.ledger.credentials import without_secrets
from tianji.ledger.entry import Payload
from tianji.ledger.payloads import EVENTS, MESSAGES, UNREADABLE, messages_of, streamed

NOT_SAID: Final = b"null"
NULL: Final = Raw(NOT_SAID)
_FORMS: Final = tuple(f'"{name}"'.encode() for name in FORMS)
_CONTENT: Final = frozenset({
    "model", "messages", "input", "prompt", "metadata", "litellm_metadata", "user", "contents", "instructions",
})  # fmt: skip
_STREAMS: Final = {  # what stands in the first events of a stream, and the form that it is of
    b"message_start": "messages",
    b'"response.created"': "responses",
    b'"text_completion"': "completions",
    b'"candidates"': "gemini",
    b'"promptFeedback"': "gemini",
}
_FRAME: Final = 512  # bytes of the first events
_REPEATED: Final = 16_384  # bytes of a parameter; a longer one is not remembered
_members: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_decode: Final = msgspec.json.decode
_is_json: Final = msgspec.json.Decoder(Raw).decode
_encode: Final = msgspec.json.Encoder().encode


class Said(Struct, frozen=True):
    """What was said.

    messages, response: as JSON; metadata: the client's own
    beside: objects of what the gateway notes down beside it, by their names
    """

    messages: bytes = NOT_SAID
    response: bytes = NOT_SAID
    parameters: Mapping[str, Raw] = {}
    metadata: dict[str, Any] = {}
    beside: Mapping[str, dict[str, Any]] = {}


NOTHING: Final = Said()


def said_in(payload: Payload) -> Said:
    """Read it. What is no JSON is not told."""
    members = _object_in(payload.request)
    noted = _object(members, "litellm_metadata") if "litellm_metadata" in members else {}
    return Said(
        messages=document(payload.messages) if payload.messages else _asked(members),
        response=document(whole(payload.response)),
        parameters=dict(_parameters(members)),
        metadata=shortened(_object(members, "metadata")) if "metadata" in members else {},
        beside={name: about for name, about in noted.items() if isinstance(about, dict)},
    )


def _object_in(request: bytes) -> Mapping[str, Raw]:
    try:
        return _members(request) if request else {}
    except UNREADABLE:
        return {}


def _asked(members: Mapping[str, Raw]) -> bytes:
    """Return the messages of a request, which is known to be JSON, as they may be told."""
    for name in MESSAGES:
        if name in members:
            return _tellable(bytes(members[name]))
    return NOT_SAID


def opened(payload: Payload) -> Payload:
    """Return it with its parts apart, however the worker has written it down."""
    messages = payload.messages or messages_of(payload.request) or b""
    return msgspec.structs.replace(payload, messages=messages, response=whole(payload.response))


def whole(events: bytes) -> bytes:
    """Return the answer that a stream comes to, and what is none as it is.

    Of one that broke off it is as much as there is, of a chat at least the text.
    """
    begin = events[:_FRAME]
    if not begin.startswith(EVENTS) and not (begin.startswith(b"[") and b'"candidates"' in begin):
        return events
    form = next((name for mark, name in _STREAMS.items() if mark in begin), "chat")
    try:
        found: bytes = load(f"tianji.cache.replay.{form}").whole(events, None)
    except (ValueError, LookupError, TypeError, AttributeError, TianjiError, *UNREADABLE):
        return streamed([events])
    return found


def document(text: bytes) -> bytes:
    """Return JSON as it may be told; null for what is none."""
    try:
        _is_json(text)
    except UNREADABLE:
        return NOT_SAID
    return _tellable(text)


def _tellable(text: bytes) -> bytes:
    seen = marks(text)
    try:
        if seen and _is_unusual(text, seen):
            return _encode(shortened(_decode(text)))
        if seen & WIDE:
            text.decode()
    except UNREADABLE:
        return NOT_SAID
    return text


def _is_unusual(text: bytes, seen: int) -> bool:
    """Whether there is perhaps a file in it, or a line end: where an event is a line, nothing else may be one."""
    if seen & LINE:
        return True
    if seen & BASE64 and (b";base64," in text or b'"b64_json"' in text):
        return True
    return bool(seen & DATA) and b'data"' in text and (b'"file_data"' in text or any(form in text for form in _FORMS))


def value(raw: Raw | bytes) -> Any:
    """Return what JSON says; None for what nobody can say, such as a number without bounds."""
    try:
        return _decode(raw)
    except UNREADABLE:
        return None


def _object(members: Mapping[str, Raw], name: str) -> dict[str, Any]:
    found = value(members[name])
    return without_secrets(found) if isinstance(found, dict) else {}


def _parameters(members: Mapping[str, Raw]) -> Iterator[tuple[str, Raw]]:
    for name, raw in members.items():
        if name not in _CONTENT:
            text = bytes(raw)
            told = _remembered(name, text) if len(text) < _REPEATED else _parameter(name, text)
            if told is not None:
                yield name, told


def _parameter(name: str, text: bytes) -> Raw | None:
    """Return a parameter without credentials in it; None for one that is a credential."""
    try:
        known = without_secrets({name: _decode(text)})
    except UNREADABLE:
        return None
    return Raw(_encode(shortened({name: known[name]})[name])) if known else None


_remembered: Final = lru_cache(256)(_parameter)  # many requests have the same tools, and the same temperature
