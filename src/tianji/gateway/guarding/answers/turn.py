"""One answer in a conversation, on its way through those who judge it: its messages wait until they were judged."""

import asyncio
import logging
from typing import Final, Protocol

from tianji.errors import TianjiError
from tianji.gateway.guarding.answers.stages import Stages
from tianji.guardrails.failures import GuardrailBlocked
from tianji.guardrails.streaming.events import lined, unlined

LOG: Final = logging.getLogger("tianji.guardrails")
ALOUD: Final = "what is said aloud cannot be changed"


class Hearer(Protocol):
    """Who holds the conversation."""

    def let(self, messages: list[bytes]) -> None:
        """Say messages that have passed."""

    def refuse(self, error: TianjiError) -> None:
        """Say no more of the answer."""

    def over(self) -> None:
        """Hear that all of it was said."""


class Turn:
    """Takes the messages of one answer."""

    def __init__(self, stages: Stages, hearer: Hearer) -> None:
        self._stages = stages
        self._hearer: Hearer | None = hearer
        self._task: asyncio.Task[None] | None = None
        self._aloud = False

    @property
    def held(self) -> int:
        """Bytes that wait."""
        return self._stages.held

    def take(self, message: bytes, *, last: bool, aloud: bool) -> None:
        """Take a message; what may be said goes to the hearer. `aloud`: sound belongs to it, which nobody can mask."""
        if self._hearer is None:
            return
        self._aloud = self._aloud or aloud
        try:
            out = self._stages.feed(lined(message), last=last)
        except TianjiError as error:
            self._refuse(error)
            return
        self._let(out)
        if self._stages.asks and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._ask())

    async def _ask(self) -> None:
        try:
            while self._stages.asks:
                out = await self._stages.ask()
                if self._aloud and self._stages.masked_by:
                    raise GuardrailBlocked(ALOUD, self._stages.masked_by)
                self._let(out)
        except TianjiError as error:
            self._refuse(error)
        except Exception:  # boundary: a verdict that nobody foresaw
            LOG.exception("a guardrail's verdict could not be followed")
            self._refuse(TianjiError("Internal server error"))
        else:
            self._task = None

    def _let(self, out: bytes) -> None:
        hearer = self._hearer
        if hearer is None:
            return
        if out:
            hearer.let(unlined(out))
        if self._stages.done:
            self._hearer = None
            hearer.over()

    def _refuse(self, error: TianjiError) -> None:
        hearer, self._hearer = self._hearer, None
        if hearer is not None:
            hearer.refuse(error)

    def close(self) -> None:
        """Judge no more."""
        self._hearer = None
        if self._task is not None:
            self._task.cancel()
