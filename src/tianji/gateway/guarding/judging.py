"""What the guardrails of one hook make of a body: one after another, each sees what those before it left."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from tianji.config.schema.sections import Pipeline
from tianji.gateway.guarding.request import Request
from tianji.guardrails.content import Content, Text
from tianji.guardrails.failures import GuardrailBlocked, GuardrailUnavailable
from tianji.guardrails.guardrail import Guardrail, Route
from tianji.guardrails.running import Outcome, Runner, Status, merged
from tianji.guardrails.selection import Plan
from tianji.guardrails.slots.restoring import Restoring
from tianji.guardrails.slots.texts import Mismatched, Unmaskable
from tianji.guardrails.vendor import Hook
from tianji.guardrails.verdict import Advise, Allow, Answer, Block, Rewrite, Verdict

SEVERITY = (Status.NOT_RUN, Status.SUCCESS, Status.FLAGGED, Status.INTERVENED, Status.FAILED)
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
    route: Route | None = None
    advice: tuple[str, ...] = ()
    restore: dict[str, str] = {}


class Judging:
    """The runs of one request.

    body: the request as it went on; asked: its texts, for whoever judges the answer
    restoring: puts back what was masked in them; tokens: what was masked before in the same conversation, see Occasion
    """

    def __init__(self, runner: Runner, request: Request, block_status: int) -> None:
        self._runner = runner
        self._request = request
        self._block_status = block_status
        self.outcomes: list[Outcome] = []
        self.asked: tuple[Text, ...] = ()
        self.body = b""
        self.restoring = Restoring({})
        self.tokens: Mapping[str, str] = {}

    async def judge(self, hook: Hook, plan: Plan, document: Document, read: Read) -> Found:
        """Have all guardrails of a hook judge. Raises GuardrailBlocked and GuardrailUnavailable."""
        found = Found(document)
        for policy, pipeline in plan.pipelines.get(hook, ()):
            verdict = await self.piped(policy, pipeline, hook, found.document.content)
            self._heed(verdict, None, found, found.document, read)
            if found.answer is not None:
                return found
        guardrails = plan.at(hook, self._request.turn)
        for guardrail in guardrails:
            if guardrail.parallel:
                continue
            shown = document if guardrail.raw else found.document
            outcome = await self.run(guardrail, hook, shown.content)
            self._heed(self.followed(outcome), outcome, found, shown, read)
            if found.answer is not None:
                return found
        await self._beside([one for one in guardrails if one.parallel], hook, found, document, read)
        return found

    async def _beside(
        self, guardrails: list[Guardrail], hook: Hook, found: Found, original: Document, read: Read
    ) -> None:
        """Run those that run beside each other; a refusal of any goes before what else they say."""
        contents = [(original if one.raw else found.document).content for one in guardrails]
        runs = [self.run(one, hook, content) for one, content in zip(guardrails, contents, strict=True)]
        outcomes = await asyncio.gather(*runs)
        for outcome in sorted(outcomes, key=lambda one: not isinstance(one.verdict, Block | None)):
            self._heed(self.followed(outcome), outcome, found, found.document, read)

    async def run(self, guardrail: Guardrail, hook: Hook, content: Content) -> Outcome:
        """Run one guardrail and note what came of it."""
        shown = replace(content, asked=self.asked) if content.answers else content
        outcome = await self._runner.run(guardrail, shown, self._request.occasion(guardrail, hook, self.tokens))
        self.outcomes.append(outcome)
        return outcome

    def joined(self, first: Outcome | None, second: Outcome) -> Outcome:
        """Note that two outcomes are of one run, and return what it came to: what is worse counts."""
        if first is None:
            return second
        worse = first if SEVERITY.index(first.status) > SEVERITY.index(second.status) else second
        said = first.said if isinstance(first.said, Rewrite) and isinstance(second.said, Allow) else worse.said
        whole = replace(worse, said=said, began=first.began, ended=second.ended)
        self.outcomes[:] = [whole if one is first else one for one in self.outcomes if one is not second]
        return whole

    def followed(self, outcome: Outcome) -> Verdict | Route:
        """Return what follows from an outcome. Raises GuardrailBlocked and GuardrailUnavailable."""
        verdict, guardrail = outcome.verdict, outcome.guardrail
        if verdict is None:
            raise GuardrailUnavailable(guardrail.name)
        if isinstance(verdict, Block):
            leads = outcome.hook is Hook.PRE_CALL and self._request.session and not self._request.bound
            if not leads or guardrail.route is None:
                raise self.blocked(outcome, verdict)
            return guardrail.route
        return verdict

    def _heed(
        self, verdict: Verdict | Route, outcome: Outcome | None, found: Found, shown: Document, read: Read
    ) -> None:
        if isinstance(verdict, Route):
            found.route = found.route or verdict
        elif isinstance(verdict, Answer):
            found.answer = verdict
        elif isinstance(verdict, Advise):
            found.advice = (*found.advice, verdict.instructions)
        elif isinstance(verdict, Rewrite):
            outcome = outcome or self.outcomes[-1]
            if shown is not found.document:  # it changes what others have changed since
                raise self.blocked(outcome, Block(UNMASKABLE, findings=verdict.findings))
            found.body = self._written(outcome, verdict, found.document)
            found.document = read(found.body)
            found.restore = {**found.restore, **verdict.restore}

    def _written(self, outcome: Outcome, rewrite: Rewrite, document: Document) -> bytes:
        try:
            return document.written(rewrite)
        except Unmaskable as error:
            raise self.blocked(outcome, Block(str(error) or UNMASKABLE, findings=rewrite.findings)) from error
        except Mismatched as error:
            raise GuardrailUnavailable(outcome.guardrail.name) from error

    def blocked(self, outcome: Outcome, block: Block) -> GuardrailBlocked:
        """Return the error that the client gets for a refusal, which the outcome becomes."""
        position = next(at for at, one in enumerate(self.outcomes) if one is outcome)
        self.outcomes[position] = replace(outcome, status=Status.INTERVENED, verdict=block)
        name = outcome.guardrail.name
        about = {"guardrail_name": name, "guardrail_mode": outcome.hook}
        error = GuardrailBlocked(block.reason, name, {"error": block.reason, **block.detail, **about})
        error.status = self._block_status
        return error

    # -- pipelines ------------------------------------------------------------------------------------------------

    async def piped(self, policy: str, pipeline: Pipeline, hook: Hook, content: Content) -> Verdict:
        """Take the steps of a policy's pipeline: what follows from each it says itself. Raises GuardrailBlocked."""
        results: list[Mapping[str, Any]] = []
        found: Verdict = Allow()
        for step in pipeline.steps:
            members = self._request.plan.steps.get(step.guardrail)
            if not members:
                results.append({"guardrail": step.guardrail, "outcome": "skip", "action": "next"})
                continue
            outcome = await self.run(members[0], hook, content)
            ended = ending(outcome)
            action = {"pass": step.on_pass, "fail": step.on_fail, "error": step.on_error or step.on_fail}[ended]
            results.append({"guardrail": step.guardrail, "outcome": ended, "action": action})
            if isinstance(outcome.verdict, Rewrite):
                both = merged(found, outcome.verdict)
                found = replace(both, spans=()) if isinstance(both, Rewrite) else both
                content = rewritten(content, outcome.verdict)
            if action == "allow":
                return found
            if action == "modify_response":
                return Answer(step.modify_response_message or reason(outcome))
            if action == "block":
                raise self._piped_block(policy, outcome, results)
        return found

    def _piped_block(self, policy: str, outcome: Outcome, results: list[Mapping[str, Any]]) -> GuardrailBlocked:
        error = self.blocked(outcome, Block(reason(outcome)))
        context = {"policy": policy, "step_results": results}
        said = {"message": error.message, "type": "guardrail_pipeline_error", "pipeline_context": context}
        error.specific = {**(error.specific or {}), "error": said}
        return error


def rewritten(content: Content, rewrite: Rewrite) -> Content:
    """Return a content as a change leaves it."""
    texts = list(content.texts)
    for index, text in rewrite.texts.items():
        texts[index] = replace(texts[index], text=text)
    return replace(content, texts=tuple(texts), tools=content.tools if rewrite.tools is None else rewrite.tools)


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
