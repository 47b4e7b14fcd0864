"""A stream on its way through all who judge it: guardrails, pipelines of policies, and what puts masked texts back."""

import asyncio
from typing import Protocol

from tianji.config.schema.sections import Pipeline
from tianji.errors import TianjiError, UpstreamProtocolError
from tianji.gateway.bookkeeping import LONGEST
from tianji.gateway.guarding.judging import Judging
from tianji.guardrails.content import Content
from tianji.guardrails.failures import GuardrailUnavailable
from tianji.guardrails.guardrail import Guardrail
from tianji.guardrails.running import Outcome
from tianji.guardrails.selection import Plan
from tianji.guardrails.slots.restoring import Restoring
from tianji.guardrails.slots.texts import Mismatched, Unreadable
from tianji.guardrails.streaming.forms.table import begin
from tianji.guardrails.streaming.gate import Gate
from tianji.guardrails.streaming.policy import Policy, Scan, policy_of
from tianji.guardrails.streaming.stream import Stream
from tianji.guardrails.vendor import Hook
from tianji.guardrails.verdict import Answer, Block, Rewrite, Verdict


class Stage(Protocol):
    """One who judges, and how events wait for it. `outcome`: what came of it last."""

    name: str
    policy: Policy
    outcome: Outcome | None

    async def judge(self, content: Content) -> Verdict:
        """Judge what a stream has said. Raises what ends it at once."""


class OfGuardrail:
    """A guardrail. All its scans of a stream are one run."""

    def __init__(self, guardrail: Guardrail, judging: Judging) -> None:
        self.name = guardrail.name
        self.policy = policy_of(
            guardrail.streaming,
            reach=guardrail.reach,
            local=guardrail.look is not None,
            masks=Hook.POST_CALL in guardrail.type.masks,
        )
        self.outcome: Outcome | None = None
        self._guardrail = guardrail
        self._judging = judging

    async def judge(self, content: Content) -> Verdict:
        """Have it look. Raises GuardrailUnavailable."""
        outcome = await self._judging.run(self._guardrail, Hook.POST_CALL, content)
        verdict = outcome.verdict
        self.outcome = self._judging.joined(self.outcome, outcome)
        if verdict is None:
            raise GuardrailUnavailable(self.name)
        return verdict


class OfPolicy:
    """The pipeline of a policy, which sees the whole answer."""

    def __init__(self, policy: str, pipeline: Pipeline, judging: Judging) -> None:
        self.name = policy
        self.policy = Policy(Scan.END)
        self.outcome: Outcome | None = None
        self._pipeline = pipeline
        self._judging = judging

    async def judge(self, content: Content) -> Verdict:
        """Take its steps. Raises GuardrailBlocked."""
        return await self._judging.piped(self.name, self._pipeline, Hook.POST_CALL, content)


class OfTokens:
    """What puts back what was masked in the request."""

    def __init__(self, restoring: Restoring) -> None:
        self.name = "restoring"
        self.policy = Policy(Scan.WINDOW, hold=restoring.reach, every=1)
        self.outcome: Outcome | None = None
        self._restoring = restoring

    async def judge(self, content: Content) -> Verdict:
        """Replace tokens."""
        return self._restoring(content)


def stages_of(plan: Plan, turn: int, judging: Judging) -> list[Stage]:
    """Return who judges an answer, in order."""
    found: list[Stage] = [
        OfPolicy(name, pipeline, judging) for name, pipeline in plan.pipelines.get(Hook.POST_CALL, ())
    ]
    found.extend(OfGuardrail(guardrail, judging) for guardrail in plan.at(Hook.POST_CALL, turn))
    if judging.restoring.reach:
        found.append(OfTokens(judging.restoring))
    return found


class Stages:
    """One stream.

    held: bytes that came and have not gone out; changed: whether anything went out that is not as it came
    masked_by: who has covered something of it last, "" where nobody did
    """

    def __init__(self, stages: list[Stage], operation: str, judging: Judging, *, retells: bool = True) -> None:
        """`retells`: what goes out is kept for `told`."""
        self._stages = stages
        self._judging = judging
        self._stream = Stream(begin(operation), [Gate(stage.policy, judging.asked) for stage in stages])
        self._out: list[bytes] | None = [] if retells else None
        self._told = 0  # bytes of that
        self._answered = False
        self.changed = False
        self.masked_by = ""
        self.held = 0

    @property
    def asks(self) -> bool:
        """Whether somebody has to be asked now."""
        return not self._answered and bool(self._stream.questions())

    @property
    def done(self) -> bool:
        """Whether all has gone out."""
        return self._answered or self._stream.done

    @property
    def told(self) -> bytes | None:
        """All that went out, where that is not what came; nothing where it is more than anybody keeps."""
        if not self.changed:
            return None
        return b"" if self._out is None else b"".join(self._out)

    def feed(self, chunk: bytes, *, last: bool) -> bytes:
        """Take a piece; return what may go out. Raises UpstreamProtocolError for what nobody can judge."""
        if self._answered:
            return b""
        self.held += len(chunk)
        try:
            out = self._stream.feed(chunk)
            if last:
                out += self._stream.end()
        except Unreadable as error:
            raise UpstreamProtocolError("the answer cannot be read by those who have to judge it") from error
        return self._noted(out)

    async def ask(self) -> bytes:
        """Ask all who have something to judge; return what may go out then. Raises what the stream is refused with."""
        questions = self._stream.questions()
        verdicts = await asyncio.gather(*(self._stages[at].judge(question.content) for at, question in questions))
        out = b""
        for (at, _), verdict in zip(questions, verdicts, strict=True):
            try:
                out += self._stream.judged(at, verdict)
            except Mismatched as error:
                raise GuardrailUnavailable(self._stages[at].name) from error
            if isinstance(verdict, Rewrite):
                self.changed = True
                if not isinstance(self._stages[at], OfTokens):
                    self.masked_by = self._stages[at].name
        return self._noted(out) + self._stopped()

    def _stopped(self) -> bytes:
        """Return what ends the stream where a verdict did. Raises GuardrailBlocked for a refusal."""
        stopped = self._stream.stopped
        if stopped is None:
            return b""
        at, why = stopped
        outcome = self._stages[at].outcome
        if isinstance(why, Block) and outcome is not None:
            raise self._judging.blocked(outcome, why)
        self._answered = self.changed = True
        return self._noted(self._stream.refused(why.text if isinstance(why, Answer) else why.reason))

    def _noted(self, out: bytes) -> bytes:
        self.held = max(0, self.held - len(out))
        if out and self._out is not None:
            self._out.append(out)
            self._told += len(out)
            if self._told > LONGEST:  # of what is longer the ledger keeps nothing
                self._out = None
        return out

    def ending(self, error: TianjiError) -> bytes:
        """Return what ends the stream with an error."""
        return self._stream.failed(error)
