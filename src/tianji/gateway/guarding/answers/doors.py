"""How an answer waits for those who have to judge it: whole, or piece by piece where it is a stream of events.

A door takes pieces as they come and lets out what may go. It is open for an answer that nobody looks at.
"""

import functools
from collections.abc import Coroutine
from typing import Any, Final, Protocol

from tianji.errors import TianjiError, UpstreamProtocolError
from tianji.gateway.guarding import forms
from tianji.gateway.guarding.answers.stages import Stages
from tianji.gateway.guarding.judging import Judging
from tianji.gateway.guarding.request import Request
from tianji.guardrails.selection import Plan
from tianji.guardrails.vendor import Hook
from tianji.guardrails.verdict import Rewrite

HELD: Final = 256 * 1024  # bytes that may wait for a verdict before the upstream has to wait, too


class Keeper(Protocol):
    """Whose door it is."""

    @property
    def waits(self) -> bool:
        """Whether somebody still looks at the request, so that nothing may go out."""

    async def request_passed(self) -> None:
        """Wait until nobody looks at the request any more. Raises what it is refused with."""

    def begin(self, work: Coroutine[Any, Any, None]) -> object:
        """Have something done; what it raises is the answer."""

    def send(self, chunk: bytes, *, last: bool, told: bytes | None = None) -> None:
        """Let a piece out. `told`: all that went out, where that is not what came; with the last piece."""

    def refuse(self, error: TianjiError) -> None:
        """End the answer with an error."""

    def hold(self, *, wait: bool) -> None:
        """Have whoever answers wait, or go on."""


class Door(Protocol):
    """One answer's."""

    def take(self, chunk: bytes, *, last: bool) -> None:
        """Take a piece."""

    def passed(self) -> None:
        """Hear that nobody looks at the request any more."""

    def ending(self, error: TianjiError) -> bytes:
        """Return what ends a stream that has begun with an error."""


class Open:
    """Everything goes out as it comes."""

    def __init__(self, keeper: Keeper, request: Request) -> None:
        self._keeper = keeper
        self._request = request

    def take(self, chunk: bytes, *, last: bool) -> None:
        """Let it out."""
        self._keeper.send(chunk, last=last)

    def passed(self) -> None:
        """Do nothing: it was open before."""

    def ending(self, error: TianjiError) -> bytes:
        """Return the event that says an error in the client's dialect."""
        return forms.error_event(self._request, error)


class Sealed:
    """Nothing goes out at all."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def take(self, chunk: bytes, *, last: bool) -> None:
        """Refuse it."""
        del chunk, last
        self._keeper.refuse(UpstreamProtocolError("the answer is compressed, so nobody can judge it"))

    def passed(self) -> None:
        """Do nothing: it stays shut."""

    def ending(self, error: TianjiError) -> bytes:
        """Return nothing: nothing has begun."""
        del error
        return b""


class Closed:
    """Nothing goes out before all was judged; where only the request is, before that has passed.

    Where the client wants to know what guardrails did, the answer waits until it can say that.
    """

    def __init__(self, keeper: Keeper, request: Request, judging: Judging, plan: Plan | None, largest: int) -> None:
        """`plan`: what the answer meets, None for nothing; largest: bytes that are held at most."""
        self._keeper = keeper
        self._request = request
        self._judging = judging
        self._plan = plan
        self._largest = largest
        self._pieces: list[bytes] = []
        self._size = 0
        self._whole = False

    def take(self, chunk: bytes, *, last: bool) -> None:
        """Keep it; with the last one all is judged."""
        if self._plan is None and not self._keeper.waits and not self._request.shows:
            self._keeper.send(chunk, last=last)
            return
        self._pieces.append(chunk)
        self._size += len(chunk)
        self._whole = last
        if self._size > self._largest:
            self._keeper.refuse(UpstreamProtocolError("the answer is longer than what can be held to be judged"))
        elif last:
            self._keeper.begin(self._judge())

    def passed(self) -> None:
        """Let out what came so far, where nobody looks at that."""
        if self._plan is None and self._pieces and not self._whole and not self._request.shows:
            pieces, self._pieces = self._pieces, []
            self._keeper.send(b"".join(pieces), last=False)

    async def _judge(self) -> None:
        await self._keeper.request_passed()
        body = b"".join(self._pieces)
        told = None if self._plan is None else await self._judged(body, self._plan)
        if self._request.shows:
            told = forms.with_information(body if told is None else told, self._judging.outcomes)
        self._keeper.send(body if told is None else told, last=True, told=told)

    async def _judged(self, body: bytes, plan: Plan) -> bytes | None:
        """Return the answer as guardrails leave it; None where it is as it was."""
        read = functools.partial(forms.read_answer, self._request.form)
        found = await self._judging.judge(Hook.POST_CALL, plan, read(body), read)
        if found.answer is not None:
            return forms.answer(self._request, self._judging.body, found.answer.text, "whole").body
        restored = self._judging.restoring(found.document.content)
        return found.document.written(restored) if isinstance(restored, Rewrite) else found.body

    def ending(self, error: TianjiError) -> bytes:
        """Return the event that says an error: only what nobody looks at has begun."""
        return forms.error_event(self._request, error)


class Flowing:
    """Events go out when they were judged, in their order."""

    def __init__(self, keeper: Keeper, stages: Stages, largest: int) -> None:
        self._keeper = keeper
        self._stages = stages
        self._largest = largest
        self._early: list[bytes] = []  # what may go out as soon as the request has passed
        self._asking = False

    def take(self, chunk: bytes, *, last: bool) -> None:
        """Read it, let out what may go, and have judged what has to be."""
        try:
            self._let(self._stages.feed(chunk, last=last))
        except TianjiError as error:
            self._keeper.refuse(error)
            return
        if self._stages.held > self._largest:
            self._keeper.refuse(UpstreamProtocolError("the answer is longer than what can be held to be judged"))
        elif self._asking:
            self._keeper.hold(wait=self._stages.held > HELD)
        elif self._stages.asks or self._keeper.waits:
            self._asking = True
            self._keeper.begin(self._ask())
        else:
            self._finish()

    def passed(self) -> None:
        """Do nothing: whoever asks has waited for that."""

    async def _ask(self) -> None:
        await self._keeper.request_passed()
        self._let(b"")
        while self._stages.asks:
            self._let(await self._stages.ask())
        self._asking = False
        self._keeper.hold(wait=False)
        self._finish()

    def _let(self, out: bytes) -> None:
        if self._keeper.waits:
            self._early.append(out)
            return
        early, self._early = self._early, []
        out = b"".join((*early, out))
        if out:
            self._keeper.send(out, last=False)

    def _finish(self) -> None:
        if self._stages.done:
            self._keeper.send(b"", last=True, told=self._stages.told)

    def ending(self, error: TianjiError) -> bytes:
        """Return what ends the stream with an error, in the sequence that it has begun."""
        return self._stages.ending(error)
