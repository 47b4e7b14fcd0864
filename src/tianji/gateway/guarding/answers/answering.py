"""An answer on its way to its client: it waits until everybody who has to judge it has let it pass.

It is the gate of a GuardedExchange. What refuses the answer ends the call upstream as well.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji._core.edges.guarded import GuardedExchange
from tianji.errors import Header, TianjiError
from tianji.gateway.bookkeeping import Bookkeeping
from tianji.gateway.guarding.answers.doors import Door, Open
from tianji.gateway.guarding.answers.outlet import Outlet
from tianji.gateway.guarding.judging import Judging
from tianji.gateway.guarding.leading import Leading
from tianji.gateway.guarding.logged import Backlog
from tianji.gateway.guarding.request import Request
from tianji.guardrails.running import Runner
from tianji.guardrails.selection import Plan

LOG: Final = logging.getLogger("tianji.guardrails")


class Rules(Struct, frozen=True):
    """What all watches of a worker go by. `after`: the plan for an answer, by the id of the deployment that gave it.

    backlog: entries of the ledger that wait for who looks at logs alone
    """

    runner: Runner
    after: Callable[[Request, str | None], Plan]
    leading: Leading
    books: Bookkeeping
    backlog: Backlog
    block_status: int = 400
    compat: bool = True


class Answering:
    """The gate of one answer. Nothing of it points in a circle any more once it is closed."""

    def __init__(self, client: Exchange, request: Request, rules: Rules) -> None:
        self._request = request
        self._rules = rules
        self._judging = Judging(rules.runner, request, rules.block_status)
        self._outlet = Outlet(client, request, self._judging.outcomes, compat=rules.compat)
        self.exchange = GuardedExchange(client, self)
        self._door: Door | None = Open(self, request)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._whole = False  # all of the answer has come
        self._closed = False

    # -- what depends on whose answer it is ---------------------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """Whether somebody still looks at the request."""
        return False

    async def request_passed(self) -> None:
        """Wait until nobody looks at the request any more. Raises what it is refused with."""

    def door(self) -> Door | None:
        """Return where a good answer has to wait, now that its head is known; None for nowhere."""
        raise NotImplementedError

    def stop(self, error: TianjiError) -> None:
        """End the call upstream."""
        del error
        self.exchange.leave()

    def cut_short(self) -> None:
        """Hear that a guardrail has ended the answer before the model has."""
        self.exchange.leave()

    def closed(self, told: bytes | None) -> None:
        """Hear that the answer has ended. `told`: see `send`."""

    # -- the answer ---------------------------------------------------------------------------------------------------

    def head(self, status: int, fields: list[Header]) -> None:
        """Hear how the answer begins."""
        self._outlet.head(status, fields)
        if status < 300:
            self._door = self.door() or self._door

    def body(self, chunk: bytes, last: bool) -> None:
        """Take a piece of the answer."""
        self._whole = last
        if self._door is not None:
            self._door.take(chunk, last=last)

    def send(self, chunk: bytes, *, last: bool, told: bytes | None = None) -> None:
        """Let a piece of it out. `told`: all that went out, where that is not what came; with the last piece."""
        if self._closed:
            return
        if last and not self._whole:
            self.cut_short()
        self._outlet.send(chunk, last=last)
        if last:
            self._close(told)

    def abort(self) -> None:
        """Cut the answer off, as it came: the client notices."""
        self._outlet.abort()
        self._close(None)

    def hold(self, *, wait: bool) -> None:
        """Have whoever answers wait, or go on."""
        if self._closed:
            return
        if wait:
            self.exchange.hold()
        elif not self._outlet.full:
            self.exchange.go_on()

    # -- the client ---------------------------------------------------------------------------------------------------

    def client_gone(self) -> None:
        """Let go of everything: nobody wants an answer any more."""
        self.exchange.leave()
        self._close(None)

    def client_full(self) -> None:
        """Have whoever answers wait: the client reads slowly."""
        self.exchange.hold()

    def client_ready(self) -> None:
        """Have whoever answers go on: the client takes more."""
        self.exchange.go_on()

    # -- ends ---------------------------------------------------------------------------------------------------------

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[Any]:
        """Have something done; what it raises is the answer."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None or self._closed:
            return
        if not isinstance(error, TianjiError):
            LOG.error("a guardrail's verdict could not be followed", exc_info=error)
            error = TianjiError("Internal server error")
        self.refuse(error)

    def refuse(self, error: TianjiError) -> None:
        """Answer with an error, whatever the upstream has said so far, and end the call."""
        if self._closed:
            return
        self.stop(error)
        self._outlet.refuse(error, b"" if self._door is None else self._door.ending(error))
        self._close(b"")

    def _close(self, told: bytes | None) -> None:
        if self._closed:
            return
        self._closed = True
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        self.exchange.close()
        self._outlet.close()
        self._door = None
        self.closed(told)
