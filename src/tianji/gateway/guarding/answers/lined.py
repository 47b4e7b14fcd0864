"""How a file of answers, a line each, waits for those who have to judge it: line by line, in its order.

A line that is refused becomes one that says so; all others go out. A file that holds no such answers goes out as it is.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from tianji.errors import TianjiError, UpstreamProtocolError
from tianji.gateway.guarding.answers.doors import HELD, Keeper
from tianji.guardrails.slots import results
from tianji.guardrails.slots.results import Result
from tianji.guardrails.slots.texts import Unreadable

BESIDE: Final = 16  # lines that are judged at a time
LONGEST: Final = 16 * 1024 * 1024  # bytes of one line
Judge = Callable[[Result], Awaitable[bytes]]
"""Returns the answer of a line as guardrails leave it. Raises what it is refused with."""


class Lined:
    """One file's door."""

    def __init__(self, keeper: Keeper, judge: Judge) -> None:
        self._keeper = keeper
        self._judge = judge
        self._judges: bool | None = None  # whether there are answers; unknown before the first line
        self._pieces: list[bytes] = []  # of the line that has begun
        self._waiting: list[bytes] = []  # lines, each with its end
        self._size = 0  # bytes of both
        self._changed = False
        self._whole = False
        self._busy = False

    def take(self, chunk: bytes, *, last: bool) -> None:
        """Take a piece."""
        self._whole = last
        self._size += len(chunk)
        self._cut(chunk)
        if self._judges is None:
            self._judges = self._holds_answers()
        if last or self._judges is False:  # nobody needs whole lines of what is not judged
            self._waiting += [b"".join(self._pieces)] if self._pieces else []
            self._pieces = []
        if sum(map(len, self._pieces)) > LONGEST:
            self._keeper.refuse(UpstreamProtocolError(f"a line of the answer is over {LONGEST} bytes"))
        elif self._busy:
            self._keeper.hold(wait=self._size > HELD)
        elif self._judges is False and not self._keeper.waits:
            self._let()
        elif self._waiting or last:
            self._busy = True
            self._keeper.begin(self._work())

    def _cut(self, chunk: bytes) -> None:
        first, *lines = chunk.split(b"\n")
        for line in lines:
            self._waiting.append(b"".join((*self._pieces, first, b"\n")))
            self._pieces, first = [], line
        if first:
            self._pieces.append(first)

    def _holds_answers(self) -> bool | None:
        """Return whether the first line looks like an answer; None before it is known."""
        first = next((line for line in (*self._waiting, b"".join(self._pieces)) if line.strip()), None)
        if first is None:
            return False if self._whole else None
        if first.endswith(b"\n") or self._whole:
            return results.is_result(first)
        return None if first.lstrip().startswith(b"{") else False

    def passed(self) -> None:
        """Do nothing: whoever works has waited for that."""

    async def _work(self) -> None:
        await self._keeper.request_passed()
        while self._waiting:
            lines, self._waiting = self._waiting[:BESIDE], self._waiting[BESIDE:]
            told = [*await asyncio.gather(*map(self._line, lines))] if self._judges else lines
            self._changed = self._changed or told != lines
            self._size -= sum(map(len, lines))
            self._keeper.send(b"".join(told), last=False)
        self._busy = False
        self._keeper.hold(wait=False)
        if self._whole:
            self._let()

    def _let(self) -> None:
        """Let out what nobody has to judge. Of a file that was changed the ledger keeps nothing."""
        lines, self._waiting, self._size = self._waiting, [], 0
        self._keeper.send(b"".join(lines), last=self._whole, told=b"" if self._changed else None)

    async def _line(self, line: bytes) -> bytes:
        """Return a line as it goes out."""
        bare = line.rstrip(b"\r\n")
        if not bare.strip():
            return line
        end = line[len(bare) :]
        try:
            result = results.read(bare)
        except Unreadable as error:
            said = UpstreamProtocolError(f"nobody can judge this line of the answer: {error}")
            return results.refusal(None, said, of_messages=b'"result"' in bare) + end
        if result.body is None:
            return line
        try:
            body = await self._judge(result)
        except TianjiError as error:
            return result.refused(error) + end
        return line if body == result.body else result.written(body) + end

    def ending(self, error: TianjiError) -> bytes:
        """Return a line that says an error."""
        return results.refusal(None, error, of_messages=False) + b"\n"
