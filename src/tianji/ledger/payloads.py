"""What was said: taken apart for whoever reads it, and shortened, since a ledger is no archive of prompts."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tianji.ledger.credentials import without_secrets

LONGEST: Final = 2048  # characters of a text that are kept, its beginning and its end
MESSAGES: Final = ("messages", "input", "prompt", "contents")  # members of requests that hold what is said
EVENTS: Final = (b"data:", b"event:", b"id:", b"retry:", b":")  # what a stream begins with, and no JSON
CUT: Final = b'{"choices":[{"index":0,'  # what the text of a stream begins with that `streamed` has summed up
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_MARK: Final = "... ({} characters left out) ..."


def messages_of(request: bytes) -> bytes | None:
    """Return the messages of a request, nothing where it has none; None for what is no JSON object."""
    try:
        body = msgspec.json.decode(request, type=dict[str, msgspec.Raw])
    except UNREADABLE:
        return None
    return next((bytes(body[member]) for member in MESSAGES if member in body), b"")


def shortened(document: bytes, longest: int = LONGEST) -> bytes:
    """Return a JSON document whose long texts have lost their middle; nothing for what is no JSON."""
    try:
        return msgspec.json.encode(_shortened(msgspec.json.decode(document), longest))
    except UNREADABLE:
        return b""


def shortened_request(document: bytes, longest: int = LONGEST) -> bytes:
    """Return a request in the same way, and without the credentials in it."""
    try:
        request = msgspec.json.decode(document)
        known = without_secrets(request) if isinstance(request, dict) else request
        return msgspec.json.encode(_shortened(known, longest))
    except UNREADABLE:
        return b""


def _shortened(value: Any, longest: int) -> Any:
    if isinstance(value, str):
        return _cut(value, longest)
    if isinstance(value, list):
        return [_shortened(one, longest) for one in value]
    if isinstance(value, dict):
        return {name: _shortened(one, longest) for name, one in value.items()}
    return value


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    head = longest * 35 // 100
    tail = longest - head
    return text[:head] + _MARK.format(len(text) - longest) + text[-tail:]


def streamed(events: list[bytes]) -> bytes:
    """Return an answer that holds the text of a stream of chat."""
    text = "".join(piece for event in b"".join(events).splitlines() for piece in _pieces(event))
    return msgspec.json.encode({"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]})


def _pieces(line: bytes) -> list[str]:
    try:
        chunk: Any = msgspec.json.decode(line.removeprefix(b"data:")) if line.startswith(b"data:") else None
    except UNREADABLE:  # [DONE], or nothing that is understood
        return []
    choices = chunk.get("choices") if isinstance(chunk, Mapping) else None
    found = [_text(choice) for choice in choices] if isinstance(choices, list) else []
    return [text for text in found if isinstance(text, str)]


def _text(choice: object) -> object:
    if not isinstance(choice, Mapping):
        return None
    delta = choice.get("delta")
    return delta.get("content") if isinstance(delta, Mapping) else choice.get("text")
