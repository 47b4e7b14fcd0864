"""A connection whose transport is in memory: tests feed it bytes and read what the handler heard."""

import asyncio
from collections.abc import Callable
from typing import Any

from tianji._core.upstreams.callbacks import Callbacks
from tianji._core.upstreams.http1 import Call, Connection, Timeouts
from tianji._core.upstreams.origin import Origin
from tianji._core.upstreams.pool import Limits, Pool

REQUEST = b"POST /v1/chat HTTP/1.1\r\nhost: up\r\ncontent-length: 2\r\n\r\n{}"


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until `condition` holds; the test's own timeout ends a wait in vain."""
    while not condition():  # noqa: ASYNC110 - the pool's counts have no event
        await asyncio.sleep(0)


async def empty(pool: Pool) -> None:
    """Close `pool` and see that nothing of it is left."""
    pool.close()
    await until(lambda: not pool.open)
    assert (pool.open, pool.idle, pool.active, pool.waiting, pool.connecting) == (0, 0, 0, 0, 0)


class Transport(asyncio.Transport):
    """Keeps what is written; closing reports to the protocol in the next turn of the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.unsent = 0
        self.reading = True
        self.closing = False
        self.protocol: Connection | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.written.append(b"".join(list_of_data))

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        if not self.closing and self.protocol is not None:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    abort = close


class MemoryConnector:
    """Connects to nothing."""

    def __init__(self) -> None:
        self.made: list[tuple[Transport, Connection]] = []

    async def connect(
        self, origin: Origin, factory: Callable[[], Connection]
    ) -> tuple[asyncio.BaseTransport, Connection]:
        transport, connection = Transport(), factory()
        transport.protocol = connection
        connection.connection_made(transport)
        self.made.append((transport, connection))
        return transport, connection

    def settled(self, origin: Origin, transport: asyncio.BaseTransport) -> None:
        raise AssertionError("only TLS connections have something to settle")


class Heard:
    """What a handler was told; a breach of the order becomes an `ending` that no test accepts.

    An assertion here would reach nobody: the boundary around handlers takes what they raise.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.ending: str | Exception | None = None
        self.handler = Callbacks(head=self._head, data=self._data, end=self._end, failed=self._failed)
        self.finished = asyncio.Event()

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def _head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self._require(not self.status)
        self.status, self.headers = status, headers

    def _data(self, piece: bytes) -> None:
        self._require(bool(self.status and piece))
        self.pieces.append(piece)

    def _end(self) -> None:
        self._require(self.status != 0)
        self.ending = self.ending or "end"
        self.finished.set()

    def _failed(self, error: Exception) -> None:
        self._require(True)
        self.ending = self.ending or error
        self.finished.set()

    def _require(self, rule: bool) -> None:
        if not rule or self.ending is not None:
            self.ending = AssertionError("the handler was called out of order")


class Wire:
    """A pool over memory, whose one connection takes the bytes a test feeds."""

    def __init__(self) -> None:
        self.connector = MemoryConnector()
        self.pool = Pool(asyncio.get_running_loop(), Limits(), self.connector)
        self.origin = Origin("up", 80)

    async def call(self, *, head_only: bool = False) -> tuple[Heard, Call]:
        """Send a request and wait until it is written."""
        heard = Heard()
        call = self.pool.send(self.origin, REQUEST, heard.handler, Timeouts(), head_only)
        await self.settle()
        assert call.sent
        return heard, call

    @property
    def transport(self) -> Transport:
        return self.connector.made[-1][0]

    @property
    def connection(self) -> Connection:
        return self.connector.made[-1][1]

    def feed(self, *reads: bytes) -> None:
        """Give the reads to the connection until it closes, as a transport does."""
        for read in reads:
            if read and not self.transport.closing:
                self.read(read)

    def read(self, data: bytes) -> None:
        while data and not self.transport.closing:
            room = self.connection.get_buffer(-1)
            size = min(len(room), len(data))
            room[:size] = data[:size]
            self.connection.buffer_updated(size)
            data = data[size:]

    def eof(self) -> None:
        """Close from the upstream's side."""
        if not self.transport.closing:
            self.connection.eof_received()
            self.transport.close()

    async def settle(self) -> None:
        """Let scheduled callbacks run."""
        for _ in range(3):
            await asyncio.sleep(0)
