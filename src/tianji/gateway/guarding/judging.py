"""What the guardrails of one hook make of a body: one after another, each sees what those before it left."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from tianji.config.schema.sections import Pipeline
from tianji.errors import GuardrailBlocked, GuardrailUnavailable
from tianji.guardrails.content import Content, Text
from tianji.guardrails.guardrail import Guardrail, Route
from tianji.guardrails.running import Outcome, Runner, Status
from tianji.guardrails.selection import Plan
from tianji.guardrails.slots.texts import Mismatched, Unmaskable
from tianji.guardrails.vendor import Hook, Occasion
from tianji.guardrails.verdict import Advise, Allow, Answer, Block, Rewrite

UNMASKABLE = "what was found stands where nothing can be replaced"


class Document(Protocol):
    """A body as guardrails see it."""

    @property
    def content(self) -> Content:
        """What is in it."""

    def written(self, rewrite: Rewrite) -> bytes:
        """Return the body with a change."""


Read = Callable[[bytes], Document]


class Found(Struct):
    """What a hook came to.

    body: as it goes on, None where it is as it was; answer: what is said in the model's place; route: where the request
    goes instead; advice: further instructions for the model; restore: what tokens in the body stand for
    """

    document: Document
    body: bytes | None = None
    answer: Answer | None = None
    answered_by: Guardrail | None = None
    route: Route | None = None
    routed_by: Outcome | None = None
    advice: list[str] = []
    restore: dict[str, str] = {}


class Judging:
    """The runs of one request.

    occasion: makes what surrounds a run; session: which session the request belongs to, "" for none: only one that has
    one can be led elsewhere
    """

    def __init__(
        self, runner: Runner, occasion: Callable[[Guardrail, Hook], Occasion], session: str, block_status: int
    ) -> None:
        self._runner = runner
        self._occasion = occasion
        self._session = session
        self._block_status = block_status
        self.outcomes: list[Outcome] = []
        self.asked: tuple[Text, ...] = ()

    async def judge(self, hook: Hook, plan: Plan, turn: int, document: Document, read: Read) -> Found:
        """Have all guardrails of a hook judge. Raises GuardrailBlocked and GuardrailUnavailable."""
        found = Found(document)
        for policy, pipeline in plan.pipelines.get(hook, ()):
            await self._pipe(policy, pipeline, hook, plan, found, read)
            if found.answer is not None:
                return found
        guardrails = plan.at(hook, turn)
        for guardrail in guardrails:
            if guardrail.parallel:
                continue
            shown = document if guardrail.raw else found.document
            self._heed(await self.run(guardrail, hook, shown.content), found, shown, read)
            if found.answer is not None:
                return found
        await self._beside([one for one in guardrails if one.parallel], hook, found, document, read)
        return found

    async def _beside(
        self, guardrails: list[Guardrail], hook: Hook, found: Found, original: Document, read: Read
    ) -> None:
        """Run those that run beside each other; a refusal of any goes before what else they say."""
        if not guardrails:
            return
        contents = [(original if one.raw else found.document).content for one in guardrails]
        runs = [self.run(one, hook, content) for one, content in zip(guardrails, contents, strict=True)]
        outcomes = await asyncio.gather(*runs)
        for outcome in sorted(outcomes, key=lambda one: not isinstance(one.verdict, Block | None)):
            self._heed(outcome, found, found.document, read)

    async def run(self, guardrail: Guardrail, hook: Hook, content: Content) -> Outcome:
        """Run one guardrail and note what came of it."""
        shown = replace(content, asked=self.asked) if content.answers else content
        outcome = await self._runner.run(guardrail, shown, self._occasion(guardrail, hook))
        self.outcomes.append(outcome)
        return outcome

    def _heed(self, outcome: Outcome, found: Found, shown: Document, read: Read) -> None:
        verdict = outcome.verdict
        guardrail = outcome.guardrail
        if verdict is None:
            raise GuardrailUnavailable(guardrail.name)
        if isinstance(verdict, Block):
            if guardrail.route is None or outcome.hook is not Hook.PRE_CALL or not self._session:
                raise self.blocked(outcome, verdict)
            if found.route is None:
                found.route, found.routed_by = guardrail.route, outcome
        elif isinstance(verdict, Answer):
            found.answer, found.answered_by = verdict, guardrail
        elif isinstance(verdict, Advise):
            found.advice = [*found.advice, verdict.instructions]
        elif isinstance(verdict, Rewrite):
            self._rewrite(outcome, verdict, found, shown, read)

    def _rewrite(self, outcome: Outcome, rewrite: Rewrite, found: Found, shown: Document, read: Read) -> None:
        if shown is not found.document:  # it has changed what others have changed since
            raise self.blocked(outcome, Block(UNMASKABLE, findings=rewrite.findings))
        try:
            body = found.document.written(rewrite)
        except Unmaskable as error:
            raise self.blocked(outcome, Block(str(error) or UNMASKABLE, findings=rewrite.findings)) from error
        except Mismatched as error:
            raise GuardrailUnavailable(outcome.guardrail.name) from error
        found.body, found.document = body, read(body)
        found.restore = {**found.restore, **rewrite.restore}

    def blocked(self, outcome: Outcome, block: Block) -> GuardrailBlocked:
        """Return the error that the client gets for a refusal."""
        guardrail = outcome.guardrail
        position = next(i for i, one in enumerate(self.outcomes) if one is outcome)
        self.outcomes[position] = replace(outcome, status=Status.INTERVENED, verdict=block)
        specific = {
            "error": block.reason,
            **block.detail,
            "guardrail_name": guardrail.name,
            "guardrail_mode": outcome.hook,
        }
        return GuardrailBlocked(block.reason, guardrail=guardrail.name, specific=specific, status=self._block_status)

    # -- pipelines ------------------------------------------------------------------------------------------------

    async def _pipe(self, policy: str, pipeline: Pipeline, hook: Hook, plan: Plan, found: Found, read: Read) -> None:
        """Take the steps of a policy's pipeline, each of which says what follows from how it ends."""
        results: list[Mapping[str, Any]] = []
        for step in pipeline.steps:
            members = plan.steps.get(step.guardrail)
            if not members:
                results.append({"guardrail": step.guardrail, "outcome": "skip", "action": "next"})
                continue
            outcome = await self.run(members[0], hook, found.document.content)
            ended = ending(outcome)
            action = {"pass": step.on_pass, "fail": step.on_fail, "error": step.on_error or step.on_fail}[ended]
            results.append({"guardrail": step.guardrail, "outcome": ended, "action": action})
            if isinstance(outcome.verdict, Rewrite):
                self._rewrite(outcome, outcome.verdict, found, found.document, read)
            if action == "allow":
                return
            if action == "modify_response":
                found.answer = Answer(step.modify_response_message or reason(outcome))
                found.answered_by = outcome.guardrail
                return
            if action == "block":
                raise self._piped_block(policy, outcome, results)

    def _piped_block(self, policy: str, outcome: Outcome, results: list[Mapping[str, Any]]) -> GuardrailBlocked:
        context = {"policy": policy, "step_results": results}
        error = self.blocked(outcome, Block(reason(outcome)))
        error.specific = {
            **error.specific,
            "error": {"message": error.message, "type": "guardrail_pipeline_error", "pipeline_context": context},
        }
        return error


def ending(outcome: Outcome) -> str:
    """Say how a step of a pipeline ended."""
    if outcome.error:
        return "error"
    return "pass" if isinstance(outcome.verdict, Allow | Rewrite | Advise) else "fail"


def reason(outcome: Outcome) -> str:
    """Return what the client reads of a refusal."""
    verdict = outcome.verdict
    if isinstance(verdict, Block):
        return verdict.reason
    return verdict.text if isinstance(verdict, Answer) else "the policy does not let this pass"
