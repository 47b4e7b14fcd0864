"""One request that is watched: what goes on to the model, and what of the answer goes out.

It is the gate of a GuardedExchange. An answer waits until every guardrail that looks at it, or at the request beside
the call, has let it pass; what refuses it ends the call upstream as well.
"""

import asyncio
import functools
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from msgspec import Struct

from tianji._core.asked import Asked
from tianji._core.guarded import GuardedExchange
from tianji.errors import Header, TianjiError
from tianji.gateway.bookkeeping import Bookkeeping
from tianji.gateway.guarding import forms
from tianji.gateway.guarding.doors import Closed, Door, Flowing, Open
from tianji.gateway.guarding.judging import Document, Found, Judging
from tianji.gateway.guarding.leading import Leading
from tianji.gateway.guarding.logged import Backlog
from tianji.gateway.guarding.notes import Keep, Notes
from tianji.gateway.guarding.outlet import Outlet
from tianji.gateway.guarding.request import Instead, Request
from tianji.gateway.guarding.stages import Stages, stages_of
from tianji.guardrails.failures import GuardrailBlocked
from tianji.guardrails.running import Runner
from tianji.guardrails.selection import Plan
from tianji.guardrails.slots.restoring import Restoring
from tianji.guardrails.vendor import Hook

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


class Watch:
    """The gate of one request. Nothing of it points in a circle any more once it is closed."""

    def __init__(self, request: Request, asked: Asked, rules: Rules) -> None:
        self._request = request
        self._rules = rules
        self._asked: Asked | None = asked
        self._largest = asked.table.max_answer
        self._judging = Judging(rules.runner, request, rules.block_status)
        self._notes = Notes(request, self._judging, rules.books, rules.backlog)
        self._outlet = Outlet(asked.exchange, request, self._judging.outcomes, compat=rules.compat)
        self.exchange = GuardedExchange(asked.exchange, self)
        self.deployment_id: str | None = None  # which answered
        self._door: Door | None = Open(self, request)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._beside: asyncio.Task[Any] | None = None  # what looks at the request during the call
        self._answered = False  # by a guardrail, in the model's place
        self._whole = False  # all of the answer has come
        self._closed = False

    def note(self, entry: list[Any], keep: Keep) -> None:
        """Take an entry of the ledger, and hand it on with what guardrails have done when that is known."""
        self._notes.note(entry, keep)

    # -- the request --------------------------------------------------------------------------------------------------

    def before(self) -> asyncio.Task[Instead | None] | None:
        """Have the request looked at; None where nobody does before it goes on."""
        if not self._request.plan.judges:
            return None
        return asyncio.get_running_loop().create_task(self._look_at_request())

    async def _look_at_request(self) -> Instead | None:
        request, judging = self._request, self._judging
        read = functools.partial(forms.read_request, request.form)
        found = await judging.judge(Hook.PRE_CALL, request.plan, read(forms.body_of(self.exchange, request.form)), read)
        if found.answer is not None:
            self._answered = True
            return instead(request, forms.body_of(self.exchange, request.form), found.answer.text, judging)
        self._change(found)
        judging.asked, judging.restoring = found.document.content.texts, Restoring(found.restore)
        if request.shape == "whole" and request.plan.meets(Hook.POST_CALL):
            judging.body = forms.body_of(self.exchange, request.form)
        if request.plan.meets(Hook.DURING_CALL):
            self._beside = self.begin(self._look_beside(found.document))
        return None

    def _change(self, found: Found) -> None:
        """Let the request go on as guardrails left it."""
        body = found.body
        if found.advice:
            request = self._request
            body = forms.advised(request.form, body or forms.body_of(self.exchange, request.form), found.advice)
        if self._asked is None:
            return
        if body is not None:
            self._asked.replace(body)
        route = found.route
        if route is not None:
            self._rules.leading.lead(self._request, route)
        route = route or self._rules.leading.led(self._request)
        if route is not None:
            self._asked.reroute(route.model)

    async def _look_beside(self, document: Document) -> None:
        await self._judging.judge(Hook.DURING_CALL, self._request.plan, document, lambda _: document)
        self._beside = None
        if self._door is not None:
            self._door.passed()

    @property
    def waits(self) -> bool:
        """Whether somebody still looks at the request."""
        return self._beside is not None

    async def request_passed(self) -> None:
        """Wait until nobody looks at the request any more. Raises what it is refused with."""
        if self._beside is not None:
            await self._beside

    # -- the answer ---------------------------------------------------------------------------------------------------

    def head(self, status: int, fields: list[Header]) -> None:
        """Hear how the answer begins."""
        self._outlet.head(status, fields)
        self.deployment_id = getattr(self._asked, "deployment_id", None)
        if status >= 300 or self._answered:
            return
        plan = self._rules.after(self._request, self.deployment_id)
        looks = plan.meets(Hook.POST_CALL) or self._judging.restoring.reach > 0
        if self._request.form.opaque and not self._outlet.says:
            looks = False
        if looks and self._outlet.streams:
            stages = stages_of(plan, self._request.turn, self._judging)
            self._door = Flowing(self, Stages(stages, self._request.spoken, self._judging), self._largest)
        elif looks or self.waits or (self._request.shows and not self._outlet.streams):
            self._door = Closed(self, self._request, self._judging, plan if looks else None, self._largest)

    def body(self, chunk: bytes, last: bool) -> None:
        """Take a piece of the answer."""
        self._whole = last
        if self._door is not None:
            self._door.take(chunk, last=last)

    def send(self, chunk: bytes, *, last: bool, told: bytes | None = None) -> None:
        """Let a piece of it out. `told`: all that went out, where that is not what came; with the last piece."""
        if self._closed:
            return
        if last and not self._whole and self._asked is not None:  # somebody has ended it before the model has
            name = self._judging.outcomes[-1].guardrail.name
            self._asked.stop(GuardrailBlocked("the answer was ended by a guardrail", name))
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
        if self._asked is not None:
            self._asked.stop(error)
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
        self._asked = self._beside = self._door = None
        self._notes.close(told)


def instead(request: Request, body: bytes, text: str, judging: Judging) -> Instead:
    """Return the answer of a guardrail in the model's place."""
    name = judging.outcomes[-1].guardrail.name if judging.outcomes else ""
    said = forms.answer(request, body, text, request.shape)
    return Instead(GuardrailBlocked(text, name), said.content_type.encode(), said.body)
