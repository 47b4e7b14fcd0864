"""The beginning of a stream, which a reader has already where another deployment goes on."""

from tianji._core.streams.sse import ChatStream

_END = b"\n\n"


def from_content(events: bytes) -> bytes:
    """Return whole events without those before the first that has content."""
    units = events.split(_END)
    first = next((place for place, unit in enumerate(units) if _speaks(unit)), len(units) - 1)
    return _END.join(units[first:])


def _speaks(unit: bytes) -> bool:
    stream = ChatStream()
    stream.feed(unit + _END)
    return stream.spoke or stream.done
