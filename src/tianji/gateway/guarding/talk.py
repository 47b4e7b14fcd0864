"""A conversation that is watched: what a client says in it is judged before anybody hears it."""

import functools
from collections import Counter

from tianji.errors import TianjiError
from tianji.gateway.guarding import forms
from tianji.gateway.guarding.judging import Judging
from tianji.gateway.guarding.request import Request
from tianji.gateway.guarding.watch import Rules
from tianji.guardrails.failures import GuardrailBlocked
from tianji.guardrails.guardrail import Guardrail
from tianji.guardrails.vendor import Hook

ALOUD = "what was said aloud cannot be changed"


class Talk:
    """Whom one conversation meets. `request`: as it began."""

    def __init__(self, request: Request, rules: Rules) -> None:
        self._request = request
        self._rules = rules
        self._refused: Counter[str] = Counter()

    async def said(self, event: bytes) -> bytes:
        """Return an event of the client as it goes on. Raises TianjiError for one that does not."""
        request = self._request
        read = functools.partial(forms.read_request, request.form)
        judging = Judging(self._rules.runner, request, self._rules.block_status)
        document = read(event)
        if not document.content.texts:
            return event
        found = await judging.judge(Hook.PRE_CALL, request.plan, document, read)
        if found.answer is not None:
            raise GuardrailBlocked(found.answer.text, judging.outcomes[-1].guardrail.name)
        body = event if found.body is None else found.body
        if found.advice:
            body = forms.advised(request.form, body, found.advice)
        await judging.judge(Hook.DURING_CALL, request.plan, found.document, lambda _: found.document)
        return body

    async def heard(self, event: bytes) -> None:
        """Judge what the user was heard to say. Raises TianjiError where that is refused."""
        if await self.said(event) != event:
            raise GuardrailBlocked(ALOUD, "")

    def ends(self, error: TianjiError) -> bool:
        """Count a refusal; whether the conversation ends with it, as the guardrail's entry says."""
        if not isinstance(error, GuardrailBlocked):
            return False
        self._refused[error.guardrail] += 1
        most = next((one.talks.refusals for one in self._members(error.guardrail) if one.talks.refusals), 0)
        return 0 < most <= self._refused[error.guardrail]

    def message(self, error: TianjiError) -> str:
        """Return what the client is told of a refusal."""
        members = self._members(error.guardrail) if isinstance(error, GuardrailBlocked) else []
        return next((one.talks.message for one in members if one.talks.message), error.message)

    def _members(self, name: str) -> list[Guardrail]:
        plan = self._request.plan
        hooks = [one for groups in plan.hooks.values() for group in groups for one in group if one.name == name]
        return [*hooks, *plan.steps.get(name, ())]
