"""What other machines spent of the budgets of deployments and providers, where machines share a Valkey or Redis.

One worker of a machine tells and hears it at a time, and no request waits for that: between two rounds a budget may be
passed by what the others spend. Without the store a machine goes on with what it heard last.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Protocol

from tianji.clock import SYSTEM, Clock
from tianji.gateway.upkeep.budgets import Account
from tianji.storage.spending import Sum

INTERVAL: Final = 0.5  # seconds between rounds
PATIENCE: Final = 2.0  # seconds that the store may take

LOG: Final = logging.getLogger("tianji.gateway")


class Store(Protocol):
    """Where machines meet; storage.spending.SpendingStore."""

    async def exchange(self, sums: Sequence[Sum], now: float) -> list[int]:
        """Say what was spent here; what all others spent of the same. Raises OSError."""


class Elsewhere:
    """The rounds of one machine."""

    def __init__(
        self,
        accounts: Iterable[Account],
        store: Store,
        leads: Callable[[float], bool],
        clock: Clock = SYSTEM,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """`leads`: whether this worker does what one of its machine does, at a time of the clock's `monotonic`."""
        self._accounts = list({account.name: account for account in accounts}.values())
        self._store = store
        self._leads = leads
        self._clock = clock
        self._sleep = sleep
        self._away = False

    async def run(self) -> None:
        """Make rounds until cancelled, as long as this worker leads those of its machine."""
        while True:
            if self._leads(self._clock.monotonic()):
                await self.step()
            await self._sleep(INTERVAL)

    async def step(self) -> bool:
        """Make one round; whether the store answered."""
        now = self._clock.now()
        sums = [Sum(account.name, account.period(now)[1], account.spent_here(now)) for account in self._accounts]
        try:
            async with asyncio.timeout(PATIENCE):
                others = await self._store.exchange(sums, now)
        except OSError as error:  # a TimeoutError is one
            if not self._away:
                LOG.warning("budgets are not shared with other machines until the store answers: %r", error)
            self._away = True
            return False
        if self._away:
            LOG.info("budgets are shared with other machines again")
        self._away = False
        for account, said, spent in zip(self._accounts, sums, others, strict=True):
            account.learn(spent, said.ends, self._clock.now(), self._clock.monotonic())
        return True
