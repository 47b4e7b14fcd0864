"""Budgets of single models and windows as others spend them: on other machines, and in entries that wait in a journal.

No row of the database is theirs, so whoever takes entries in cannot tell what was spent of them. A worker asks for that
itself, of those that it counts and that moved since it asked last.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from tianji._core.limits.limiter import LimitTable
from tianji.errors import StoreUnavailable
from tianji.limiting.holding import Held

EVERY: Final = 5  # looks until it is asked again
AT_ONCE: Final = 200  # budgets that are asked for one after another; the others have their turn later

Spent = Callable[[Held, float], Awaitable[tuple[int, float | None]]]
"""Gives what was spent of a budget in the period at a moment, seconds since 1970, and the end of that period."""


class Parts:
    """Those budgets, as far as this worker counts them."""

    def __init__(self, table: LimitTable, spent: Spent, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._spent = spent
        self._monotonic = monotonic
        self._known: dict[str, tuple[Held, object]] = {}  # and how it stood when it was asked for last
        self._looks = 0
        self._asking: asyncio.Task[None] | None = None

    def watch(self, held: Held) -> None:
        """Ask for this one from now on; it goes before what was known by its name."""
        known = self._known.get(held.limit.name)
        self._known[held.limit.name] = held, None if known is None else known[1]

    def look(self) -> None:
        """Begin to ask, where it is time for that. To be called once a second, on the loop."""
        self._looks += 1
        if self._looks % EVERY == 0 and self._known and (self._asking is None or self._asking.done()):
            self._asking = asyncio.get_running_loop().create_task(self.ask())

    async def ask(self) -> None:
        """Ask for all that moved."""
        now = self._monotonic()
        stands = {name: held.limit.money(now) for name, (held, _) in self._known.items()}
        moved = [name for name, stand in stands.items() if stand != self._known[name][1]][:AT_ONCE]
        for name in moved:
            held = self._known[name][0]
            if stands[name] is None:  # it gave way to another one; whoever needs it again has it loaded
                del self._known[name]
                continue
            try:
                held.limit.learn(*await self._spent(held, now + self._table.shift), self._monotonic())
            except StoreUnavailable:
                return
            self._known[name] = held, held.limit.money(self._monotonic())
