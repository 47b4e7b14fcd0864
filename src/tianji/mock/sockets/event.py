"""What is said over a WebSocket: one JSON object a message."""

from typing import Any

import msgspec

from tianji.errors import MalformedJSON

Event = dict[str, Any]


def members(text: bytes) -> Event:
    """Return a message's members. Raises MalformedJSON."""
    try:
        return msgspec.json.decode(text, type=Event)
    except msgspec.DecodeError as error:
        raise MalformedJSON(f"The message is no JSON object: {error}") from error
