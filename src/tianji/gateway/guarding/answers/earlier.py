"""Answers that were given before, and are read now: those of batches, of assistants, and such as were stored.

They meet what judges answers (`post_call`) for whoever reads them.
"""

import functools
from collections.abc import Callable
from typing import Final

from tianji._core.edges.exchange import Exchange
from tianji.gateway.guarding import forms
from tianji.gateway.guarding.answers.answering import Answering, Rules
from tianji.gateway.guarding.answers.doors import Door, Flowing
from tianji.gateway.guarding.answers.lined import Judge, Lined
from tianji.gateway.guarding.answers.stages import Stages, stages_of
from tianji.gateway.guarding.judging import Judging
from tianji.gateway.guarding.request import Request
from tianji.guardrails.failures import GuardrailBlocked
from tianji.guardrails.slots.results import Result
from tianji.guardrails.vendor import Hook

LONGEST: Final = 64 * 1024 * 1024  # bytes of a stream that are held to be judged
GroupOf = Callable[[str], str]
"""From the name of the model that has answered to its group here, "" for none."""
Describe = Callable[[str, str], Request]
"""From an operation and a model group to what would be known of such a request, if the reader had made it."""


class Earlier:
    """What one exchange reads. `by_model`: whether whom an answer meets may depend on its model."""

    def __init__(self, exchange: Exchange, describe: Describe, rules: Rules, *, by_model: bool) -> None:
        self._exchange = exchange
        self._describe = functools.cache(describe)
        self._rules = rules
        self._by_model = by_model

    async def whole(self, operation: str, group: str, body: bytes) -> bytes:
        """Return an answer as it goes out. Raises what it is refused with."""
        request = self._describe(operation, group)
        if not request.plan.meets(Hook.POST_CALL):
            return body
        return await left(Judging(self._rules.runner, request, self._rules.block_status), request, body)

    def lines(self, group_of: GroupOf) -> Exchange:
        """Return the exchange into which a file of answers is written, so that each line is judged."""
        request = self._describe("", "")
        if not (self._by_model or request.plan.meets(Hook.POST_CALL)):
            return self._exchange

        async def judge(result: Result) -> bytes:
            return await self.whole(result.operation, group_of(result.model), result.body or b"")

        return _Lines(self._exchange, request, self._rules, judge).exchange

    def stream(self, operation: str, group: str) -> Exchange:
        """Return the exchange into which a stream is written, so that it is judged."""
        request = self._describe(operation, group)
        if not request.plan.meets(Hook.POST_CALL):
            return self._exchange
        return _Events(self._exchange, request, self._rules).exchange


class _Lines(Answering):
    """A file of answers."""

    def __init__(self, client: Exchange, request: Request, rules: Rules, judge: Judge) -> None:
        super().__init__(client, request, rules)
        self._judge = judge

    def door(self) -> Door:
        """Return where its lines wait."""
        return Lined(self, self._judge)


class _Events(Answering):
    """A stream."""

    def door(self) -> Door:
        """Return where its events wait."""
        request = self._request
        stages = stages_of(request.plan, request.turn, self._judging)
        return Flowing(self, Stages(stages, request.spoken, self._judging, retells=False), LONGEST)


async def left(judging: Judging, request: Request, body: bytes) -> bytes:
    """Return what guardrails leave of a whole answer.

    Raises GuardrailBlocked, also where a guardrail would answer in the model's place, GuardrailUnavailable, and
    UpstreamProtocolError for what nobody can judge.
    """
    read = functools.partial(forms.read_answer, request.form)
    found = await judging.judge(Hook.POST_CALL, request.plan, read(body), read)
    if found.answer is not None:
        raise GuardrailBlocked(found.answer.text, judging.outcomes[-1].guardrail.name)
    return body if found.body is None else found.body
