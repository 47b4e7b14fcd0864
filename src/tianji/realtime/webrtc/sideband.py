"""The gateway's own socket of a call over WebRTC: what is used is heard there, and the call lasts as long as it does.

Sound and events go between the client and the upstream; of its events the upstream tells this socket, too
(https://developers.openai.com/api/docs/guides/realtime-server-controls). A socket may be closed while its call goes on,
and what nobody hears nobody pays for: so whoever does not hear a call any more ends it, whatever the reason.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from tianji._core.sockets.farewell import Farewell, sendable
from tianji.clock import SYSTEM
from tianji.errors import TianjiError, UpstreamDisconnected
from tianji.realtime.watching import GOING_AWAY, INTERNAL_ERROR, NORMAL

LOG: Final = logging.getLogger("tianji.gateway")
MOST: Final = 16 * 1024 * 1024  # bytes of a message
TOO_BIG: Final = 1009  # RFC 6455 section 7.4.1
PING_AFTER: Final = 20.0  # seconds without a frame; an upstream that is gone is noticed twice as late
LINGER: Final = 2.0  # seconds in which the upstream may say its last and close
PAUSES: Final = (0.0, 0.5, 2.0, 5.0, 10.0)  # seconds before each attempt to end a call
USAGE: Final = b'"usage"'
_DATA: Final = (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION)
Ended = Callable[["Sideband", Farewell], None]


class Sideband(WSListener):
    """One call.

    hear: is told each event that says what was used; what it returns ends the call
    hang_up: ends the call at the upstream; raises a TianjiError where nobody knows whether that was done
    over: is told which call ended, and how, once
    alive: holds it as long as it lasts; idle, longest: seconds, as of every conversation
    """

    def __init__(
        self,
        *,
        hear: Callable[[bytes], Farewell | None],
        hang_up: Callable[[], Awaitable[None]],
        over: Ended,
        alive: "set[Sideband]",
        idle: float,
        longest: float,
    ) -> None:
        self._hear = hear
        self._hang_up = hang_up
        self._over: Ended | None = over
        self._alive = alive
        self._idle = idle
        self._longest = longest
        self._transport: WSTransport | None = None
        self._closed = asyncio.Event()
        self._pieces: list[bytes] = []
        self._size = 0
        self._began = self._busy = self._heard = SYSTEM.monotonic()
        self._pinged = False
        self._last: Farewell | None = None
        self.parting: asyncio.Task[None] | None = None  # the end of it, while that is under way
        alive.add(self)

    @property
    def open(self) -> bool:
        """Whether the call is heard, and goes on."""
        return self._transport is not None and self._last is None

    def end(self, last: Farewell) -> None:
        """End the call as `last` says; nothing happens when it is ending already."""
        if self._last is None:
            self._last = last
            self.parting = asyncio.get_running_loop().create_task(self._part())

    def drop(self) -> None:
        """End a call of which nobody was told."""
        self._over = None
        self.end(Farewell(GOING_AWAY, b"the call never began"))

    def break_off(self) -> None:
        """Be over now: the loop has no more turns for it."""
        self._last = self._last or Farewell(GOING_AWAY, b"the gateway is shutting down")
        if self.parting is not None:
            self.parting.cancel()
        self._settle()

    def look_after(self, now: float) -> None:
        """To be called every second or so: see that it is within its limits, and that the upstream lives."""
        if self._longest > 0 and now - self._began > self._longest:
            self.end(Farewell(NORMAL, b"the session has lasted as long as it may"))
        elif self._idle > 0 and now - self._busy > self._idle:
            self.end(Farewell(NORMAL, b"the session was silent for too long"))
        if self._transport is None or now - self._heard < PING_AFTER:
            return
        if self._pinged:
            self._transport.disconnect(False)
            return
        self._pinged, self._heard = True, now
        self._transport.send_ping()

    # -- what the upstream says ----------------------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Take the socket."""
        self._transport = transport
        if self._last is not None:
            transport.disconnect(False)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Hear a frame."""
        self._heard, self._pinged = SYSTEM.monotonic(), False
        if frame.msg_type == WSMsgType.CLOSE:
            self.end(Farewell(sendable(frame.get_close_code().value), frame.get_close_message() or b""))
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        elif frame.msg_type in _DATA:
            self._busy = self._heard
            self._gather(frame.get_payload_as_bytes(), whole=bool(frame.fin))

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        """End the call, if it was not to end."""
        self._transport = None
        self._closed.set()
        error = UpstreamDisconnected("the upstream broke the conversation off")
        self.end(Farewell(INTERNAL_ERROR, error.message.encode(), None, error))

    def _gather(self, piece: bytes, *, whole: bool) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > MOST:
            self._pieces.clear()
            self.end(Farewell(TOO_BIG, b"a message of the upstream is too long"))
        elif whole:
            message = b"".join(self._pieces)
            self._pieces.clear()
            self._size = 0
            last = self._hear(message) if USAGE in message and self._over is not None else None
            if last is not None:
                self.end(last)

    # -- ends ----------------------------------------------------------------------------------------------------------

    async def _part(self) -> None:
        """Have the call end, and hear what it has used until then."""
        try:
            if await self._hung_up():
                async with asyncio.timeout(LINGER):
                    await self._closed.wait()
            elif self._transport is not None:
                await self._closed.wait()  # it goes on, and is paid for
        except TimeoutError:
            pass
        finally:
            self._settle()

    async def _hung_up(self) -> bool:
        """Whether the call is over at the upstream."""
        for pause in PAUSES:
            await asyncio.sleep(pause)
            try:
                await self._hang_up()
            except TianjiError as error:
                LOG.warning("a call could not be ended at its upstream: %s", error.message)
            else:
                return True
        LOG.error("a call could not be ended, and may go on at its upstream until that ends it")
        return False

    def _settle(self) -> None:
        over, self._over = self._over, None
        if self._transport is not None:
            self._transport.disconnect(False)
        self._alive.discard(self)
        if over is not None and self._last is not None:
            over(self, self._last)
