"""Server-sent events, as they come.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from typing import NamedTuple

from tianji.errors import UpstreamProtocolError
from tianji.mcp.links.link import LONGEST


class Event(NamedTuple):
    """One event. `kind`: `message` where it names none."""

    kind: str
    data: str


class Events:
    """Reads a stream, whose pieces may end anywhere."""

    def __init__(self) -> None:
        self._rest = b""
        self._kind = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, piece: bytes) -> list[Event]:
        """Return the events that have come to their end. Raises UpstreamProtocolError for one that is too long."""
        text = self._rest + piece
        # a carriage return at the end may be the first half of a line's end
        ends = len(text) - 1 if text.endswith(b"\r") else len(text)
        lines = text[:ends].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + text[ends:]
        found = [event for line in lines if (event := self._line(line)) is not None]
        if len(self._rest) + self._size > LONGEST:
            raise UpstreamProtocolError("the MCP server sent an event that is too long")
        return found

    def _line(self, line: bytes) -> Event | None:
        if not line:
            found = Event(self._kind or "message", "\n".join(self._data)) if self._data else None
            self._kind, self._data, self._size = "", [], 0
            return found
        name, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"data":
            self._data.append(text)
            self._size += len(value)
        elif name == b"event":
            self._kind = text
        return None
