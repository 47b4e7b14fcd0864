"""A conversation that is watched: what is said in it is judged before anybody hears it."""

from collections import Counter
from typing import Final

from tianji.errors import TianjiError
from tianji.gateway.guarding.answers.answering import Rules
from tianji.gateway.guarding.answers.stages import Stages, stages_of
from tianji.gateway.guarding.answers.turn import ALOUD, Hearer, Turn
from tianji.gateway.guarding.judging import Judging
from tianji.gateway.guarding.passing import passed
from tianji.gateway.guarding.request import Request
from tianji.guardrails.content import Text
from tianji.guardrails.failures import GuardrailBlocked
from tianji.guardrails.guardrail import Guardrail
from tianji.guardrails.slots.restoring import Restoring
from tianji.guardrails.vendor import Hook
from tianji.guardrails.verdict import Rewrite

SILENCE: Final[tuple[Text, ...]] = ()


class Talk:
    """Whom one conversation meets. `request`: as it began."""

    def __init__(self, request: Request, rules: Rules) -> None:
        self._request = request
        self._rules = rules
        self._refused: Counter[str] = Counter()
        self._asked = SILENCE  # what was said last
        self._changed_by = ""  # who has changed that
        self._tokens: dict[str, str] = {}  # what was masked until now, to be put back where a model says it

    @property
    def answers(self) -> bool:
        """Whether what a model says is judged, too, or may have something put back."""
        return self._request.plan.meets(Hook.POST_CALL) or bool(self._tokens)

    def turn(self, hearer: Hearer, form: str) -> Turn:
        """Return who takes the messages of an answer that begins now. `form`: which they have."""
        judging = Judging(self._rules.runner, self._request, self._rules.block_status)
        judging.asked, judging.restoring = self._asked, Restoring(self._tokens)
        stages = stages_of(self._request.plan, self._request.turn, judging)
        return Turn(Stages(stages, form, judging, retells=False), hearer)

    async def said(self, event: bytes) -> bytes:
        """Return an event of the client as it goes on. Raises TianjiError for one that does not."""
        judging = Judging(self._rules.runner, self._request, self._rules.block_status)
        judging.tokens = self._tokens
        found = await passed(judging, self._request, event)
        self._asked = found.content.spoken or self._asked
        self._tokens |= found.tokens
        changes = (one.guardrail.name for one in judging.outcomes if isinstance(one.verdict, Rewrite))
        self._changed_by = next(changes, "")
        return found.body

    async def heard(self, event: bytes) -> None:
        """Judge what the user was heard to say. Raises TianjiError where that is refused."""
        if await self.said(event) != event:
            raise GuardrailBlocked(ALOUD, self._changed_by)

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
