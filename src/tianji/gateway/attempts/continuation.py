"""Going on where a stream broke: the same request, with the text so far as the beginning of the answer."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

LONGEST: Final = 1 << 20  # bytes of events; an answer that is longer is not continued
_REQUEST: Final = msgspec.json.Decoder(dict[str, Any])


def continuation(body: bytes, events: bytes) -> bytes | None:
    """Return the body of a chat request that goes on from the server-sent `events` that a client has.

    None when nobody could go on from there: several choices, calls of tools, text of a structured output, thinking
    that was under way, or nothing at all.
    """
    if not body or len(events) > LONGEST:
        return None
    request = _REQUEST.decode(body)
    try:
        said = _said(events)
    except msgspec.DecodeError:  # an event of several lines
        return None
    messages = request.get("messages")
    if not said or not isinstance(messages, list) or request.get("response_format") is not None:
        return None
    request["messages"] = [*messages, {"role": "assistant", "content": said}]
    return msgspec.json.encode(request)


def _said(events: bytes) -> str | None:
    """Return the text of a stream's deltas, None when it has anything but text."""
    parts: list[str] = []
    for delta in _deltas(events):
        for name, value in delta.items():
            if name == "content" and isinstance(value, str):
                parts.append(value)
            elif value and name not in {"role", "refusal"}:
                return None
    return "".join(parts)


def _deltas(events: bytes) -> Iterator[Mapping[str, Any]]:
    for line in events.splitlines():
        if not line.startswith(b"data:"):
            continue
        chunk = msgspec.json.decode(line[5:])
        for choice in chunk.get("choices") or ():
            if choice.get("index", 0) != 0 or choice.get("finish_reason") is not None:
                yield {"other": True}
            else:
                yield choice.get("delta") or {}
