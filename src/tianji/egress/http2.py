"""One HTTP/2 connection to an upstream, carrying many calls: what its frames mean for them.

A paused call's stream gets no more window, so its upstream stops after at most WINDOW bytes. After GOAWAY the streams
that the upstream still serves go on to their end, and the others are sent on another connection.
"""

import asyncio
import select
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError

from tianji.egress.flight import Flight, read_request
from tianji.egress.http2_frames import LAST_STREAM, Frames
from tianji.errors import Header, UpstreamDisconnected, UpstreamFailure, UpstreamProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

TRUSTED: Final = 0.2
"""Seconds for which a silent connection is used without asking its socket."""

REFUSED: Final = 2
"""Times that a call is sent to an upstream that refuses it: one that is busy is not pressed."""

DEPARTED: Final = 16
"""Times that a call is sent to an upstream that closes connections before it gets to it, as nginx does now and then."""


class Owner(Protocol):
    """What holds the connections to one upstream."""

    def room(self) -> None:
        """Hear that there may be room for a call that waits."""

    def again(self, flight: Flight, times: int) -> None:
        """Take back a call that the upstream has not looked at, to be sent `times` times at most."""

    def decline(self, flight: Flight) -> None:
        """Take back a call that the upstream wants over HTTP/1.1."""

    def settled(self, transport: asyncio.Transport) -> None:
        """Hear of a connection's first complete answer."""

    def lost(self, connection: "Http2Connection") -> None:
        """Hear that its socket is closed; called once."""


class Idle:
    """The time that a connection without calls is kept; `over` is called at its end."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, over: "Callable[[], None]") -> None:
        self._loop = loop
        self._seconds = seconds
        self._over = over
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Count from now on, unless it counts already."""
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._over)

    def end(self) -> None:
        """Stop counting."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Http2Connection(asyncio.Protocol):
    """A protocol that carries calls. `agreed` says whether the upstream speaks HTTP/2 at all."""

    def __init__(self, owner: Owner, idle_expiry: float) -> None:
        """Make one that closes after `idle_expiry` seconds without a call."""
        self.agreed = False
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self.frames: Frames  # what is sent
        self._socket = select.poll()
        self._flights: dict[int, Flight] = {}
        self._ending = False  # takes no more calls
        self._settled = False
        self._heard = 0.0
        self._idle = Idle(self._loop, idle_expiry, self.retire)
        self._react: dict[type[Event], Callable[[Any], None]] = {
            ResponseReceived: self._head,
            DataReceived: self._data,
            StreamEnded: self._end,
            StreamReset: self._reset,
            ConnectionTerminated: self._going_away,
            RemoteSettingsChanged: lambda _: self._owner.room(),
        }

    # what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, if HTTP/2 was agreed on."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's for TLS is one in all but its class
        tls = transport.get_extra_info("ssl_object")
        self.agreed = tls is not None and tls.selected_alpn_protocol() == "h2"
        if self.agreed:
            self._socket.register(transport.get_extra_info("socket").fileno(), select.POLLIN | select.POLLHUP)
            self.frames = Frames(self._transport)
            self._heard = self._loop.time()
            self._rest()

    def data_received(self, data: bytes) -> None:
        """Tell the calls what came for them. A broken rule ends the connection and all its calls."""
        if not self.agreed:
            return
        self._heard = self._loop.time()
        try:
            events = self.frames.receive(data)
        except ProtocolError as error:
            self.frames.flush()
            self._ending = True
            self._transport.close()
            self._abandon(UpstreamProtocolError(f"the upstream broke HTTP/2: {error}"))
            return
        for event in events:
            react = self._react.get(type(event))
            if react is not None:
                react(event)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - the loop's own word says less
        """Fail the calls that waited for an answer."""
        self._ending = True
        self._idle.end()
        self._owner.lost(self)
        self._abandon(UpstreamDisconnected("the upstream closed the connection before its answer was complete"))

    def pause_writing(self) -> None:
        """Hold bodies back."""
        self.frames.full = True

    def resume_writing(self) -> None:
        """Go on sending them."""
        self.frames.full = False
        self.frames.send_on()

    # what the owner and the calls use

    @property
    def closed(self) -> bool:
        """Whether its socket is closed, or about to be."""
        return self._transport.is_closing()

    @property
    def hopeful(self) -> bool:
        """Whether the upstream may still say that it takes more calls at a time than one."""
        return not (self.frames.told or self._ending or self.closed)

    @property
    def free(self) -> bool:
        """Whether it takes one more call."""
        if self._ending or self.closed or len(self._flights) >= self.frames.streams:
            return False
        if self._flights or self._loop.time() - self._heard <= TRUSTED or not self._socket.poll(0):
            return True
        self.retire()  # something lies unread there, most likely its end
        return False

    def begin(self, flight: Flight) -> None:
        """Send a call's request. The connection must be free."""
        self._idle.end()
        flight.queue = None
        flight.connection = self
        flight.times += 1
        flight.unread = 0
        flight.number = self.frames.open(*read_request(flight.stream.request))
        self._flights[flight.number] = flight
        self._ending = flight.number >= LAST_STREAM
        flight.stream.begin(self._settled)

    def cancel(self, flight: Flight) -> None:
        """End a call's stream before its answer is complete."""
        self._leave(flight)
        self.frames.reset(flight.number, ErrorCodes.CANCEL)
        self._rest()

    def retire(self) -> None:
        """Take no more calls, and close after the last one."""
        self._ending = True
        self._rest()

    # what came

    def _head(self, event: ResponseReceived) -> None:
        flight = self._flights.get(event.stream_id)
        if flight is None:
            return
        status = 0
        headers: list[Header] = []
        for name, value in event.headers:
            if not name.startswith(b":"):
                headers.append((name, value))
            elif name == b":status" and len(value) == 3 and value.isdigit():
                status = int(value)
        if 200 <= status <= 599:
            flight.stream.head(status, headers)
            return
        self._leave(flight)
        self.frames.reset(flight.number, ErrorCodes.PROTOCOL_ERROR)
        flight.stream.fail(UpstreamProtocolError("the upstream broke HTTP/2: the status is not one of an answer"))
        self._rest()

    def _data(self, event: DataReceived) -> None:
        flight = self._flights.get(event.stream_id)
        if flight is None:
            return
        flight.unread += event.flow_controlled_length
        if event.data:
            flight.stream.data(event.data)
        if flight.connection is self and not flight.stream.paused:
            flight.read_on()

    def _end(self, event: StreamEnded) -> None:
        flight = self._flights.get(event.stream_id)
        if flight is None:
            return
        self._leave(flight)
        if not self._settled:
            self._settled = True
            self._owner.settled(self._transport)
        self._rest()
        flight.stream.end()

    def _reset(self, event: StreamReset) -> None:
        flight = self._flights.get(event.stream_id)
        if flight is None:
            return
        self._leave(flight)
        if event.error_code == ErrorCodes.REFUSED_STREAM:
            self._owner.again(flight, REFUSED)
        elif event.error_code == ErrorCodes.HTTP_1_1_REQUIRED:
            self._owner.decline(flight)
        elif event.remote_reset:
            why = event.error_code.name if isinstance(event.error_code, ErrorCodes) else event.error_code
            text = f"the upstream reset the stream before its answer was complete ({why})"
            flight.stream.fail(UpstreamDisconnected(text))
        else:
            flight.stream.fail(UpstreamProtocolError("the upstream broke HTTP/2"))
        self._rest()

    def _going_away(self, event: ConnectionTerminated) -> None:
        self._ending = True
        last = event.last_stream_id or 0
        for flight in list(self._flights.values()):
            if flight.connection is self and flight.number > last:  # a call that cannot be sent again may end others
                self._leave(flight)
                self._owner.again(flight, DEPARTED)
        self._rest()

    # ends

    def _leave(self, flight: Flight) -> None:
        del self._flights[flight.number]
        flight.connection = None

    def _rest(self) -> None:
        """See what is next when a call has left: the next call, a rest, or the end."""
        self._owner.room()
        if self._flights:
            return
        if self._ending:
            self._idle.end()
            if self.agreed and not self.closed:
                self.frames.goodbye()
            self._transport.close()
        else:
            self._idle.begin()

    def _abandon(self, error: UpstreamFailure) -> None:
        for flight in list(self._flights.values()):
            if flight.connection is self:  # a failing call may end others
                self._leave(flight)
                flight.stream.fail(type(error)(error.message))  # each says later whose upstream it was
