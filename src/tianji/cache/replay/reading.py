"""The payloads of a stream of server-sent events that was kept whole."""

from collections.abc import Iterator
from typing import Any

import msgspec

from tianji._core.streams.sse import encode_event

DONE = b"data: [DONE]\n\n"
Json = dict[str, Any]

_decode = msgspec.json.decode
_encode = msgspec.json.Encoder().encode


def payloads(events: bytes) -> Iterator[bytes]:
    """Yield what stands behind `data:`, event by event; the lines of one are joined (WHATWG HTML, section 9.2.6)."""
    for unit in events.replace(b"\r\n", b"\n").split(b"\n\n"):
        lines = [line[5:].removeprefix(b" ") for line in unit.split(b"\n") if line.startswith(b"data:")]
        if lines:
            yield b"\n".join(lines)


def objects(events: bytes) -> Iterator[Json]:
    """Yield those payloads that are JSON objects, decoded. Raises msgspec.DecodeError for others but `[DONE]`."""
    for payload in payloads(events):
        if payload.strip() != b"[DONE]":
            yield _decode(payload, type=Json)


def written(payload: Json) -> bytes:
    """Return an event without a name."""
    return encode_event(_encode(payload))


def named(payload: Json) -> bytes:
    """Return an event that is called as its `type` says."""
    return b"event: %b\n%b" % (payload["type"].encode(), encode_event(_encode(payload)))
