"""Connections that become WebSockets, served by picows. Loaded by the first of them, not by each worker."""

import asyncio
import logging

from picows import WSListener, WSUpgradeRequest, WSUpgradeResponse
from picows.common import WSUpgradeResponseWithListener
from picows.picows import WSAutoPingStrategy, WSProtocol  # type: ignore[attr-defined]  # its stub hides it

from tianji.errors import Header

HANDSHAKE_TIMEOUT = 5.0  # seconds
PING_AFTER = 30.0  # seconds without a frame; a client that has gone without a word is noticed twice as late
MAX_FRAME = 16 * 1024 * 1024  # bytes
FIRST_READ = 16 * 1024  # bytes that picows reads at once to begin with

log = logging.getLogger(__name__)


def serve(
    transport: asyncio.Transport, head: bytes, listener: WSListener, headers: tuple[Header, ...]
) -> "asyncio.Future[None]":
    """Serve a connection whose upgrade request has been read; `head` is what RFC 6455 needs of that request.

    `headers` go with the answer 101. The future is done when the socket is closed.
    """
    extra = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}

    def accept(_request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(extra), listener)

    protocol = WSProtocol(
        None,  # host and path are a client's
        None,
        False,
        accept,
        log,
        True,
        HANDSHAKE_TIMEOUT,
        True,
        PING_AFTER,
        PING_AFTER,
        WSAutoPingStrategy.PING_WHEN_IDLE,
        True,
        MAX_FRAME,
        None,
        FIRST_READ,
    )
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    protocol.get_buffer(len(head))[: len(head)] = head
    protocol.buffer_updated(len(head))
    closed: asyncio.Future[None] = asyncio.ensure_future(protocol.transport.wait_disconnected())
    return closed
