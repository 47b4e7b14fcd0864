"""One line for each finished request, written in batches so that no request waits for the log.

A line names the key by its digest or alias, never holds a query (it may carry a key) and never a header.
"""

import sys
import time
from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji.clock import SYSTEM, Clock
from tianji.edge.answers import call_id
from tianji.printable import printable

FLUSH_AFTER = 0.1  # seconds a line may wait
FLUSH_AT = 256  # lines

Format = Literal["text", "json"]
_CLIENT_LEFT = 499  # nginx's number for a client that closed before it was answered
_encode = msgspec.json.Encoder().encode


class Timer(Protocol):
    """What a loop offers here."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> object:
        """Call `callback` in `delay` seconds."""


class Entry(msgspec.Struct, omit_defaults=True):
    """A finished request."""

    time: float  # seconds since the epoch
    peer: str
    method: str
    path: str
    status: int  # 499: the client left before an answer began
    ms: float  # from the head to the last byte handed on
    bytes: int  # of the answer's body
    call_id: str
    key: str = ""
    aborted: bool = False  # the answer did not reach its end


class AccessLog:
    """Collects lines and hands them to `write` together. Belongs to one loop."""

    def __init__(self, form: Format, write: Callable[[bytes], object], timer: Timer, *, clock: Clock = SYSTEM) -> None:
        self._render = _json_line if form == "json" else _text_line
        self._write = write
        self._timer = timer
        self._clock = clock
        self._lines: list[bytes] = []

    def __call__(self, exchange: Exchange) -> None:
        """Note a finished request."""
        lines = self._lines
        if not lines:
            self._timer.call_later(FLUSH_AFTER, self.flush)
        lines.append(self._render(self._entry(exchange)))
        if len(lines) >= FLUSH_AT:
            self.flush()

    def flush(self) -> None:
        """Write what was collected. Called by the timer, and once more before the process ends."""
        if self._lines:
            lines, self._lines = self._lines, []
            self._write(b"".join(lines))

    def _entry(self, exchange: Exchange) -> Entry:
        peer = exchange.peer
        return Entry(
            time=round(self._clock.now(), 3),
            peer=peer[0] if peer else "-",
            method=exchange.method,
            path=exchange.path,
            status=exchange.status or _CLIENT_LEFT,
            ms=round((self._clock.monotonic() - exchange.arrived) * 1000, 2),
            bytes=exchange.sent,
            call_id=call_id(exchange),
            key=getattr(exchange.identity, "key", ""),
            aborted=exchange.gone,
        )


def _json_line(entry: Entry) -> bytes:
    return _encode(entry) + b"\n"


def _text_line(entry: Entry) -> bytes:
    second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(entry.time))
    mark = " aborted" if entry.aborted else ""
    line = (
        f"{second}.{int(entry.time * 1000) % 1000:03d}Z {entry.peer} {entry.method} {entry.path} {entry.status} "
        f"{entry.ms:.2f}ms {entry.bytes}B {entry.call_id} {entry.key or '-'}{mark}"
    )
    return printable(line).encode("utf-8", "backslashreplace") + b"\n"


def write_log(lines: bytes) -> None:
    """Write whole lines to stderr now: behind a pipe its buffer would keep them until it is full."""
    sys.stderr.buffer.write(lines)
    sys.stderr.buffer.flush()
