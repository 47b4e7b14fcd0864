"""Limits of callers that hold over several machines. Who has something left of a lease asks nobody.

Without it a request waits for the store, in which machines meet, but never for longer than PATIENCE. Who asks while an
answer is under way is asked for together with all others who do, so a worker has one question under way at a time. A
store that is away or slow leaves each machine with its share of a limit, until one worker, which looks twice a second,
finds it well again. The same worker gives back what lies idle.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Protocol

from tianji._core.limits.leases import ANSWERED_WITHIN, Leases, Loan
from tianji._core.limits.limiter import Limit, LimitTable
from tianji._core.sharing.shm import SharedCounters
from tianji.storage.leases import Answer, Claim
from tianji.storage.services import CLOSED, OPEN, Breaker

INTERVAL: Final = 0.5  # seconds between rounds of the worker that leads
PATIENCE: Final = 0.1  # seconds that a request waits for an answer, usually a hundredth of it

Lack = tuple[Limit, int, int]  # a limit, the kind, and how much of it

log = logging.getLogger(__name__)


class Store(Protocol):
    """Where machines meet; storage.leases.LeaseStore."""

    async def exchange(self, known: int, claims: Sequence[Claim]) -> Answer:
        """Say what this machine has, and hear what it may. Raises OSError when that is not to be had."""


class LimitSharing:
    """What one worker does about limits that its machine shares. The leases are in the table that all workers share."""

    def __init__(
        self,
        table: LimitTable,
        lead: Callable[[float], bool],
        clock: Callable[[], float],
        counters: SharedCounters,
        *,
        patience: float = PATIENCE,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Share the limits of `table`.

        lead: whether this worker leads; clock: that of the table; counters: which say how the store fares
        """
        self.leases = Leases(table)
        self._lead = lead
        self._clock = clock
        self._counters = counters
        self._breaker: Breaker | None = None
        self._patience = patience
        self._sleep = sleep
        self._store: Store | None = None
        self._lacking: dict[tuple[str, int], tuple[Limit, int, int]] = {}  # what is to be asked for: least, and in all
        self._next: asyncio.Future[None] | None = None
        self._asking: asyncio.Task[None] | None = None

    async def run(self, store: Store) -> None:
        """Share limits through `store` until cancelled."""
        self._store = store
        self.leases.begin()
        self._breaker = Breaker(self._counters)
        self._breaker.show(CLOSED if self.leases.mode == "on" else OPEN)
        try:
            with contextlib.suppress(OSError):  # so that no request waits for a connection
                async with asyncio.timeout(ANSWERED_WITHIN):
                    await store.exchange(self.leases.epoch, ())
            while True:
                if self._lead(self._clock()):
                    await self.step()
                await self._sleep(INTERVAL)
        finally:
            if self._store is store:
                self._forget()

    def end(self) -> None:
        """Share nothing: the configuration names no store."""
        self._forget()
        self.leases.end()
        if self._breaker is not None:
            self._breaker.show(None)

    def _forget(self) -> None:
        self._store = None
        if self._asking is not None:
            self._asking.cancel()

    async def ask(self, lacking: Iterable[Lack]) -> None:
        """Have more granted of what a request lacks. When that takes long, the machine goes on without the others."""
        if self._store is None:
            self.leases.go_alone()
            return
        for limit, kind, amount in lacking:
            _, least, total = self._lacking.get((limit.name, kind), (limit, amount, 0))
            self._lacking[limit.name, kind] = limit, min(least, amount), total + amount
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        answered = self._next
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._ask())
        done, _ = await asyncio.wait([answered], timeout=self._patience)
        if not done:
            self._miss("it is slow")

    async def step(self) -> bool:
        """Tell the store what changed, and give back what lies idle; whether it answered."""
        loans, place = self.leases.due(self._clock())
        while await self._exchange(loans):
            if not place:
                return True
            loans, place = self.leases.due(self._clock(), place)
        self.leases.defer(loans)
        return False

    async def _ask(self) -> None:
        """Ask for what is lacking, one question after another, until nothing is."""
        try:
            while self._next is not None:
                lacking, answered = self._lacking, self._next
                self._lacking, self._next = {}, None
                now = self._clock()
                claims = [
                    loan
                    for (_, kind), (limit, least, total) in lacking.items()
                    if (loan := self.leases.ask(limit, kind, least, total, now)) is not None
                ]
                try:
                    await self._exchange(claims)
                finally:
                    if not answered.done():
                        answered.set_result(None)
        finally:
            self._asking = None

    async def _exchange(self, loans: Sequence[Loan]) -> bool:
        store, sent = self._store, self._clock()
        if store is None:
            return False
        try:
            async with asyncio.timeout(ANSWERED_WITHIN):
                answer = await store.exchange(self.leases.epoch, [loan.claim for loan in loans])
        except OSError as error:  # a TimeoutError is one
            self._miss(repr(error), type(error).__name__)
            return False
        now = self._clock()
        if now - sent > self._patience:
            self._miss("it is slow")
            return False
        if self._store is not store:
            return False
        turned = self.leases.meet(sent, answer.clock, answer.machines, answer.since, answer.grants)
        if turned and answer.grants:
            log.info("limits of callers are shared with other machines")
        if turned and self._breaker is not None:
            self._breaker.turn(CLOSED if answer.grants else OPEN)
        for loan, granted in zip(loans, answer.answers, strict=True):
            self.leases.grant(loan, granted, answer.step, now)
        if answer.unknown:
            self.leases.tell_all()
        return True

    def _miss(self, why: str, kind: str = "slow") -> None:
        turned = self.leases.go_alone()
        if turned:
            log.warning("limits of callers are not shared with other machines until the store answers: %s", why)
        if self._breaker is not None:
            self._breaker.fail(kind)
            if turned:
                self._breaker.turn(OPEN)
