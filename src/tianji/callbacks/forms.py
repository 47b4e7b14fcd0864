"""How several destinations write times, ids and JSON."""

import gzip
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from tianji.callbacks.event import LogEvent

JSON: Final = {"content-type": "application/json"}
_SPACE: Final = uuid.UUID("6f0e5d0c-6c3b-4d8e-8a56-3f2f5b6f7c11")  # of the ids that are made of ours
encode: Final = msgspec.json.Encoder().encode


def array(wires: Sequence[bytes]) -> bytes:
    """Return JSON in one array, which is copied once."""
    edged = list(wires) or [b""]
    edged[0] = b"[" + edged[0]
    edged[-1] += b"]"
    return b",".join(edged)


def lines(events: Sequence[LogEvent]) -> bytes:
    """Return events as they are, a line each."""
    return in_lines([event.wire for event in events])


def in_lines(wires: Sequence[bytes]) -> bytes:
    """Return JSON, a line each."""
    return b"\n".join([*wires, b""])


def packed(body: bytes) -> bytes:
    """Return a body as gzip has it, quickly rather than small: JSON comes down to less than half of its size anyway."""
    return gzip.compress(body, 1, mtime=0)


def moment(at: float) -> str:
    """Return seconds since 1970 as RFC 3339 writes them, in milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def unique(event: LogEvent, part: str = "") -> str:
    """Return the UUID of an event, or of a part of it. It is made of our id: what is told twice is the same."""
    return str(uuid.uuid5(_SPACE, f"{part} {event.id}" if part else event.id))


def ordered(event: LogEvent, part: str = "") -> str:
    """Return a UUID of version 7 (RFC 9562, 5.7) for the time at which the event began, else made as `unique` is."""
    noise = int.from_bytes(hashlib.sha256(f"{part} {event.id}".encode()).digest()[:10], "big")
    milliseconds = int(event.started * 1000) & ((1 << 48) - 1)
    high = milliseconds << 16 | 0x7000 | (noise >> 62 & 0xFFF)
    return str(uuid.UUID(int=high << 64 | 0b10 << 62 | (noise & ((1 << 62) - 1))))


def present(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return members without those that are None."""
    return {name: value for name, value in members.items() if value is not None}


def texts(value: Any) -> list[str]:
    """Return the texts of a list that a client may have written."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list | tuple) else []


def word(value: Any) -> str | None:
    """Return a text that a client may have written, or a number as one; None for anything else, and for no text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value or None if isinstance(value, str) else None


def number(value: Any) -> int | None:
    """Return a whole number that a client may have written, as a text, too."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def texts_of(event: LogEvent) -> dict[str, str]:
    """Return an event as LiteLLM's first loggers told it: few members, each of them text, objects as JSON."""
    row = {
        "id": event.id,
        "call_type": event.call_type,
        "startTime": moment(event.started),
        "endTime": moment(event.ended),
        "model": event.model,
        "user": event.end_user,
        "modelParameters": event.model_parameters,
        "messages": event.messages,
        "response": event.response,
        "usage": event.usage,
        "metadata": event.metadata,
    }
    texts = {name: value if isinstance(value, str) else encode(value).decode() for name, value in row.items()}
    return {name: text for name, text in texts.items() if row[name] is not None}
