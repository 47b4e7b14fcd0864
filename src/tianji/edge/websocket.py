"""WebSockets as picows serves them. Loaded by the first of them, not by each worker."""

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from picows import WSListener, WSUpgradeRequest, WSUpgradeResponse
from picows.common import WSUpgradeResponseWithListener
from picows.picows import WSAutoPingStrategy, WSProtocol  # type: ignore[attr-defined]  # its stub hides it

from tianji.errors import Header

HANDSHAKE_TIMEOUT: Final = 10.0  # seconds
MAX_FRAME: Final = 16 * 1024 * 1024  # bytes
FIRST_READ: Final = 2 * 1024  # bytes that picows reads at once to begin with; it doubles that where frames are longer

log = logging.getLogger(__name__)


class _Quiet:
    """What picows logs to. What peers do wrong is theirs to read in the close frame; our own faults are logged."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the name that loggers have
        return level >= logging.ERROR

    def nothing(self, *_: object) -> None:
        """Drop what would fill a log at a stranger's will."""

    log = debug = info = warning = error = nothing

    def exception(self, message: str, *arguments: object) -> None:
        log.error(message, *arguments, exc_info=sys.exception())


_QUIET: Final = _Quiet()


class _Protocol(WSProtocol):  # type: ignore[misc]  # as above
    """One connection. `closed` is done when it is over, where somebody wants to know."""

    closed: "asyncio.Future[None] | None" = None

    def connection_lost(self, error: Exception | None) -> None:
        """Tell the listener, and whoever waits."""
        super().connection_lost(error)
        if self.closed is not None and not self.closed.done():
            self.closed.set_result(None)


def websocket_protocol(
    factory: Callable[..., Any], host: str | None, target: str | None, headers: Sequence[tuple[str, str]]
) -> Any:
    """Return the asyncio protocol of one connection that is to become a WebSocket.

    host, target, headers: of the request that asks an upstream for it; None, None and none for a client's
    factory: gives the listener, as picows asks for it on the side of the client or of the server
    """
    return _Protocol(
        host,
        target,
        host is not None,
        factory,
        _QUIET,
        True,
        HANDSHAKE_TIMEOUT,
        False,  # no pings of its own: that would be a task for each socket
        HANDSHAKE_TIMEOUT,
        HANDSHAKE_TIMEOUT,
        WSAutoPingStrategy.PING_WHEN_IDLE,
        True,
        MAX_FRAME,
        headers,
        FIRST_READ,
    )


def serve(
    transport: asyncio.Transport, head: bytes, listener: WSListener, headers: tuple[Header, ...]
) -> "asyncio.Future[None]":
    """Serve a connection whose upgrade request has been read; `head` is what RFC 6455 needs of that request.

    `headers` go with the answer 101. The future is done when the socket is closed. Whether a silent client lives is
    for the listener to ask.
    """
    extra = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}

    def accept(_request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(extra), listener)

    protocol = websocket_protocol(accept, None, None, ())
    protocol.closed = asyncio.get_running_loop().create_future()
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    protocol.get_buffer(len(head))[: len(head)] = head
    protocol.buffer_updated(len(head))
    closed: asyncio.Future[None] = protocol.closed
    return closed
