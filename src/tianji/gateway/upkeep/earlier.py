"""What deployments and providers spent of their budgets before this gateway began: read back from the ledger.

Nobody waits for that; until it is known, a budget counts from what is in memory. It is asked for again, ever more
rarely: journals of a gateway that was killed, and what one has under way that is replaced, get to the ledger late.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

from tianji import lazy
from tianji.clock import SYSTEM, Clock
from tianji.errors import StoreUnavailable
from tianji.gateway.upkeep.budgets import Account
from tianji.storage.store import Store

JOB: Final = 7  # its number among those that workers take turns at, see tianji.management.schedule
SOONEST: Final = 1.0  # seconds between two questions
RARER: Final = 2  # the time until the next question is this part of that since the beginning


class Earlier:
    """Asks for it, on one worker of a machine at a time."""

    def __init__(self, begun: float, store: Store, accounts: Iterable[Account], clock: Clock = SYSTEM) -> None:
        """`begun`: when memory began to count, seconds since 1970."""
        self._begun = begun
        self._store = store
        self._accounts = accounts
        self._clock = clock

    async def run(self) -> None:
        """Ask whenever it is time for that, without end."""
        while True:
            if self.due():
                await self.ask()
            await asyncio.sleep(SOONEST)

    def due(self) -> bool:
        """Whether it is time to ask, and this worker's turn."""
        rest = max(SOONEST, (self._clock.now() - self._begun) / RARER)
        return self._store.revisions.claim(JOB, int(self._clock.monotonic() * 1000), int(rest * 1000))

    async def ask(self) -> None:
        """Ask for all budgets in whose periods the gateway began, and let them know."""
        if not await asyncio.to_thread(lambda: self._store.location.exists):
            return
        for account in self._accounts:
            begins, ends = account.period(self._clock.now())
            if begins >= self._begun:
                continue
            try:
                spent = await lazy.load("tianji.limiting.history").of_server(
                    await self._store.open(), account.kind, account.holder, begins, self._begun
                )
            except StoreUnavailable:
                return
            account.learn(spent, ends, self._clock.now(), self._clock.monotonic())
