"""Responses over a WebSocket of the upstream's, where it has one: a line for each lane of a client's conversation.

OpenAI keeps in the memory of a socket what was last made on it, so that what goes on with it is sent alone
(https://developers.openai.com/api/docs/guides/websocket-mode). Whoever asks knows nothing of it: a request goes out and
an answer comes as over HTTP, so it is routed, limited, retried and entered in the ledger as all are. An upstream that
has no such socket is asked over HTTP, and not for one again for some minutes; so is every request that guardrails
watch, since what they made of it is not what a socket remembers.
"""

import asyncio
from functools import partial
from typing import Final

import msgspec
from msgspec import Raw, Struct
from picows import WSFrame, WSInvalidStatusError, WSListener, WSMsgType, WSTransport

from tianji._core.routing.router import Deployment, Plan
from tianji._core.upstreams.multiplex import Stream
from tianji._core.upstreams.origin import Origin
from tianji.clock import SYSTEM
from tianji.errors import Header, UpstreamDisconnected, UpstreamFailure, UpstreamProtocolError
from tianji.realtime.addresses import Address
from tianji.realtime.dialling import Door

PROVIDER: Final = "openai"
PATH: Final = "/responses"
REFUSED_FOR: Final = 300.0  # seconds that an upstream without such sockets is not asked for one
PING_AFTER: Final = 20.0  # seconds between two looks at a line; one that gives no sign between two is let go
MOST_REFUSING: Final = 1024
MOST_HELD: Final = 16 * 1024 * 1024  # bytes of a message
_ENDS: Final = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.cancelled", "error"}
)
_UNSENT: Final = frozenset({"stream", "background"})  # of a body: what means nothing on a socket
_OWN: Final = frozenset({b"accept", b"accept-encoding", b"connection", b"content-length", b"content-type", b"host"})
_OF_ONE: Final = frozenset({b"traceparent", b"tracestate", b"baggage"})  # headers of a request alone
_PASSING: Final = frozenset({401, 403, 408, 429})
_LOST: Final = "previous_response_not_found"
_EVENTS: Final[list[Header]] = [(b"content-type", b"text/event-stream")]
_JSON: Final[list[Header]] = [(b"content-type", b"application/json")]


class Made(Struct, frozen=True):
    """Where a response was made, and what the upstream calls it."""

    line: "Line"
    id: str


class Trip(Struct):
    """One request on its way.

    before: where what it goes on with was made, or None; new, items: how many of its items are new, of how many
    made: where its response was made in the end; None: not on a line
    """

    before: Made | None
    new: int
    items: int
    made: Made | None = None


class _Response(Struct):
    id: str = ""


class _Error(Struct):
    code: str | None = None


class _Event(Struct):
    type: str = ""
    status: int = 500
    response: _Response | None = None
    error: _Error | None = None


class Refusing:
    """The upstreams that have no such sockets. One per worker."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}

    def note(self, address: tuple[str, str]) -> None:
        """Note one, as (origin, target)."""
        if len(self._until) >= MOST_REFUSING:
            self._until.clear()
        self._until[address] = SYSTEM.monotonic() + REFUSED_FOR

    def holds(self, address: tuple[str, str]) -> bool:
        """Whether one refused a while ago."""
        return self._until.get(address, 0.0) > SYSTEM.monotonic()


class Lines:
    """The lines of one client's conversation."""

    def __init__(self, door: Door, refusing: Refusing) -> None:
        self._door = door
        self._refusing = refusing
        self._lines: dict[str | None, Line] = {}

    def lead(self, lane: str | None, trip: Trip, plan: Plan, deployment: Deployment) -> Origin:
        """Return where a request of a lane goes: to the deployment's address, or on a line to it."""
        origin = plan.origin
        if deployment.provider != PROVIDER or not plan.path.endswith(PATH) or origin.answers is not None:
            return origin
        return Origin(origin.host, origin.port, answers=partial(self._carry, lane, trip, origin))

    def close(self) -> None:
        """Close all."""
        for line in self._lines.values():
            line.close()
        self._lines.clear()

    def _carry(self, lane: str | None, trip: Trip, origin: Origin, stream: Stream) -> None:
        http = origin.http1 or origin
        address, body = _taken_apart(stream.request)
        line = self._lines.get(lane)
        if self._refusing.holds((str(http), address.target)) or (line is not None and line.busy):
            stream.fall_back(http)
            return
        if line is None or not line.leads_to(http, address):
            if line is not None:
                line.close()
            line = self._lines[lane] = Line(self._door, self._refusing, http, address)
        line.carry(stream, body, trip)


class Line(WSListener):
    """One socket of an upstream, and the response that is made on it."""

    def __init__(self, door: Door, refusing: Refusing, origin: Origin, address: Address) -> None:
        self._door = door
        self._refusing = refusing
        self._origin = origin
        self._address = address
        self._key = _lasting(address)
        self._transport: WSTransport | None = None
        self._opening: asyncio.Task[None] | None = None
        self._looks: asyncio.TimerHandle | None = None
        self._stream: Stream | None = None
        self._trip: Trip | None = None
        self._last: str | None = None  # the response that the upstream remembers
        self._whole = b""  # the event as it goes to who remembers nothing; b"" where that was sent
        self._begun = self._heard = self._served = False
        self._pieces: list[bytes] = []  # of a message that comes in fragments
        self._held = 0  # bytes of them

    @property
    def busy(self) -> bool:
        """Whether a response is being made."""
        return self._stream is not None

    def leads_to(self, origin: Origin, address: Address) -> bool:
        """Whether it is open, and one to this address with these credentials."""
        return self._transport is not None and self._origin == origin and self._key == _lasting(address)

    def carry(self, stream: Stream, body: dict[str, Raw], trip: Trip) -> None:
        """Have a response made; over HTTP if there is no socket."""
        self._stream, self._trip = stream, trip
        self._begun = False
        self._whole = _event(body)
        stream.wait(self)
        if self._transport is None:
            self._opening = asyncio.get_running_loop().create_task(self._open(stream))
            return
        event = self._continued(body, trip)
        if event is self._whole:
            self._whole = b""
        self._send(event)

    def close(self) -> None:
        """Close it; whoever waits for a response hears of that."""
        if self._opening is not None:
            self._opening.cancel()
        if self._transport is not None:
            self._transport.disconnect(False)

    # what the stream says

    def dropped(self) -> None:
        """Give up: nobody wants the response, and only the socket's end says so."""
        self._stream = None
        self.close()

    def read_on(self) -> None:
        """Read on."""
        if self._transport is not None:
            self._transport.underlying_transport.resume_reading()

    # what picows says

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Take the socket."""
        self._transport = transport
        self._look()

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        """Take a frame."""
        self._heard = True
        if frame.msg_type == WSMsgType.CLOSE:
            self.close()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            piece = frame.get_payload_as_bytes()
            self._pieces.append(piece)
            self._held += len(piece)
            if self._held > MOST_HELD:
                self.close()
            elif frame.fin:
                message = b"".join(self._pieces)
                self._pieces.clear()
                self._held = 0
                self._take(message)

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        """Forget the socket, and what it remembers."""
        self._transport = self._last = None
        if self._looks is not None:
            self._looks.cancel()
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.fail(UpstreamDisconnected("the upstream closed the socket before the response was complete"))

    # -- one response --------------------------------------------------------------------------------------------------

    async def _open(self, stream: Stream) -> None:
        try:
            await self._door.knock(self._origin, 0, self._address, self)
        except (WSInvalidStatusError, UpstreamProtocolError, UpstreamDisconnected) as refused:
            if not _passes(refused):
                self._refusing.note((str(self._origin), self._address.target))
            self._stream = None
            stream.fall_back(self._origin)
        except UpstreamFailure as error:
            self._stream = None
            stream.fail(error)
        else:
            event, self._whole = self._whole, b""
            self._send(event)
        finally:
            self._opening = None

    def _send(self, event: bytes) -> None:
        if self._stream is None or self._transport is None:
            return
        self._last = None
        self._stream.begin(self._served)
        self._served = True
        self._transport.send(WSMsgType.TEXT, event)

    def _continued(self, body: dict[str, Raw], trip: Trip) -> bytes:
        """Return the event with what is new in it alone, if this line knows the rest."""
        before = trip.before
        if before is None or before.line is not self or before.id != self._last:
            return self._whole
        try:
            items = msgspec.json.decode(body["input"], type=list[Raw])
        except (KeyError, msgspec.DecodeError):
            return self._whole
        if len(items) != trip.items:  # somebody has put something in
            return self._whole
        new = Raw(msgspec.json.encode(items[len(items) - trip.new :]))
        previous = Raw(msgspec.json.encode(before.id))
        return _event({**body, "input": new, "previous_response_id": previous})

    def _take(self, message: bytes) -> None:
        stream = self._stream
        if stream is None:
            return
        try:
            event = msgspec.json.decode(message, type=_Event)
        except (msgspec.DecodeError, RecursionError):
            event = _Event()
        if event.type == "error" and not self._begun:
            self._refuse(stream, event, message)
            return
        if not self._begun:
            self._begun = True
            stream.head(200, _EVENTS)
        over = event.type in _ENDS
        if over:
            self._stream = None
            if event.type == "response.completed" and event.response is not None and self._trip is not None:
                self._last = event.response.id
                self._trip.made = Made(self, event.response.id)
        stream.data(b"data: " + message.replace(b"\n", b" ") + b"\n\n")
        if over:
            stream.end()
        elif stream.paused and self._transport is not None:
            self._transport.underlying_transport.pause_reading()

    def _refuse(self, stream: Stream, event: _Event, message: bytes) -> None:
        """Answer as HTTP would; but what this line has forgotten is sent whole."""
        if self._whole and event.error is not None and event.error.code == _LOST:
            whole, self._whole = self._whole, b""
            self._send(whole)
            return
        self._stream = None
        stream.head(event.status if 400 <= event.status <= 599 else 500, _JSON)
        stream.data(message)
        stream.end()

    def _look(self) -> None:
        """Ask a silent upstream for a sign of life, and let go of one that gives none."""
        if self._transport is None:
            return
        waits = self._stream is not None and self._stream.paused
        if self._looks is not None and not self._heard and not waits:
            self.close()
            return
        self._heard = False
        self._transport.send_ping()
        self._looks = asyncio.get_running_loop().call_later(PING_AFTER, self._look)


def _passes(refused: Exception) -> bool:
    """Whether a refusal says nothing of the next one: who asks may not, or not now."""
    answer = refused.response if isinstance(refused, WSInvalidStatusError) else None
    return answer is not None and (int(answer.status) >= 500 or int(answer.status) in _PASSING)


def _taken_apart(request: bytes) -> tuple[Address, dict[str, Raw]]:
    """Return where a request goes, as one for a socket, and its body. Its head was written by this gateway."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *lines = head.split(b"\r\n")
    fields = [(name.lower(), value.strip()) for name, _, value in (one.partition(b":") for one in lines)]
    host = next(value.decode("ascii") for name, value in fields if name == b"host")
    kept = tuple((name, value) for name, value in fields if name not in _OWN)
    return Address(host, line.split(b" ")[1].decode("ascii"), kept), msgspec.json.decode(body, type=dict[str, Raw])


def _lasting(address: Address) -> Address:
    """Return an address without what belongs to one request alone."""
    lasting = tuple(pair for pair in address.headers if pair[0] not in _OF_ONE)
    return Address(address.host, address.target, lasting)


def _event(body: dict[str, Raw]) -> bytes:
    members = {name: value for name, value in body.items() if name not in _UNSENT}
    return msgspec.json.encode({"type": Raw(b'"response.create"'), **members})
