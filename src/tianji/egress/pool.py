"""The compiled pool for callers that are not compiled: make one, and send one request at a time with await."""

import asyncio
import re
from collections.abc import Sequence
from typing import NamedTuple

from tianji._core.upstreams.callbacks import Callbacks
from tianji._core.upstreams.http1 import Timeouts
from tianji._core.upstreams.origin import Origin
from tianji._core.upstreams.parcel import Parcel
from tianji._core.upstreams.pool import Limits, Pool
from tianji.egress.connector import Check, Connector
from tianji.egress.multiplexer import Multiplexer
from tianji.egress.resolver import Resolver
from tianji.errors import UpstreamFailure, UpstreamProtocolError

Header = tuple[bytes, bytes]

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 section 5.6.2
_TARGET = re.compile(rb"[\x21-\x7e]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


class Answer(NamedTuple):
    """A whole answer; header names are in lower case."""

    status: int
    headers: list[Header]
    body: bytes


def open_pool(limits: Limits | None = None, resolver: Resolver | None = None, check: Check | None = None) -> Pool:
    """Make a pool on the running loop. `check` judges the addresses of each new connection; see Connector."""
    loop = asyncio.get_running_loop()
    limits = limits or Limits()
    connector = Connector(resolver or Resolver(), check)
    return Pool(loop, limits, connector, Multiplexer(loop, connector, idle_expiry=limits.idle_expiry))


def encode_request(method: bytes, target: bytes, headers: Sequence[Header], body: bytes = b"") -> bytes:
    """Write a complete request; content-length is added for a body, and for a POST, PUT or PATCH without one.

    Raises ValueError for what would not stay one request (RFC 9112 section 11.1).
    """
    lines = [b"%b %b HTTP/1.1" % (method, target)]
    if not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
        raise ValueError("the method or the target holds bytes that a request line cannot")
    for name, value in headers:
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError(f"the header {name!r} holds bytes that a header cannot")
        if name.lower() in (b"content-length", b"transfer-encoding"):
            raise ValueError("the length of the body is not the caller's to say")
        lines.append(b"%b: %b" % (name, value))
    if body or method in (b"POST", b"PUT", b"PATCH"):
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join((*lines, b"", body))


class _Collector:
    """Turns the calls of one answer into the result of a future."""

    def __init__(self, max_body: int) -> None:
        self.future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._status = 0
        self._headers: list[Header] = []
        self._pieces: list[bytes] = []
        self._room = max_body

    def head(self, status: int, headers: list[Header]) -> None:
        self._status, self._headers = status, headers

    def data(self, piece: bytes) -> None:
        self._room -= len(piece)
        if self._room >= 0:
            self._pieces.append(piece)
        else:
            self.failed(UpstreamProtocolError("the answer of the upstream is longer than the caller allows"))

    def end(self) -> None:
        if not self.future.done():
            self.future.set_result(Answer(self._status, self._headers, b"".join(self._pieces)))

    def failed(self, error: UpstreamFailure) -> None:
        if not self.future.done():
            self.future.set_exception(error)


async def fetch(
    pool: Pool, origin: Origin, request: bytes | Parcel, timeouts: Timeouts, *, max_body: int = 64 * 1024 * 1024
) -> Answer:
    """Send a complete request and wait for the whole answer, of `max_body` bytes at most.

    Raises the UpstreamFailure that ended it. Cancelling the caller cancels the call.
    """
    collector = _Collector(max_body)
    handler = Callbacks(head=collector.head, data=collector.data, end=collector.end, failed=collector.failed)
    head_only = isinstance(request, bytes) and request.startswith(b"HEAD ")
    call = pool.send(origin, request, handler, timeouts, head_only=head_only)
    try:
        return await collector.future
    finally:
        call.cancel()
