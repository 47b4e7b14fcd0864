"""The beginning of a stream: whether there is anything in it for the reader yet."""

from collections.abc import Mapping
from typing import Final

import msgspec

_DONE: Final = b"[DONE]"


def has_content(events: bytes) -> bool:
    """Whether whole server-sent events of a chat or a completion hold more than comments, roles, and what is empty.

    What is not understood counts as content, since nobody may hold it back.
    """
    return any(_says(line[5:].strip()) for line in events.splitlines() if line.startswith(b"data:"))


def from_content(events: bytes) -> bytes:
    """Return whole events without those before the first that has content: a reader has the beginning already."""
    units = events.split(b"\n\n")
    first = next((place for place, unit in enumerate(units) if has_content(unit)), len(units) - 1)
    return b"\n\n".join(units[first:])


def _says(payload: bytes) -> bool:
    if payload == _DONE:
        return True
    try:
        chunk = msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        return True
    if chunk == {}:
        return False
    if not isinstance(chunk, Mapping) or "choices" not in chunk or chunk.get("usage") is not None:
        return True
    choices = chunk["choices"]
    return not isinstance(choices, list) or any(map(_chosen, choices))


def _chosen(choice: object) -> bool:
    if not isinstance(choice, Mapping) or choice.get("finish_reason") is not None or choice.get("text"):
        return True
    delta = choice.get("delta")
    return isinstance(delta, Mapping) and any(value for name, value in delta.items() if name != "role")
