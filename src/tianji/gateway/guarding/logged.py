"""What logs and callbacks hear of a request, after those guardrails that look at logs alone (`logging_only`)."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from tianji.gateway.bookkeeping import LONGEST, said, whole
from tianji.gateway.guarding.judging import Judging
from tianji.gateway.guarding.request import Request
from tianji.guardrails.content import Direction
from tianji.guardrails.guardrail import Guardrail
from tianji.guardrails.slots.forms import Form, form_of
from tianji.guardrails.slots.texts import Mismatched, Unmaskable, Unreadable
from tianji.guardrails.vendor import Hook
from tianji.guardrails.verdict import Rewrite
from tianji.ledger.payloads import CUT

Payload = tuple[Any, ...]
"""The members of a ledger's Payload: messages, response, request, and what is no text."""
_DIRECTIONS: Final = {Direction.REQUEST: "input", Direction.RESPONSE: "output"}


class Backlog:
    """Entries of the ledger that wait for that: none of them is lost when the worker ends."""

    def __init__(self) -> None:
        self._jobs: dict[asyncio.Task[None], Callable[[], object]] = {}

    def begin(self, work: Coroutine[Any, Any, None], otherwise: Callable[[], object]) -> None:
        """Have `work` hand entries on; `otherwise` does so where there is no time for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._jobs[task] = otherwise
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        otherwise = self._jobs.pop(task, None)
        if otherwise is not None and (task.cancelled() or task.exception() is not None):
            otherwise()

    def close(self) -> None:
        """Hand everything on at once."""
        jobs, self._jobs = self._jobs, {}
        for task, otherwise in jobs.items():
            task.cancel()
            otherwise()


async def censored(payload: Payload, request: Request, judging: Judging) -> Payload:
    """Return what was said as guardrails leave it: nothing where one of them that has to judge cannot."""
    _, response, asked, *rest = payload
    guardrails = request.plan.at(Hook.LOGGING_ONLY, request.turn)
    response = whole(response)
    answer_form = form_of("chat") if response.startswith(CUT) else request.form
    try:
        asked = await _left(asked, request.form, Direction.REQUEST, guardrails, judging)
        response = await _left(response, answer_form, Direction.RESPONSE, guardrails, judging)
    except (Unreadable, Unmaskable, Mismatched, LookupError):
        return b"", b"", b"", *rest
    return said(asked, None, LONGEST)[0], response, asked, *rest


async def _left(text: bytes, form: Form, direction: Direction, guardrails: list[Guardrail], judging: Judging) -> bytes:
    """Return one side. Raises LookupError where somebody who has to judge could not."""
    if not text:
        return text
    document = form.read(direction, text)
    for guardrail in guardrails:
        if _DIRECTIONS[direction] not in guardrail.logs:
            continue
        outcome = await judging.run(guardrail, Hook.LOGGING_ONLY, document.content)
        if outcome.verdict is None:
            raise LookupError(guardrail.name)
        if isinstance(outcome.verdict, Rewrite):
            document = form.read(direction, document.written(outcome.verdict))
    return document.body
