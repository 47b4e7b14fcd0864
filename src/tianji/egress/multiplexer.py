"""HTTP/2 towards upstreams: which call goes out on which connection.

A call goes on the first connection of its origin that has room. When none has it waits, first come first served, and
a connection is made, one at a time. An upstream that does not agree to HTTP/2 gets its calls over HTTP/1.1, and is
asked again after DECLINED seconds.
"""

import asyncio
import importlib
from typing import TYPE_CHECKING, Final

from tianji._core.upstreams.multiplex import Stream
from tianji._core.upstreams.origin import Origin
from tianji.egress.connector import Connector
from tianji.egress.flight import Flight
from tianji.errors import UpstreamConnectFailed, UpstreamDisconnected, UpstreamFailure

if TYPE_CHECKING:
    from tianji.egress.http2 import Http2Connection

DECLINED: Final = 600.0
"""Seconds for which an upstream is not asked again whether it speaks HTTP/2."""


class Multiplexer:
    """The connections over HTTP/2 of one event loop; the pool hands it the calls for such origins."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connector: Connector, *, idle_expiry: float = 55.0) -> None:
        """Take the pool's loop and connector, and the seconds after which a connection without calls is closed."""
        self.loop = loop
        self.connector = connector
        self.idle_expiry = idle_expiry
        self.queues: dict[Origin, Queue] = {}
        self.closed = False
        self._declined: dict[Origin, float] = {}

    def carry(self, origin: Origin, stream: Stream) -> None:
        """Send the call of `stream` to `origin`, now or as soon as a connection has room. Calls no handler."""
        declined = self._declined.get(origin)
        if origin.http1 is None or (declined is not None and self.loop.time() < declined + DECLINED):
            stream.fall_back(origin.http1 or origin)
            return
        queue = self.queues.get(origin)
        if queue is None:
            queue = self.queues[origin] = Queue(self, origin)
        queue.enter(Flight(stream))

    def declined(self, origin: Origin) -> None:
        """Remember that an upstream does not speak HTTP/2, and forget what is too old to count."""
        now = self.loop.time()
        self._declined = {known: at for known, at in self._declined.items() if at + DECLINED > now} | {origin: now}

    def close(self) -> None:
        """Close what is idle and fail what waits. Calls that have a connection go on to their end."""
        self.closed = True
        for queue in list(self.queues.values()):
            queue.close()


class Queue:
    """The connections to one origin, and the calls that wait for one."""

    def __init__(self, multiplexer: Multiplexer, origin: Origin) -> None:
        self._multiplexer = multiplexer
        self._origin = origin
        self._connections: list[Http2Connection] = []
        self._waiting: dict[Flight, None] = {}
        self._making: asyncio.Task[Http2Connection] | None = None

    def enter(self, flight: Flight) -> None:
        """Let a call wait its turn, which may have come already."""
        flight.queue = self
        flight.stream.wait(flight)
        self._waiting[flight] = None
        self.room()

    def leave(self, flight: Flight) -> None:
        """Let a call go that is over."""
        flight.queue = None
        self._waiting.pop(flight, None)
        if not self._waiting:
            self._give_up()
        self._forget()

    def close(self) -> None:
        """See Multiplexer.close."""
        self._give_up()
        self._fail(UpstreamConnectFailed("the gateway is shutting down: try again"))
        for connection in list(self._connections):
            connection.retire()

    # what connections report

    def room(self) -> None:
        """Send what waits, as far as connections have room; make one more when that is not enough."""
        for connection in list(self._connections):
            while self._waiting and connection.free:
                flight = next(iter(self._waiting))
                del self._waiting[flight]
                connection.begin(flight)
        if self._waiting and self._making is None and not any(each.hopeful for each in self._connections):
            self._making = self._multiplexer.loop.create_task(self._connect())
            self._making.add_done_callback(self._made)

    def again(self, flight: Flight, times: int) -> None:
        """Send a call once more that the upstream has not looked at (RFC 9113 section 8.7), `times` times at most."""
        if flight.times >= times or self._multiplexer.closed:
            text = "the upstream refused the request again and again without looking at it: try later"
            flight.stream.fail(UpstreamDisconnected(text, sent=False))
        else:
            self._multiplexer.queues.setdefault(self._origin, self).enter(flight)

    def decline(self, flight: Flight) -> None:
        """Send a call over HTTP/1.1 (RFC 9113 section 7, HTTP_1_1_REQUIRED)."""
        self._multiplexer.declined(self._origin)
        self._fall_back(flight)

    def settled(self, transport: asyncio.Transport) -> None:
        """Keep the TLS session of a connection that works."""
        self._multiplexer.connector.settled(self._origin, transport)

    def lost(self, connection: "Http2Connection") -> None:
        """Forget a connection."""
        if connection in self._connections:
            self._connections.remove(connection)
            self.room()
        self._forget()

    # inside

    async def _connect(self) -> "Http2Connection":
        # loaded here, by whoever needs it, and beside the loop: it takes a while
        http2 = await asyncio.to_thread(importlib.import_module, "tianji.egress.http2")
        _, connection = await self._multiplexer.connector.connect(
            self._origin, lambda: http2.Http2Connection(self, self._multiplexer.idle_expiry)
        )
        made: Http2Connection = connection
        return made

    def _made(self, task: "asyncio.Task[Http2Connection]") -> None:
        """Take the connection, or tell all that waited for it why there is none."""
        if task.cancelled():
            return
        self._making = None
        error = task.exception()
        if error is None:
            self._adopt(task.result())
        elif isinstance(error, UpstreamFailure):
            self._fail(error)
        else:
            what = "connecting to an upstream over HTTP/2 raised"
            self._multiplexer.loop.call_exception_handler({"message": what, "exception": error})
            self._fail(UpstreamConnectFailed(f"could not connect to the upstream ({self._origin})"))
        self._forget()

    def _adopt(self, connection: "Http2Connection") -> None:
        if connection.closed:
            text = f"the upstream ({self._origin}) closed the connection as soon as it was there"
            self._fail(UpstreamConnectFailed(text))
        elif connection.agreed:
            self._connections.append(connection)
            self.room()
        else:
            self._multiplexer.declined(self._origin)
            for flight in list(self._waiting):
                self._fall_back(flight)
            connection.retire()

    def _give_up(self) -> None:
        if self._making is not None:
            self._making.cancel()
            self._making = None

    def _fall_back(self, flight: Flight) -> None:
        flight.queue = None
        self._waiting.pop(flight, None)
        flight.stream.fall_back(self._origin.http1 or self._origin)

    def _fail(self, error: UpstreamFailure) -> None:
        for flight in list(self._waiting):
            if flight.queue is self:  # a failing call may end others
                flight.queue = None
                self._waiting.pop(flight, None)
                flight.stream.fail(error)

    def _forget(self) -> None:
        """Leave nothing behind of an origin that nobody uses."""
        unused = not (self._connections or self._waiting or self._making)
        if unused and self._multiplexer.queues.get(self._origin) is self:
            del self._multiplexer.queues[self._origin]
