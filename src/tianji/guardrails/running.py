"""How one guardrail is run on one content: in time, in pieces, and whatever happens with an outcome."""

import asyncio
import logging
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from tianji.guardrails.asking import Caller, Line
from tianji.guardrails.content import Content
from tianji.guardrails.guardrail import Action, Guardrail
from tianji.guardrails.novelty import Novelty
from tianji.guardrails.scoping import Piece, pieces
from tianji.guardrails.slots.scope import View
from tianji.guardrails.slots.texts import Mismatched
from tianji.guardrails.vendor import Asking, Call, Check, Hook, Occasion, Question, Reply, Sight
from tianji.guardrails.verdict import (
    NOTHING,
    UNSEEN,
    Advise,
    Allow,
    Answer,
    Block,
    Findings,
    Rewrite,
    Unavailable,
    Verdict,
)

LOG: Final = logging.getLogger("tianji.guardrails")
UNCHANGEABLE: Final = "what was found can only be refused here"


class Status(StrEnum):
    """How a run ended, in the words of LiteLLM's logs."""

    SUCCESS = "success"
    FLAGGED = "guardrail_flagged"
    INTERVENED = "guardrail_intervened"
    FAILED = "guardrail_failed_to_respond"
    NOT_RUN = "not_run"


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of a run.

    verdict: what follows from it; None: it could not judge and lets nothing pass
    said: the verdict of the guardrail itself, before its entry had its word; error: why there is none
    unseen: how many attachments it could not look at
    began, ended: seconds since 1970
    """

    guardrail: Guardrail
    hook: Hook
    status: Status
    verdict: Verdict | None
    began: float
    ended: float
    said: Verdict | None = None
    error: str = ""
    unseen: int = 0

    @property
    def findings(self) -> Findings:
        """Return what was found."""
        return NOTHING if self.said is None else self.said.findings


class _Tried(NamedTuple):
    """What came of a check: a verdict, or why there is none; `permanent`: as Unavailable has it."""

    said: Verdict | None = None
    error: str = ""
    permanent: bool = False


class Runner:
    """Runs the guardrails of one worker. `now` is seconds since 1970."""

    def __init__(self, caller: Caller, heard: Callable[[Outcome], None], now: Callable[[], float] = time.time) -> None:
        """`heard`: told of each run, for metrics."""
        self._caller = caller
        self._heard = heard
        self._now = now
        self._novelty = Novelty(time.monotonic)

    async def run(self, guardrail: Guardrail, content: Content, occasion: Occasion) -> Outcome:
        """Run a guardrail on a content. Raises nothing but CancelledError."""
        began = self._now()
        tried = _Tried()
        view = guardrail.scope.view(content)
        remembers = guardrail.only_new and not content.answers
        if remembers:
            view = self._novelty.fresh(view, guardrail.id, occasion)
        unseen = blind(guardrail.sees, view.content)
        if not guardrail.sees & Sight.FILES:
            view = replace(view, content=replace(view.content, files=()))
        empty = is_empty(view.content)
        if unseen and guardrail.strict and occasion.hook is not Hook.LOGGING_ONLY:
            tried, empty = _Tried(Block(UNSEEN)), False
        elif not empty:
            tried = await self._tried(guardrail, view, occasion)
        said, error = tried.said, tried.error
        if remembers and isinstance(said, Allow) and not said.flagged:
            self._novelty.passed(view.content, guardrail.id, occasion)
        verdict = Allow() if empty else self._followed(guardrail, said, occasion.hook, permanent=tried.permanent)
        if error:
            passes = "passes" if verdict is not None else "is stopped"
            LOG.warning("guardrail %s could not judge, so the request %s: %s", guardrail.name, passes, error)
        outcome = Outcome(
            guardrail=guardrail,
            hook=occasion.hook,
            status=Status.NOT_RUN if empty else status_of(said, verdict),
            verdict=verdict,
            began=began,
            ended=self._now(),
            said=said,
            error=error,
            unseen=unseen,
        )
        self._heard(outcome)
        return outcome

    async def _tried(self, guardrail: Guardrail, view: View, occasion: Occasion) -> _Tried:
        try:
            return _Tried(await self._judged(guardrail, view, occasion))
        except Mismatched as failure:
            return _Tried(error=str(failure))
        except Unavailable as failure:
            return _Tried(error=failure.reason, permanent=failure.permanent)
        except TimeoutError:
            return _Tried(error=f"it did not answer within {guardrail.timeout:g} s")
        except Exception as fault:  # boundary: code of a type, which may be anybody's
            LOG.error("guardrail %s failed", guardrail.name, exc_info=fault)
            return _Tried(error=f"its check failed: {type(fault).__name__}")

    def _followed(self, guardrail: Guardrail, said: Verdict | None, hook: Hook, *, permanent: bool) -> Verdict | None:
        if said is None:
            return Allow() if guardrail.fails_open and not permanent else None
        return followed(guardrail, said, hook)

    async def _judged(self, guardrail: Guardrail, view: View, occasion: Occasion) -> Verdict:
        found: Verdict = Allow()
        if guardrail.look is not None:
            found = guardrail.look(view.content, occasion)
            if guardrail.check is None or isinstance(found, Block | Answer):
                return of_whole(view, found)
        line = self._caller.line(guardrail.id)
        try:
            async with asyncio.timeout(guardrail.timeout):
                for one in pieces(view.content, guardrail.type.longest):
                    verdict = _back(one, await self._asked(guardrail, line, one.content, occasion))
                    found = merged(found, verdict)
                    if isinstance(verdict, Rewrite) and verdict.restore:  # no later piece gives a token again
                        occasion = replace(occasion, tokens={**occasion.tokens, **verdict.restore})
                    if isinstance(found, Block | Answer):
                        break
        except (Unavailable, TimeoutError):
            line.breaker.missed()
            raise
        return of_whole(view, found)

    async def _asked(self, guardrail: Guardrail, line: Line, content: Content, occasion: Occasion) -> Verdict:
        if guardrail.service is not None:
            line.breaker.admit()
            kind: Any = guardrail.type
            verdict = await guardrail.service(
                content, occasion, lambda call: self._caller.ask(call, kind, line, stored=True)
            )
            line.breaker.heard()
            return verdict
        check: Check | None = guardrail.check
        if check is None:
            raise Unavailable("its type judges nothing", permanent=True)
        asking = check(content, occasion)
        try:
            return await self._driven(asking, guardrail, line, occasion)
        finally:
            asking.close()

    async def _driven(self, asking: Asking, guardrail: Guardrail, line: Line, occasion: Occasion) -> Verdict:
        """Ask what a check wants to know until it has its verdict: its vendor is well then, if that was asked."""
        asked = False
        try:
            calls = next(asking)
            line.breaker.admit()
            asked = True
            while True:
                replies: list[Reply] = []
                if len(calls) == 1:
                    replies.append(await self._reply(calls[0], guardrail, line, occasion))
                else:
                    async with asyncio.TaskGroup() as group:
                        runs = [self._reply(call, guardrail, line, occasion) for call in calls]
                        tasks = [group.create_task(run) for run in runs]
                    replies.extend(task.result() for task in tasks)
                calls = asking.send(replies)
        except StopIteration as done:
            if asked:
                line.breaker.heard()
            verdict: Verdict = done.value
            return verdict
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _reply(self, call: Call | Question, guardrail: Guardrail, line: Line, occasion: Occasion) -> Reply:
        if isinstance(call, Question):
            return await self._caller.consult(marked(call, occasion), line)
        kind: Any = guardrail.type
        return await self._caller.ask(call, kind, line, stored=guardrail.stored)


def marked(question: Question, occasion: Occasion) -> Question:
    """Return a question with what its entry in the ledger says: who asks, and in which session."""
    metadata = {"tags": [f"guardrail:{occasion.name}"], "session_id": occasion.trace_id}
    return replace(question, body={**question.body, "litellm_metadata": metadata})


def is_empty(content: Content) -> bool:
    """Whether there is nothing to look at."""
    return not (content.texts or content.images or content.files or content.tools or content.calls)


def blind(sight: Sight, content: Content) -> int:
    """Return how many attachments of a content nobody looks at who has this sight."""
    images = 0 if sight & Sight.IMAGES else len(content.images)
    return images + (0 if sight & Sight.FILES else len(content.files))


def of_whole(view: View, verdict: Verdict) -> Verdict:
    """Return a verdict on what is in scope as one on everything. Raises Mismatched for what is not in scope."""
    return view.whole(verdict) if isinstance(verdict, Rewrite) else verdict


def _back(piece: Piece, verdict: Verdict) -> Verdict:
    return piece.back(verdict) if isinstance(verdict, Rewrite) else verdict


def merged(first: Verdict, second: Verdict) -> Verdict:
    """Return what two pieces of one content come to: a refusal goes before everything, a change before nothing."""
    if isinstance(first, Rewrite) and isinstance(second, Rewrite):
        return replace(
            first,
            texts={**first.texts, **second.texts},
            restore={**first.restore, **second.restore},
            calls={**first.calls, **second.calls},
            spans=(*first.spans, *second.spans),
        )
    rank = (Block, Answer, Rewrite, Advise)
    for kind in rank:
        for one in (first, second):
            if isinstance(one, kind):
                return one
    return second if isinstance(second, Allow) and second.flagged else first


def followed(guardrail: Guardrail, said: Verdict, hook: Hook) -> Verdict:
    """Return what follows from a verdict, by the word of the entry and by where it was said."""
    if isinstance(said, Rewrite) and hook is not Hook.LOGGING_ONLY:
        if guardrail.parallel:
            return Allow(findings=said.findings)
        if hook not in guardrail.type.masks or hook in (Hook.DURING_CALL, Hook.DURING_MCP_CALL):
            said = Block(UNCHANGEABLE, findings=said.findings)
    if isinstance(said, Advise) and hook is not Hook.PRE_CALL:
        return Allow(findings=said.findings)
    if isinstance(said, Block):
        if guardrail.action is Action.MONITOR:
            return Allow(said.reason or "refused", said.findings)
        reason = rendered(guardrail, said)
        if guardrail.action is Action.ANSWER:
            return Answer(reason, said.findings)
        return replace(said, reason=reason)
    return said


def rendered(guardrail: Guardrail, block: Block) -> str:
    """Return what the client reads: the entry's template where it has one that can be filled."""
    if guardrail.template is None:
        return block.reason
    words = {name: str(value) for name, value in block.detail.items()}
    words |= {
        "default_message": block.reason,
        "guardrail_name": guardrail.name,
        "category": ", ".join(block.findings.categories),
    }
    text = guardrail.template
    for name, value in words.items():
        text = text.replace("{" + name + "}", value)
    return text


def status_of(said: Verdict | None, verdict: Verdict | None) -> Status:
    """Return how a run ended."""
    if said is None:
        return Status.FAILED
    if isinstance(verdict, Block | Answer):
        return Status.INTERVENED
    if isinstance(said, Block | Answer) or (isinstance(said, Allow) and said.flagged):
        return Status.FLAGGED
    return Status.SUCCESS
