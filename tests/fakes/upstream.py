"""A raw TCP upstream that does what its script says, byte by byte, on a free loopback port."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from tianji._core.upstreams.origin import Origin


class Peer:
    """The upstream's side of one connection."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.reader = reader
        self.writer = writer
        self.requests: list[bytes] = []

    async def request(self) -> bytes:
        """Read one request: head, and a body of its content-length. b"" when the client has closed."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        whole = head + await self.reader.readexactly(length)
        self.requests.append(whole)
        return whole

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def gone(self) -> None:
        """Wait until the client has closed."""
        with contextlib.suppress(ConnectionError):
            await self.reader.read()

    def socket(self) -> socket.socket:
        """A second handle on the socket, to act on it without the loop."""
        return socket.socket(fileno=os.dup(self.writer.get_extra_info("socket").fileno()))

    def reset(self) -> None:
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


class Upstream:
    """Runs `script` for each connection, and closes the connection after it."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self._tasks: list[asyncio.Task[None]] = []
        self.peers: list[Peer] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.origin = Origin("127.0.0.1", self.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        for peer in self.peers:
            peer.reset()
        await self._server.wait_closed()
        for result in ended:
            if isinstance(result, Exception) and not isinstance(result, ConnectionError):
                raise result

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(len(self.peers), reader, writer)
        self.peers.append(peer)
        self._tasks.append(asyncio.get_running_loop().create_task(self._serve(peer)))

    async def _serve(self, peer: Peer) -> None:
        try:
            with contextlib.suppress(ConnectionError):
                await self._script(peer)
        finally:
            peer.writer.close()


def answering(*answers: bytes) -> Script:
    """Answer the requests of each connection with these, in order and then over again, until the client closes."""

    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(answers[(len(peer.requests) - 1) % len(answers)])

    return script


def together(count: int, answer: Callable[[Peer], bytes]) -> Script:
    """Answer only when `count` connections have asked; then each request at once."""
    arrived: list[Peer] = []
    complete = asyncio.Event()

    async def script(peer: Peer) -> None:
        while await peer.request():
            if peer not in arrived:
                arrived.append(peer)
            if len(arrived) >= count:
                complete.set()
            await complete.wait()
            await peer.send(answer(peer))

    return script


def whole(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """An answer of a fixed length."""
    lines = [b"HTTP/1.1 " + status, b"content-length: %d" % len(body), *headers, b"", body]
    return b"\r\n".join(lines)
