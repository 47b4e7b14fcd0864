"""One request with hooks: what goes on to the model, and what of the answer goes out.

It is the gate of a GuardedExchange. Hooks change a request before guardrails look at it, and an answer after they have,
as with LiteLLM: guardrails see what goes to the model, and hooks what guardrails have let pass.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji._core.edges.guarded import GuardedExchange
from tianji._core.requests.asked import Asked
from tianji._core.routing.router import Deployment
from tianji.errors import Header, InvalidRequest, TianjiError, UpstreamProtocolError
from tianji.gateway.guarding.guards import shape_of
from tianji.gateway.guarding.request import Instead
from tianji.gateway.hooking.asking import AFTER, BEFORE, BESIDE, FAILURES, HEADERS, Hooks
from tianji.gateway.hooking.case import Case
from tianji.gateway.hooking.overhearing import HEARS, Listeners
from tianji.gateway.hooking.placing import Placing, Stock
from tianji.gateway.hooking.registered import HookRefused, Registered
from tianji.gateway.hooking.streams import ITERATORS, OF_DEPLOYMENTS, PIECES, Stream
from tianji.gateway.hooking.way import Pieces, Way

HELD: Final = 256 * 1024  # bytes that may wait for hooks before the upstream has to wait, too

STREAMED: Final = (ITERATORS, PIECES, OF_DEPLOYMENTS, *HEARS)  # hooks that look at streams

log = logging.getLogger("tianji.hooks")


class Means(Struct, frozen=True):
    """What all requests of a configuration share. compat: answers have LiteLLM's headers."""

    stock: Stock
    listeners: Listeners
    compat: bool


class HookWatch:
    """The gate of one request. Nothing of it points in a circle any more once it is closed."""

    def __init__(
        self, asked: Asked, registered: Registered, guards: Callable[[Asked], Any] | None, means: "Means"
    ) -> None:
        """`guards`: who else watches requests, see Pipeline.guards. Raises InvalidRequest."""
        if shape_of(asked) == "array" and any(map(registered.of, (*STREAMED, AFTER))):
            raise InvalidRequest("the hooks of this gateway read streams of events: ask with alt=sse")
        self._asked: Asked | None = asked
        self._hooks = Hooks(registered, Case.of(asked))
        self._placing = Placing(registered.of, self._hooks.case, means.stock)
        self.readies = self._placing.readies  # each attempt waits for hooks
        self._guards = guards
        self._inner: Any = None
        self._most = asked.table.max_answer
        self._way = Way(asked.exchange, asked.operation, asked.call_id, compat=means.compat)
        self.exchange = GuardedExchange(asked.exchange, self)
        self._deployment_id: str | None = None
        self._overhearing = means.listeners.of(asked, registered.of, self._hooks.case)
        self._tasks: set[asyncio.Task[None]] = set()
        self._beside: asyncio.Task[None] | None = None  # what looks at the request during the call
        self._pieces: Pieces | None = None  # of an answer that somebody looks at
        self._ready = asyncio.Event()  # the client takes more
        self._ready.set()
        self._answered = False  # by a hook, in the model's place
        self._whole = False  # all of the answer has come
        self._closed = False

    @property
    def deployment_id(self) -> str | None:
        """Which deployment answered."""
        found: str | None = self._deployment_id if self._inner is None else self._inner.deployment_id
        return found

    def note(self, entry: list[Any], keep: Callable[[list[Any]], object]) -> None:
        """Take an entry of the ledger."""
        if self._inner is None:
            keep(entry)
        else:
            self._inner.note(entry, keep)

    # -- the request --------------------------------------------------------------------------------------------------

    def before(self) -> "asyncio.Task[Instead | None] | None":
        """Have the request looked at; None where nobody does before it goes on."""
        looks = self._guards is not None or self._placing.places or any(map(self._hooks.of, (BEFORE, BESIDE)))
        if self._asked is None or not looks:
            return None
        return asyncio.get_running_loop().create_task(self._look_at_request(self._asked))

    async def _look_at_request(self, asked: Asked) -> Instead | None:
        found = await self._hooks.before(asked)
        if found is not None:
            self._answered = True
            return found
        if self._guards is not None:
            found = await self._guarded(asked, self._guards)
        if found is None and self._placing.places:
            await self._placing.place(asked)
        if found is None and self._hooks.of(BESIDE):
            self._beside = self._begin(self._hooks.beside())
        return found

    async def _guarded(self, asked: Asked, guards: Callable[[Asked], Any]) -> Instead | None:
        """Have guardrails look at what hooks have left."""
        self._inner = guards(asked)
        if self._inner is None:
            return None
        asked.go_through(self._inner.exchange)
        pending = self._inner.before()
        found: Instead | None = None if pending is None else await pending
        return found

    def ready(self, deployment: Deployment, number: int) -> "asyncio.Task[None] | None":
        """Have hooks look at an attempt before it is made; None once they have."""
        if self._asked is None:
            return None
        return self._placing.ready(self._asked, deployment, number, self.refuse)

    # -- the answer ---------------------------------------------------------------------------------------------------

    def head(self, status: int, fields: list[Header]) -> None:
        """Hear how the answer begins."""
        self._way.head(status, fields)
        self._deployment_id = None if self._inner else getattr(self._asked, "deployment_id", None)
        if self._answered:
            return
        lookers: tuple[str, ...] = (FAILURES, HEADERS)
        if status < 400:
            lookers = (*STREAMED, HEADERS) if self._way.streams else (AFTER, HEADERS)
        if any(map(self._hooks.of, lookers)) or (self._beside is not None and not self._beside.done()):
            self._pieces = Pieces()
            self._begin(self._answer(self._pieces, status))

    def body(self, chunk: bytes, last: bool) -> None:
        """Take a piece of the answer."""
        self._whole = last
        if self._closed:
            return
        if self._pieces is None:
            self._way.send(chunk, last=last)
            if last:
                self._close()
            return
        self._pieces.put(chunk, last=last)
        if self._pieces.size > HELD:
            self.exchange.hold()

    async def take(self) -> tuple[bytes, bool]:
        """Wait for the next pieces of the answer; (bytes, whether they are the last)."""
        if self._pieces is None:
            return b"", True
        found = await self._pieces.take()
        if self._ready.is_set():
            self.exchange.go_on()
        return found

    async def _answer(self, pieces: Pieces, status: int) -> None:
        """Let the answer out as hooks leave it."""
        hooks, response, body = self._hooks, None, None
        if self._beside is not None:
            await self._beside
        if status >= 400 or (hooks.of(AFTER) and not self._way.streams):
            body = await pieces.whole(self._most)
            if body is None:
                raise UpstreamProtocolError("the answer is longer than what can be held for hooks")
        if status >= 400 and body is not None:
            error = await hooks.replacement(status, said_in(body))
            if error is not None:
                self.refuse(error)
                return
        elif body is not None:
            body, response = await hooks.after(body)
        hooks.complain(self._way.add(await hooks.headers(response)))
        if body is not None:
            await self._send(body, last=True)
        elif self._way.streams and any(map(hooks.of, STREAMED)):
            async for chunk in Stream(self, hooks.of, hooks.case, self._overhearing).out():
                await self._send(chunk, last=False)
            await self._send(b"", last=True)
        else:
            last = False
            while not last:
                chunk, last = await self.take()
                await self._send(chunk, last=last)

    async def _send(self, chunk: bytes, *, last: bool) -> None:
        """Let a piece out when the client takes it."""
        await self._ready.wait()
        if self._closed or not (chunk or last):
            return
        if last and not self._whole and self._asked is not None:  # hooks have ended it before the model has
            self._asked.stop(HookRefused("the answer was ended by a hook"))
        self._way.send(chunk, last=last)
        if last:
            self._close()

    def abort(self) -> None:
        """Cut the answer off, as it came: the client notices."""
        self._way.abort()
        self._close()

    # -- the client ---------------------------------------------------------------------------------------------------

    def client_gone(self) -> None:
        """Let go of everything: nobody wants an answer any more."""
        self.exchange.leave()
        self._close()

    def client_full(self) -> None:
        """Have whoever answers wait: the client reads slowly."""
        self._ready.clear()
        self.exchange.hold()

    def client_ready(self) -> None:
        """Have whoever answers go on: the client takes more."""
        self._ready.set()
        self.exchange.go_on()

    # -- ends ---------------------------------------------------------------------------------------------------------

    def _begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Have something done; what it raises is the answer."""
        task = asyncio.get_running_loop().create_task(self._seen_to(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _seen_to(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except* Exception as group:  # noqa: BLE001 - boundary: the loop
            error = first_of(group)
            self.refuse(await self._hooks.replacement(error.status, error.message) or error)

    def refuse(self, error: TianjiError) -> None:
        """Answer with an error, whatever the upstream has said so far, and end the call."""
        if self._closed:
            return
        if self._asked is not None:
            self._asked.stop(error)
        self._way.refuse(error)
        self._close()

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()
        self._tasks.clear()
        self.exchange.close()
        self._asked = self._beside = self._pieces = None


def first_of(group: BaseExceptionGroup[Exception]) -> TianjiError:
    """Return the first error of a group; one that nobody foresaw is logged and said without its text."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    if isinstance(found, TianjiError):
        return found
    log.error("what hooks said could not be followed", exc_info=found)
    return TianjiError("Internal server error")


def said_in(body: bytes) -> str:
    """Return what an error of any dialect says."""
    try:
        tree = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return ""
    error = tree.get("error", tree) if isinstance(tree, dict) else tree
    return str(error.get("message", "")) if isinstance(error, dict) else str(error)
