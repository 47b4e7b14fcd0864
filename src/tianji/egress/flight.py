"""One call on its way over HTTP/2: its request, and where it stands."""

from typing import Final, NamedTuple, Protocol

from tianji._core.upstreams.multiplex import Stream
from tianji.errors import Header

WINDOW: Final = 256 * 1024
"""Bytes of one answer that may be on their way while its reader is slow."""

_OF_ONE_CONNECTION: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade"}
)
"""Fields that HTTP/2 has no place for (RFC 9113 section 8.2.2)."""


class Request(NamedTuple):
    """A request of HTTP/1.1 as HTTP/2 sends it: pseudo-header fields first, names in lower case."""

    fields: list[Header]
    body: memoryview


def read_request(request: bytes) -> Request:
    """Take a complete request apart. Its head was written by this gateway, so it is well formed."""
    end = request.index(b"\r\n\r\n")
    line, *rest = request[:end].split(b"\r\n")
    method, target, _ = line.split(b" ")
    authority = b""
    fields: list[Header] = []
    for field in rest:
        name, _, value = field.partition(b":")
        name = name.lower()
        if name == b"host":
            authority = value.strip()
        elif name not in _OF_ONE_CONNECTION:
            fields.append((name, value.strip()))
    pseudo = [(b":method", method), (b":scheme", b"https"), (b":authority", authority), (b":path", target)]
    return Request(pseudo + fields, memoryview(request)[end + 4 :])


class Queue(Protocol):
    """Where a call waits for a connection."""

    def leave(self, flight: "Flight") -> None:
        """Let a call go that is over."""


class Windows(Protocol):
    """What a connection sends."""

    def credit(self, number: int, count: int) -> None:
        """Open the window of a stream by `count` bytes that were read."""


class Connection(Protocol):
    """What carries a call."""

    @property
    def frames(self) -> Windows:
        """What is sent on it."""

    def cancel(self, flight: "Flight") -> None:
        """End a call's stream before its answer is complete."""


class Flight:
    """The driver of a call's stream: it stands in a queue, or on a connection under `number`, or nowhere any more.

    `times` counts how often it was sent, `unread` the bytes of the answer that the stream's window waits for.
    """

    __slots__ = ("connection", "number", "queue", "stream", "times", "unread")

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.queue: Queue | None = None
        self.connection: Connection | None = None
        self.number = 0
        self.times = 0
        self.unread = 0

    def dropped(self) -> None:
        """Leave the queue or the connection: the call is over."""
        if self.queue is not None:
            self.queue.leave(self)
        elif self.connection is not None:
            self.connection.cancel(self)

    def read_on(self) -> None:
        """Let the upstream send on by what was read, in halves of the window."""
        if self.connection is not None and self.unread >= WINDOW // 2:
            self.connection.frames.credit(self.number, self.unread)
            self.unread = 0
