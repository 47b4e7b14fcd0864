"""What a mock remembers: settings, rules, the requests it got, and what became of connections."""

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from tianji.mock import routes
from tianji.mock.faults import HEADER_PREFIX, NONE, Faults, Rules
from tianji.mock.http import Head, Request, parse_head
from tianji.mock.kept import objects
from tianji.mock.script import Script, compile_script

if TYPE_CHECKING:
    from collections.abc import Callable

    from tianji.errors import Header

MAX_WIRES, MAX_WIRE_KEY = 2048, 16384
MAX_SCRIPTS, MAX_SCRIPT = 256, 1 << 22
HUMAN = Faults(first_byte_ms=250, token_rate=40)  # about the pace of a hosted model


class Settings(msgspec.Struct, frozen=True):
    """How a mock process behaves where nothing else is said."""

    faults: Faults = NONE
    models: tuple[str, ...] = ("demo", "mock")
    keep_requests: int = 1000  # the last so many are kept
    keep_bytes: int = 1 << 26  # and no more than this
    receive_buffer: int = 0  # bytes of the kernel's buffer a connection, 0 is the system's; small makes slow_read bite


class Abort(msgspec.Struct, frozen=True):
    """A connection that was lost in the middle of a request or of an answer, by no fault of this mock's."""

    at: float  # seconds since the epoch
    monotonic: float  # the machine's monotonic clock
    phase: str  # request or answer
    path: str
    model: str
    steps: int  # writes of the answer that were made
    connection: int


class Recorder:
    """The last requests, kept as bytes, taken apart when asked."""

    def __init__(self, count: int, size: int) -> None:
        self._count = count
        self._room = size
        self._kept: deque[tuple[float, bytes, bytes | None]] = deque()
        self.total = 0

    def add(self, raw: bytes, body: bytes | None) -> None:
        """Keep a request: head and body, or both in one where `body` is None."""
        self.total += 1
        self._kept.append((time.time(), raw, body))
        self._room -= len(raw) + len(body or b"")
        while self._kept and (self._room < 0 or len(self._kept) > self._count):
            _, old, rest = self._kept.popleft()
            self._room += len(old) + len(rest or b"")

    def clear(self) -> None:
        """Forget them, and count from 0."""
        while self._kept:
            _, old, rest = self._kept.popleft()
            self._room += len(old) + len(rest or b"")
        self.total = 0

    def list(self) -> list[dict[str, Any]]:
        """Return them, oldest first; `json` is the decoded body where it is JSON."""
        return [self._describe(*kept) for kept in self._kept]

    @staticmethod
    def _describe(at: float, raw: bytes, body: bytes | None) -> dict[str, Any]:
        if body is None:
            end = raw.index(b"\r\n\r\n") + 4
            raw, body = raw[:end], raw[end:]
        head = parse_head(raw)
        try:
            decoded = msgspec.json.decode(body)
        except msgspec.DecodeError:
            decoded = None
        return {
            "at": at,
            "method": head.method,
            "target": head.target,
            "path": head.path,
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in head.headers],
            "body": body.decode("utf-8", "replace"),
            "size": len(body),
            "json": decoded,
        }


class State:
    """All of one server's memory. The counters are plain numbers; `changed` wakes whoever waits for them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.rules = Rules()
        self.recorder = Recorder(settings.keep_requests, settings.keep_bytes)
        self.shelf = objects.Shelf()
        self.heads: dict[bytes, Head] = {}
        self.wires: dict[bytes, bytes] = {}  # whole requests to whole answers, for those that need no thought
        self._scripts: dict[tuple[str, bytes, tuple[Header, ...]], Script] = {}
        self.alive: set[Any] = set()  # every connection
        self.controllers: set[Any] = set()  # of them, those that asked a control route
        self.accepted = 0
        self.sockets = 0  # of the connections that are alive, those that are WebSockets
        self.busy = 0  # requests that are being received or answered
        self.aborts: deque[Abort] = deque(maxlen=1000)
        self.aborted = 0
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def script(self, request: Request) -> tuple[Script, bool]:
        """Return the answer to play, and whether the same request always gets it. Raises InvalidRequest."""
        head = request.head
        steady = not self.rules.active and head.keep_alive and not objects.serves(head.path)
        wishes = tuple(h for h in head.headers if h[0].startswith(HEADER_PREFIX)) if head.mocked else ()
        key = (f"{head.method} {head.target}", request.body, wishes)
        if steady and (script := self._scripts.get(key)) is not None:
            return script, True
        faults = self.faults(request)
        answer = routes.answer(request, faults, self.settings.models, self.shelf)
        script = compile_script(answer, faults, keep_alive=head.keep_alive)
        steady = steady and faults.slow_read is None  # that one is lost where the request is not parsed
        if steady and sum(len(data) for _, data in script.steps) + len(request.body) <= MAX_SCRIPT:
            if len(self._scripts) >= MAX_SCRIPTS:
                self._scripts.clear()
            self._scripts[key] = script
        return script, steady

    def faults(self, request: Request) -> Faults:
        """Return the faults of a request, and use up the rule that they come from. Raises InvalidRequest."""
        head = request.head
        return routes.requested_faults(
            request, self.settings.faults, lambda model: self.rules.take(head.path, model, head.authorization)
        )

    def remember(self, raw: bytes, wire: bytes) -> None:
        """Let the request `raw` be answered by `wire` without being parsed again."""
        if len(raw) <= MAX_WIRE_KEY:
            if len(self.wires) >= MAX_WIRES:
                self.wires.clear()
            self.wires[raw] = wire

    def counts(self) -> dict[str, int]:
        """Return the numbers that can be waited for."""
        return {
            "open": len(self.alive) - len(self.controllers),
            "in_progress": self.busy,
            "aborted": self.aborted,
            "requests": self.recorder.total,
            "accepted": self.accepted,
            "sockets": self.sockets,
        }

    def changed(self) -> None:
        """Tell those who wait that a number is another."""
        if self._waiting:
            for done, future in self._waiting:
                if not future.done() and done():
                    future.set_result(None)
            self._waiting = [entry for entry in self._waiting if not entry[1].done()]

    async def wait(self, timeout: float = 10.0, **wanted: int) -> None:  # noqa: ASYNC109 - also asked for over HTTP
        """Return when every count named is as wanted: `aborted`, `requests`, `accepted` at least, the others exactly.

        Raises TimeoutError after `timeout` seconds, and KeyError for a name that `counts` has not.
        """
        rising = ("aborted", "requests", "accepted")
        if unknown := wanted.keys() - self.counts().keys():
            raise KeyError(*unknown)

        def done() -> bool:
            now = self.counts()
            return all(now[name] >= n if name in rising else now[name] == n for name, n in wanted.items())

        if done():
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((done, future))
        async with asyncio.timeout(timeout):
            await future
