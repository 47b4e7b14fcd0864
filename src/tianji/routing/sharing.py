"""Limits of a minute that hold over several machines, without a question on the way of a request.

Ten times a second one worker of each machine tells the store what the machine used, and hears what the others did. In
between, a lease says how far the machine may go; what nobody used yet is shared out among those that are using it.
Before a lease is said to be smaller it is made smaller, so the leases of all machines are never more than the limit.
While anything is left, each machine may begin one request more than its lease in a round: a small limit is not split
into nothing. So a limit of requests is passed by one for each further machine at the most, and one of tokens by what
one request of each takes; except in the round in which a machine begins and the others do not know of it.

When the store does not answer, the machine goes on with its lease, after GRACE with its share of the limit, and a new
minute begins with the share. No request ever waits for the store.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Protocol

from msgspec import Struct

from tianji._core.routing.health import LARGEST_COUNT, Health, HealthTable
from tianji.storage.usage import IDLE_SHARE, Claim, Grant, Round

INTERVAL: Final = 0.1  # seconds between rounds
AFTER_FAILURE: Final = 0.5
PATIENCE: Final = 0.5  # seconds that the store may take
GRACE: Final = 2.0  # seconds without an answer before the shares decide
BUSY_FOR: Final = 1.0  # seconds that a use of a limit counts as using it
KINDS: Final = (0, 1)  # requests, tokens

log = logging.getLogger(__name__)


class Store(Protocol):
    """Where machines meet; storage.usage.UsageStore."""

    async def exchange(self, minute: int, known: int, names: Sequence[str], claims: Sequence[Claim]) -> Round:
        """Say what this machine uses, and hear the same of all. Raises OSError when that is not to be had."""


class Shared(Struct, frozen=True):
    """A deployment and its limits of requests and tokens a minute, 0 for none."""

    health: Health
    limits: tuple[int, int]


class _Account:
    """What is remembered of one limit between two rounds of a minute."""

    __slots__ = ("busy", "free", "moved", "used")

    def __init__(self, limit: int) -> None:
        self.used = 0
        self.moved = -math.inf  # when it was used last
        self.free = limit
        self.busy = 1


class UsageSharing:
    """The rounds of one machine. Its memory is the table that all workers share, so any worker can go on with it."""

    def __init__(
        self,
        deployments: Iterable[Shared],
        table: HealthTable,
        store: Store,
        clock: Callable[[], float],
        *,
        patience: float = PATIENCE,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Share the limits of `deployments`. `clock` gives the time that choices are made by."""
        self._table = table
        self._store = store
        self._clock = clock
        self._patience = patience
        self._sleep = sleep
        self._machines = 0
        self._minute = -1
        self._active: frozenset[str] = frozenset()
        self._accounts: dict[tuple[str, int], _Account] = {}
        self._heard = -math.inf  # when the store answered last
        self._away = False
        self.replace(deployments)

    def replace(self, deployments: Iterable[Shared]) -> None:
        """Share the limits of these from now on."""
        self._deployments = {
            one.health.id: Shared(one.health, (min(one.limits[0], LARGEST_COUNT), min(one.limits[1], LARGEST_COUNT)))
            for one in deployments
        }
        self._accounts.clear()

    async def run(self) -> None:
        """Make rounds until cancelled, as long as this worker leads those of its machine."""
        while True:
            leads = self._table.lead(self._clock())
            done = leads and await self.step()
            await self._sleep(INTERVAL if done else AFTER_FAILURE)

    async def step(self) -> bool:
        """Make one round; whether the store answered."""
        now = self._clock()
        minute = self._table.minute(now)
        if minute != self._minute:
            self._minute, self._active = minute, frozenset()
            self._accounts.clear()
        used_here = [one.health.id for one in self._deployments.values() if any(_used(one.health, now))]
        names = self._active.union(used_here)
        claims = [
            self._claim(one, kind, now)
            for one in self._deployments.values()
            if one.health.id in names
            for kind in KINDS
        ]
        try:
            async with asyncio.timeout(self._patience):
                answer = await self._store.exchange(minute, self._machines, used_here, claims)
        except OSError as error:  # a TimeoutError is one
            self._miss(error)
            return False
        self._hear(answer, claims, minute)
        return True

    def _claim(self, one: Shared, kind: int, now: float) -> Claim:
        """Make the lease no larger than needed, then say what it is."""
        health, limit = one.health, one.limits[kind]
        account = self._account(one, kind)
        used, others = _used(health, now)[kind], health.elsewhere(now)[kind]
        if used != account.used:
            account.used, account.moved = used, now
        busy = now - account.moved < BUSY_FOR
        cap = 0
        if limit:
            cap = max(used, health.allowance(kind, limit, now) - others)
            if not (self._away and self._machines):
                part = account.free / (account.busy if busy else IDLE_SHARE * self._machines) if self._machines else 1
                cap = min(cap, used + max(1, math.ceil(part)))
                health.set_lease(kind, now, others + cap, self._share(limit))
                used = _used(health, now)[kind]
                cap = max(cap, used)
        return Claim(health.id, kind, limit, used, cap, busy)

    def _hear(self, answer: Round, claims: Sequence[Claim], minute: int) -> None:
        now = self._clock()
        if self._away:
            log.info("limits are shared with other machines again")
        self._heard, self._away = now, False
        fewer_or_more = answer.machines != self._machines
        self._machines = answer.machines
        if self._table.minute(now) != minute:
            return
        self._active = answer.active
        heard: dict[str, list[tuple[Claim, Grant]]] = {}
        for claim, grant in zip(claims, answer.grants, strict=True):
            heard.setdefault(claim.deployment, []).append((claim, grant))
        for one in self._deployments.values():
            if one.health.id in heard:
                self._grant(one, heard[one.health.id], now)
            elif fewer_or_more:
                for kind in KINDS:
                    share = self._share(one.limits[kind])
                    one.health.set_lease(kind, now, share, share)

    def _grant(self, one: Shared, heard: Sequence[tuple[Claim, Grant]], now: float) -> None:
        health = one.health
        health.set_elsewhere(now, *(grant.others for _, grant in heard))
        for claim, grant in heard:
            account = self._account(one, claim.kind)
            account.free, account.busy = grant.free, max(1, grant.busy)
            if claim.limit:
                cap = max(grant.cap, claim.cap)
                health.set_lease(claim.kind, now, grant.others + cap, self._share(claim.limit))

    def _miss(self, error: OSError) -> None:
        now = self._clock()
        if now < self._heard + GRACE:
            return
        if not self._away:
            log.warning("limits are not shared with other machines until the store answers: %r", error)
        self._away = True
        for one in self._deployments.values():
            for kind in KINDS:
                limit = one.limits[kind]
                if limit:
                    share = self._share(limit)
                    one.health.set_lease(kind, now, one.health.elsewhere(now)[kind] + share, share)

    def _share(self, limit: int) -> int:
        return min(limit, max(1, limit // max(1, self._machines)))

    def _account(self, one: Shared, kind: int) -> _Account:
        key = (one.health.id, kind)
        found = self._accounts.get(key)
        if found is None:
            found = self._accounts[key] = _Account(one.limits[kind])
        return found


def _used(health: Health, now: float) -> tuple[int, int]:
    """Return what this machine used itself."""
    (requests, tokens), (other_requests, other_tokens) = health.usage(now), health.elsewhere(now)
    return max(0, requests - other_requests), max(0, tokens - other_tokens)
