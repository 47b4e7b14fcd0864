"""One request with hooks: what goes on to the model, and what of the answer goes out.

It is the gate of a GuardedExchange. Hooks change a request before guardrails look at it, and an answer after they have,
as with LiteLLM: guardrails see what goes to the model, and hooks what guardrails have let pass.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, Final

import msgspec

from tianji._core.asked import Asked
from tianji._core.guarded import GuardedExchange
from tianji.errors import Header, InvalidRequest, TianjiError, UpstreamProtocolError
from tianji.gateway.guarding.guards import shape_of
from tianji.gateway.guarding.request import Instead
from tianji.gateway.hooking.case import Case
from tianji.gateway.hooking.registered import HookFailed, HookRefused, Method, Registered, refusal
from tianji.gateway.hooking.streams import ITERATORS, PIECES, Stream
from tianji.gateway.hooking.way import Pieces, Way
from tianji.guardrails.slots.answers import answered
from tianji.hooks.standins import HTTPException, answer

BEFORE: Final = "async_pre_call_hook"
BESIDE: Final = "async_moderation_hook"
AFTER: Final = "async_post_call_success_hook"
FAILURES: Final = "async_post_call_failure_hook"
HEADERS: Final = "async_post_call_response_headers_hook"
HELD: Final = 256 * 1024  # bytes that may wait for hooks before the upstream has to wait, too

log = logging.getLogger("tianji.hooks")


class HookWatch:
    """The gate of one request. Nothing of it points in a circle any more once it is closed."""

    def __init__(self, asked: Asked, hooks: Registered, guards: Callable[[Asked], Any] | None, *, compat: bool) -> None:
        """`guards`: who else watches requests, see Pipeline.guards."""
        self._asked: Asked | None = asked
        self._hooks = hooks
        self._guards = guards
        self._inner: Any = None
        self._case = Case(asked)
        self._most = asked.table.max_answer
        if shape_of(asked) == "array" and any(map(hooks.of, (ITERATORS, PIECES, AFTER))):
            raise InvalidRequest("the hooks of this gateway read streams of events: ask with alt=sse")
        self._way = Way(asked.exchange, asked.operation, asked.call_id, compat=compat)
        self.exchange = GuardedExchange(asked.exchange, self)
        self._deployment_id: str | None = None
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
        if self._inner is None:
            return self._deployment_id
        found: str | None = self._inner.deployment_id
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
        if self._guards is None and not self._hooks.of(BEFORE) and not self._hooks.of(BESIDE):
            return None
        return asyncio.get_running_loop().create_task(self._look_at_request())

    async def _look_at_request(self) -> Instead | None:
        instead = await self._ask_before() if self._hooks.of(BEFORE) else None
        if instead is None and self._guards is not None and self._asked is not None:
            instead = await self._guarded(self._asked, self._guards)
        if instead is None and self._hooks.of(BESIDE):
            self._beside = self._begin(self._look_beside())
        return instead

    async def _ask_before(self) -> Instead | None:
        case = self._case
        as_it_came = case.body()
        for hook in self._hooks.of(BEFORE):
            said = await hook(case.given(cache=self._hooks.cache))
            if isinstance(said, BaseException):
                raise refusal(said) or HookFailed(hook.name)
            if isinstance(said, str):
                return self._instead(case.body(), said)
            if isinstance(said, dict):
                case.data = said
        asked, body = self._asked, self._written(self._hooks.of(BEFORE)[-1])
        if asked is not None and body != as_it_came:
            asked.replace(body)
            if case.data.get("model", case.model) != case.model:
                asked.reroute(str(case.data["model"]))
        return None

    def _written(self, hook: Method) -> bytes:
        try:
            return self._case.body()
        except (TypeError, ValueError) as error:
            raise hook.ending(TypeError(f"what hooks left is no JSON: {error}")) from error

    def _instead(self, body: bytes, text: str) -> Instead:
        """Return a text in the model's place. Raises HookRefused where no answer is a text."""
        asked = self._asked
        said = None
        if asked is not None:
            said = answered(asked.operation.name, body, asked.model, text, shape_of(asked))
        if said is None:
            raise HookRefused(text)
        self._answered = True
        return Instead(HookRefused(text), said.content_type.encode(), said.body)

    async def _guarded(self, asked: Asked, guards: Callable[[Asked], Any]) -> Instead | None:
        """Have guardrails look at what hooks have left."""
        self._inner = guards(asked)
        if self._inner is None:
            return None
        asked.go_through(self._inner.exchange)
        pending = self._inner.before()
        found: Instead | None = None if pending is None else await pending
        return found

    async def _look_beside(self) -> None:
        async with asyncio.TaskGroup() as group:
            for hook in self._hooks.of(BESIDE):
                group.create_task(hook(self._case.given()))

    # -- the answer ---------------------------------------------------------------------------------------------------

    def head(self, status: int, fields: list[Header]) -> None:
        """Hear how the answer begins."""
        self._way.head(status, fields)
        self._deployment_id = None if self._inner else getattr(self._asked, "deployment_id", None)
        of = self._hooks.of
        if self._answered:
            return
        if status >= 400:
            looks = of(FAILURES)
        elif self._way.streams:
            looks = of(ITERATORS) or of(PIECES)
        else:
            looks = of(AFTER)
        if looks or of(HEADERS) or (self._beside is not None and not self._beside.done()):
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
        if self._beside is not None:
            await self._beside
        if status < 400 and self._way.streams:
            await self._ask_headers(None)
            await self._stream()
        elif status < 400 and not self._hooks.of(AFTER):
            await self._ask_headers(None)
            await self._pass()
        else:
            body = await pieces.whole(self._most)
            if body is None:
                raise UpstreamProtocolError("the answer is longer than what can be held for hooks")
            if status >= 400:
                await self._ask_failures(body, status)
            else:
                await self._ask_after(body)

    async def _stream(self) -> None:
        if not (self._hooks.of(ITERATORS) or self._hooks.of(PIECES)):
            await self._pass()
            return
        out: AsyncIterator[bytes] = Stream(self, self._hooks, self._case).out()
        async for chunk in out:
            await self._send(chunk, last=False)
        await self._send(b"", last=True)

    async def _pass(self) -> None:
        last = False
        while not last:
            chunk, last = await self.take()
            await self._send(chunk, last=last)

    async def _ask_after(self, body: bytes) -> None:
        try:
            tree = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError):
            tree = None  # sound, or a picture
        response = answer(tree)
        if isinstance(tree, dict):
            for hook in self._hooks.of(AFTER):
                said = await hook(self._case.given(response=response))
                response = said if isinstance(said, Mapping) else response
            if response != tree:
                try:
                    body = msgspec.json.encode(response)
                except (TypeError, ValueError) as error:
                    raise hook.ending(TypeError(f"what hooks left of the answer is no JSON: {error}")) from error
        await self._ask_headers(response)
        await self._send(body, last=True)

    async def _ask_headers(self, response: Any) -> None:
        """Have hooks add headers. One that fails adds none."""
        for hook in self._hooks.of(HEADERS):
            try:
                said = await hook(self._case.given(response=response, litellm_call_info={}))
            except TianjiError as error:
                log.warning("the hook %s added no headers: %s", hook.name, error.message)
                continue
            refused = self._way.add(said.items()) if isinstance(said, Mapping) else ()
            for name in set(refused) - self._hooks.unsendable:
                self._hooks.unsendable.add(name)
                log.warning("the hook %s sets a header that cannot be sent: %s", hook.name, name)

    async def _ask_failures(self, body: bytes, status: int) -> None:
        error = await self._replacement(HTTPException(status, said_in(body)))
        if error is not None:
            self.refuse(error)
            return
        await self._ask_headers(None)
        await self._send(body, last=True)

    async def _replacement(self, original: Exception) -> TianjiError | None:
        """Show an error to hooks, and return the first that one puts in its place; None where nobody does."""
        for hook in self._hooks.of(FAILURES):
            try:
                said = await hook(self._case.given(original_exception=original, traceback_str=None))
            except HookRefused as error:
                return error
            except TianjiError:
                continue  # it has failed, and that is logged
            found = refusal(said) if isinstance(said, BaseException) else None
            if found is not None:
                return found
        return None

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
        task.add_done_callback(self._ended)
        return task

    async def _seen_to(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except* TianjiError as group:
            error = first_of(group)
            self.refuse(await self._replacement(HTTPException(error.status, error.message)) or error)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("what hooks said could not be followed", exc_info=error)
            self.refuse(TianjiError("Internal server error"))

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
        mine = asyncio.current_task()
        for task in self._tasks:
            if task is not mine:
                task.cancel()
        self._tasks.clear()
        self.exchange.close()
        self._asked = self._beside = self._pieces = None


def first_of(group: BaseExceptionGroup[TianjiError]) -> TianjiError:
    """Return the first error of a group."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found if isinstance(found, TianjiError) else TianjiError("Internal server error")


def said_in(body: bytes) -> str:
    """Return what an error of any dialect says."""
    try:
        tree = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return ""
    error = tree.get("error", tree) if isinstance(tree, dict) else tree
    return str(error.get("message", "")) if isinstance(error, dict) else str(error)
