"""The loads: many requests held at once, and a mix of everything that comes to a gateway, in a fixed order."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from bench.macro.client import Answer, Broken

PATIENCE = 60.0  # seconds that one answer may take
CALLERS = 64  # connections of the mixed load
WORDS = "the quick gateway relays what the client said and adds nothing of its own to it "
SMALL, LARGE = 200, 150_000  # bytes of a body


@dataclass(frozen=True)
class Ask:
    """One kind of request. `leaves`: the client goes after that many bytes of the request, or events of the answer."""

    name: str
    wire: bytes
    status: int = 200
    leaves_after_bytes: int = 0
    leaves_after_events: int = 0


@dataclass
class Tally:
    """What became of a load."""

    answered: int = 0
    left: int = 0  # by intent of the client
    failures: int = 0
    first_failure: str = ""
    kinds: dict[str, int] = field(default_factory=dict)


def wire(model: str, size: int, host: str, key: str, *, stream: bool = False, body: bytes = b"") -> bytes:
    """A chat request whose body is `size` bytes long, or `body`."""
    if not body:
        front = b'{%b"model":"%b","messages":[{"role":"user","content":"' % (
            b'"stream":true,' if stream else b"",
            model.encode(),
        )
        fill = size - len(front) - len(b'"}]}')
        body = front + (WORDS * (fill // len(WORDS) + 1))[:fill].encode() + b'"}]}'
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n"
    return f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def mix(host: str, key: str) -> list[Ask]:
    """Twenty requests: half of them small and plain, the others of every other kind."""
    small = Ask("plain", wire("demo", SMALL, host, key))
    large = Ask("150 KB", wire("demo", LARGE, host, key))
    stream = Ask("stream", wire("demo", SMALL, host, key, stream=True))
    paced = wire("mock-token-rate-100", SMALL, host, key, stream=True)
    others = [
        Ask("upstream error", wire("failing", SMALL, host, key), status=400),
        Ask("unknown model", wire("nobody", SMALL, host, key), status=404),
        Ask("bad JSON", wire("demo", SMALL, host, key, body=b'{"model": "demo",'), status=400),
        Ask("broken stream", wire("breaking", SMALL, host, key, stream=True)),
        Ask("abandoned stream", paced, leaves_after_events=1),
        Ask("abandoned upload", large.wire, leaves_after_bytes=LARGE // 2),
    ]
    whole = [large, stream, large, stream]
    between = itertools.zip_longest([small] * 10, others + whole)
    return [ask for pair in between for ask in pair if ask is not None]


class Caller(asyncio.Protocol):
    """One connection at a time, used again as long as it lives."""

    def __init__(self, host: str, port: int) -> None:
        self._where = (host, port)
        self._answer = Answer()
        self._transport: asyncio.Transport | None = None
        self._heard: asyncio.Future[None] | None = None
        self._enough = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # a stream's, as asked for

    def data_received(self, data: bytes) -> None:
        try:
            whole = self._answer.feed(data)
        except (Broken, ValueError) as error:
            self._end(error)
            return
        if whole or (self._enough and self._answer.events >= self._enough):
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._end(Broken(f"the connection was lost: {exc or 'closed'}"))

    def _end(self, error: Exception | None) -> None:
        heard = self._heard
        if heard is None or heard.done():
            return
        if error is None:
            heard.set_result(None)
        else:
            heard.set_exception(error)

    async def open(self) -> asyncio.Transport:
        """The connection, a new one if need be. Raises OSError."""
        if self._transport is None or self._transport.is_closing():
            await asyncio.get_running_loop().create_connection(lambda: self, *self._where)
        if self._transport is None:
            raise OSError("the connection was closed as soon as it was there")
        return self._transport

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    async def ask(self, ask: Ask) -> int:
        """Send a request and take its answer; the status, 0 where the client left before. Raises Broken, OSError."""
        transport = await self.open()
        self._answer.reset()
        self._enough = ask.leaves_after_events
        if ask.leaves_after_bytes:
            transport.write(ask.wire[: ask.leaves_after_bytes])
            await asyncio.sleep(0)  # the loop writes what the socket takes
            self.close()
            return 0
        self._heard = asyncio.get_running_loop().create_future()
        transport.write(ask.wire)
        async with asyncio.timeout(PATIENCE):
            await self._heard
        if ask.leaves_after_events:
            self.close()
        return self._answer.status


async def _follow(caller: Caller, asks: Iterator[Ask], tally: Tally) -> None:
    for ask in asks:
        try:
            status = await caller.ask(ask)
        except (Broken, OSError) as error:
            problem = str(error)
            caller.close()
        else:
            problem = "" if status in (0, ask.status) else f"status {status} where {ask.status} was due"
        tally.answered += 1
        tally.left += bool(ask.leaves_after_bytes or ask.leaves_after_events)
        tally.kinds[ask.name] = tally.kinds.get(ask.name, 0) + 1
        if problem:
            tally.failures += 1
            tally.first_failure = tally.first_failure or f"{ask.name}: {problem}"


async def mixed(host: str, port: int, asks: list[Ask], count: int) -> Tally:
    """Send `count` requests over CALLERS connections, each of which begins elsewhere in `asks`."""
    tally = Tally()
    callers = [Caller(host, port) for _ in range(CALLERS)]
    budget = iter(range(count))

    def order(start: int) -> Iterator[Ask]:
        for ask in itertools.islice(itertools.cycle(asks), start, None):
            if next(budget, None) is None:
                return
            yield ask

    await asyncio.gather(*(_follow(caller, order(i % len(asks)), tally) for i, caller in enumerate(callers)))
    for caller in callers:
        caller.close()
    return tally


async def held(
    host: str, port: int, ask: Ask, count: int, all_there: Awaitable[object], when_held: Callable[[], None]
) -> Tally:
    """Let `count` clients ask at once; call `when_held` once `all_there` is; wait for their answers."""
    tally = Tally()
    callers = [Caller(host, port) for _ in range(count)]
    for caller in callers:
        await caller.open()
    waiting = asyncio.gather(*(_follow(caller, iter([ask]), tally) for caller in callers))
    await all_there
    when_held()
    await waiting
    for caller in callers:
        caller.close()
    return tally
