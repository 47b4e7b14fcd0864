"""Machines that share the limits of callers through a real Valkey, with a clock that moves when told."""

import asyncio
from itertools import count
from typing import Any

from tianji._core.limits.admission import Admission
from tianji._core.limits.limiter import KIND_NAMES, Limit, LimitSet, LimitTable
from tianji._core.sharing.shm import SharedCounters
from tianji.limiting.sharing import LimitSharing
from tianji.storage.leases import EXCHANGE, LeaseStore
from tianji.storage.valkey import Server, connect

SPACES = count()
EPOCH = 1_700_000_000.0
REQUESTS, TOKENS, PARALLEL, BUDGET = (KIND_NAMES.index(name) for name in ("requests", "tokens", "parallel", "budget"))
UNLEASED = KIND_NAMES.index("unleased")
DAY = 86_400.0


class World:
    """One store, and time as the store and all machines have it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.now = 1000.0
        self.space = f"{next(SPACES)}"
        self.machines: list[Machine] = []
        self.client = connect(server, timeout=30)
        self.clock = f"{{tianji:v1:{self.space}:limits}}:clock"

    async def wait(self, seconds: float = 0) -> None:
        """Let so much time pass everywhere."""
        self.now += seconds
        since = self.now + EPOCH
        await self.client.hset(self.clock, mapping={"s": int(since), "u": int(since % 1 * 1e6)})

    def machine(self, beside: "Machine | None" = None) -> "Machine":
        self.machines.append(Machine(f"m{len(self.machines)}", self, beside))
        return self.machines[-1]

    async def rounds(self, times: int = 1) -> None:
        for _ in range(times):
            for machine in self.machines:
                assert await machine.sharing.step()

    async def aclose(self) -> None:
        for machine in self.machines:
            await machine.store.aclose()
        await self.client.aclose()


class Machine:
    """One machine: a table of its own, and what one worker does about it; or another worker of the machine `beside`."""

    def __init__(self, name: str, world: World, beside: "Machine | None" = None) -> None:
        self.world = world
        self.name: str = name if beside is None else beside.name
        own = LimitTable(16, shift=EPOCH + 0.7)  # its own idea of the time
        self.table: LimitTable = own if beside is None else beside.table
        self.store = LeaseStore(connect(world.server, timeout=30), machine=self.name, namespace=world.space)
        told = "redis.call('HMGET', KEYS[1] .. ':clock', 's', 'u')"
        self.store._script = self.store._client.register_script(EXCHANGE.replace("redis.call('TIME')", told))
        self.sharing = LimitSharing(self.table, lambda _: True, lambda: world.now, SharedCounters(64), patience=30)
        self.refused: tuple[int, float] = (-1, 0)  # by which kind, and when to ask again
        if beside is None:
            self.sharing.leases.begin()
        self.sharing._store = self.store

    def limit(self, spent: int | None = None, ends: float | None = None, **limits: Any) -> LimitSet:
        """The limits of a key; `spent`: of the budget, as the database has it."""
        own = Limit(self.table, "key:a", renew=lambda _, now: (now, now + DAY), **limits)
        if spent is not None:
            own.restore(spent, ends, self.world.now)
        return LimitSet((own,))

    async def enter(self, asked: LimitSet, tokens: int = 0, nano: int = -1) -> Admission | None:
        """Let one request in; None when it is refused."""
        admission = Admission(asked, tokens, 0, nano)
        for _ in range(50):
            if admission.admit(self.world.now):
                return admission
            if admission.refused_kind != UNLEASED:
                self.refused = admission.refused_kind, admission.retry_after
                return None
            await self.sharing.ask(admission.lacks(self.world.now))
        raise AssertionError("it was never let in, nor refused")

    async def burst(self, asked: LimitSet, times: int, tokens: int = 0, used: int | None = None) -> int:
        """How many of so many requests at once are let in. They end at once."""
        found = await asyncio.gather(*(self.enter(asked, tokens) for _ in range(times)))
        for admission in found:
            if admission is not None:
                admission.settle(self.world.now, tokens if used is None else used, 0, 0)
        return sum(admission is not None for admission in found)


async def machines(world: World, number: int) -> list[Machine]:
    """So many machines, which know each other."""
    made = [world.machine() for _ in range(number)]
    await world.rounds(2)
    assert [(machine.sharing.leases.mode, machine.sharing.leases.machines) for machine in made] == [
        ("on", number)
    ] * number
    return made
