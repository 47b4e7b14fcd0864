"""One request that is watched: what goes on to the model, and what of the answer goes out."""

import asyncio
import functools
from typing import Any

from msgspec.structs import replace

from tianji._core.requests.asked import Asked
from tianji.errors import Header, InvalidRequest, TianjiError
from tianji.gateway.guarding import forms
from tianji.gateway.guarding.answers.answering import Answering, Rules
from tianji.gateway.guarding.answers.doors import Closed, Door, Flowing, Sealed
from tianji.gateway.guarding.answers.earlier import left
from tianji.gateway.guarding.answers.lined import Lined
from tianji.gateway.guarding.answers.stages import Stages, stages_of
from tianji.gateway.guarding.judging import Document, Found, Judging
from tianji.gateway.guarding.lots.batched import Judge
from tianji.gateway.guarding.lots.parts import Parts, parts_of
from tianji.gateway.guarding.notes import Keep, Notes
from tianji.gateway.guarding.request import Instead, Request
from tianji.guardrails.failures import GuardrailBlocked
from tianji.guardrails.slots.forms import form_of, form_parted
from tianji.guardrails.slots.restoring import Restoring
from tianji.guardrails.slots.results import Result
from tianji.guardrails.vendor import Hook


class Watch(Answering):
    """The gate of one request: its answer waits until every guardrail that looks at the request, too, let it pass."""

    readies = False  # nothing is asked before each attempt

    def __init__(self, request: Request, asked: Asked, rules: Rules, judge: Judge | None = None) -> None:
        """`judge`: of requests that come in a file; None where none are looked for."""
        super().__init__(asked.exchange, request, rules)
        self._judge = judge
        self._parts: Parts | None = None  # of a form
        self._asked: Asked | None = asked
        self._largest = asked.table.max_answer
        self._notes = Notes(request, self._judging, rules.books, rules.backlog)
        self.deployment_id: str | None = None  # which answered
        self._beside: asyncio.Task[Any] | None = None  # what looks at the request during the call
        self._answered = False  # by a guardrail, in the model's place

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
        if self._judge is not None:
            forms.refuse_encoded(self.exchange, request.form)
            self._parts = await parts_of(self.exchange)
        form = request.form if self._parts is None else form_parted(request.form)
        read = functools.partial(forms.read_request, form)
        found = await judging.judge(Hook.PRE_CALL, request.plan, read(self._body()), read)
        if found.answer is not None:
            self._answered = True
            return instead(request, self._body(), found.answer.text, judging)
        if self._parts is None:
            self._change(found)
        elif self._judge is not None:
            await self._change_form(self._parts, found, self._judge)
        judging.asked, judging.restoring = found.document.content.spoken, Restoring(found.restore)
        if request.shape == "whole" and request.plan.meets(Hook.POST_CALL):
            judging.body = self._body()
        if request.plan.meets(Hook.DURING_CALL):
            self._beside = self.begin(self._look_beside(found.document))
        return None

    def _body(self) -> bytes:
        return forms.body_of(self.exchange, self._request.form) if self._parts is None else self._parts.body

    async def _change_form(self, parts: Parts, found: Found, judge: Judge) -> None:
        """Let a form go on as guardrails left it, after the requests in its file were judged."""
        if found.advice:
            raise InvalidRequest("there is no place for instructions in a form")
        if found.body is not None:
            parts.replace(found.body)
        await parts.judge_files(judge)
        parts.write()

    def _change(self, found: Found) -> None:
        """Let the request go on as guardrails left it."""
        body = found.body
        if found.advice:
            body = forms.advised(self._request.form, body or self._body(), found.advice)
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
        self.deployment_id = getattr(self._asked, "deployment_id", None)
        super().head(status, fields)

    def door(self) -> Door | None:
        """Return where the answer has to wait."""
        if self._answered:
            return None
        plan = self._rules.after(self._request, self.deployment_id)
        looks = plan.meets(Hook.POST_CALL) or self._judging.restoring.reach > 0
        if looks and self._outlet.encoded:
            return Sealed(self)
        if looks and self._request.form.opaque and not self._outlet.says:
            return Lined(self, self._line)
        if looks and self._outlet.streams:
            stages = stages_of(plan, self._request.turn, self._judging)
            return Flowing(self, Stages(stages, self._request.spoken, self._judging), self._largest)
        if looks or self.waits or (self._request.shows and not self._outlet.streams):
            return Closed(self, self._request, self._judging, plan if looks else None, self._largest)
        return None

    async def _line(self, result: Result) -> bytes:
        """Return one of many answers as it goes out."""
        request = replace(self._request, form=form_of(result.operation))
        return await left(self._judging, request, result.body or b"")

    def stop(self, error: TianjiError) -> None:
        """End the call upstream."""
        if self._asked is not None:
            self._asked.stop(error)

    def cut_short(self) -> None:
        """End the call upstream: a guardrail has ended the answer before the model has."""
        if self._asked is not None:
            name = self._judging.outcomes[-1].guardrail.name
            self._asked.stop(GuardrailBlocked("the answer was ended by a guardrail", name))

    def closed(self, told: bytes | None) -> None:
        """Hand the entries of the ledger on."""
        self._asked = self._beside = None
        self._notes.close(told)


def instead(request: Request, body: bytes, text: str, judging: Judging) -> Instead:
    """Return the answer of a guardrail in the model's place."""
    name = judging.outcomes[-1].guardrail.name if judging.outcomes else ""
    said = forms.answer(request, body, text, request.shape)
    return Instead(GuardrailBlocked(text, name), said.content_type.encode(), said.body)
