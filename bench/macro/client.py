"""The load client: one precomputed request over raw connections, every answer checked for status and size.

Closed loop: each connection asks again when it is answered. Open loop: requests are due at a constant rate, and
latency counts from when a request was due, so that a server that stalls cannot hide the wait (coordinated omission).
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

now = time.perf_counter  # CLOCK_MONOTONIC on Linux, as timerfd's


class Broken(Exception):  # noqa: N818
    """An answer that is not what was asked for."""


@dataclass
class Load:
    """What one measurement saw."""

    latencies: list[float] = field(default_factory=list)  # seconds, sorted at the end
    seconds: float = 0.0
    failures: int = 0
    first_failure: str = ""
    events: int = 0  # server-sent events that arrived in the time counted, of unfinished answers too

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds if self.seconds else 0.0


class Answer:
    """An incremental reader of one answer: fixed or chunked body; counts bytes and events, keeps neither."""

    def __init__(self) -> None:
        self.keep: list[bytes] | None = None
        self.reset()

    def reset(self) -> None:
        self._buffer = b""
        self._left = -1  # of a fixed body; -1: the head is not read, -2: chunked
        self._line_ended = False
        self.status = 0
        self.size = 0
        self.events = 0

    def feed(self, data: bytes) -> bool:
        """Take bytes; true when the answer is whole. Raises Broken."""
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        at = 0
        if self._left == -1:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._buffer = data
                return False
            self._read_head(data[: end + 2])
            at = end + 4
        if self._left >= 0:
            self._take(data[at:] if at else data)
            self._left -= len(data) - at
            if self._left < 0:
                raise Broken("more bytes than content-length says")
            return not self._left
        return self._chunks(data, at)

    def _read_head(self, head: bytes) -> None:
        self.status = int(head[9:12])
        lower = head.lower()
        found = lower.find(b"\r\ncontent-length:")
        if found >= 0:
            self._left = int(lower[found + 17 : lower.index(b"\r\n", found + 2)])
        elif b"\r\ntransfer-encoding: chunked\r\n" in lower:
            self._left = -2
        else:
            raise Broken("an answer without length")

    def _take(self, data: bytes) -> None:
        self.size += len(data)
        self.events += data.count(b"\n\n")
        if self._line_ended and data[:1] == b"\n":  # the empty line that ends an event came in two reads
            self.events += 1
            data = data[1:]
        self._line_ended = data[-1:] == b"\n" and data[-2:] != b"\n\n"
        if self.keep is not None:
            self.keep.append(data)

    def _chunks(self, data: bytes, at: int) -> bool:
        while True:
            line = data.find(b"\r\n", at)
            if line < 0:
                break
            size = int(data[at:line], 16)
            stop = line + 2 + size
            if len(data) < stop + 2:
                break
            if not size:
                if len(data) != stop + 2:
                    raise Broken("bytes after the last chunk")
                return True
            self._take(data[line + 2 : stop])
            at = stop + 2
        self._buffer = data[at:]
        return False


class Connection(asyncio.Protocol):
    """Sends a request when told, and tells when it is answered."""

    def __init__(self, request: bytes, size: int | None, done: Callable[["Connection", str], None]) -> None:
        self._request = request
        self._size = size
        self._done = done
        self.answer = Answer()
        self.since = 0.0
        self.busy = False
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._write = transport.write  # type: ignore[attr-defined] # bound once: it is called for each request

    def begin(self) -> None:
        """Ask for the first time."""
        self.ask(now())

    def ask(self, since: float) -> None:
        self.since = since
        self.busy = True
        self._write(self._request)

    def data_received(self, data: bytes) -> None:
        try:
            if not self.answer.feed(data):
                return
        except (Broken, ValueError) as error:
            self._fail(str(error))
            return
        answer = self.answer
        if answer.status != 200 or (self._size is not None and answer.size != self._size):
            self._fail(f"status {answer.status}, {answer.size} bytes where {self._size} were due")
            return
        self.busy = False
        self._done(self, "")

    def _fail(self, problem: str) -> None:
        self.lost = True
        self.busy = False
        self.transport.close()
        self._done(self, problem)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.busy:
            self.busy = False
            self.lost = True
            self._done(self, f"the connection was lost: {exc or 'closed'}")
        self.lost = True


async def connect(
    host: str, port: int, count: int, request: bytes, size: int | None, done: Callable[[Connection, str], None]
) -> list[Connection]:
    loop = asyncio.get_running_loop()
    return [
        (await loop.create_connection(lambda: Connection(request, size, done), host, port))[1] for _ in range(count)
    ]


async def probe(host: str, port: int, request: bytes, patience: float = 10.0) -> tuple[int, bytes, int]:
    """Ask once; return status, payload and the number of events. Raises OSError, TimeoutError or Broken."""
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    (connection,) = await connect(host, port, 1, request, None, lambda _, problem: ended.set_result(problem))
    connection.answer.keep = []
    connection.ask(now())
    try:
        async with asyncio.timeout(patience):
            problem = await ended
    finally:
        connection.transport.close()
    if problem and not connection.answer.status:
        raise Broken(problem)
    return connection.answer.status, b"".join(connection.answer.keep), connection.answer.events
