"""What was spent before a gateway began, over restarts on simulated time."""

import asyncio
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.depth import examples
from tests.unit.ledger.conftest import database, entry

from tianji._core.routing.health import HealthTable
from tianji._core.sharing.revision import Revisions
from tianji.clock import ManualClock
from tianji.gateway.upkeep.budgets import NANO, Account, Budget, Kind
from tianji.gateway.upkeep.earlier import Earlier
from tianji.ledger import posting
from tianji.ledger.rows import sheet_of
from tianji.storage.engine import Database
from tianji.storage.location import Location, parse
from tianji.storage.migration import migrate
from tianji.storage.store import Store
from tianji.storage.tables import DAILY, LEDGER_ROWS

if TYPE_CHECKING:
    from tianji.ledger.entry import Entry

__all__ = ["database"]

MORNING = datetime(2026, 3, 31, 6, tzinfo=UTC).timestamp()
LIMIT = 20
HELD: tuple[tuple[Kind, str, str], ...] = (
    ("provider", "openai", "7d"), ("deployment", "d", "1d"), ("provider", "openai", "5h"),
)  # fmt: skip
STEPS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([1, 600, 5_400, 20_000, 100_000])),
    st.tuples(st.just("serve"), st.integers(1, 9)),
    st.tuples(st.just("drain"), st.integers(1, 3)),
    st.tuples(st.just("ask"), st.integers(0, 1)),
    st.tuples(st.just("restart"), st.just(0)),
)


class World:
    """One gateway after another, of two workers each; entries come to the ledger when they are told to."""

    def __init__(self, location: Location) -> None:
        self.database = Database(location, pool=2)
        self.store = Store(location, Revisions())
        self.clock = ManualClock(MORNING)
        self.entries: list[Entry] = []
        self.waiting: list[Entry] = []
        self.restart()

    def restart(self) -> None:
        """Forget all that is in memory. A request takes a while, so no two gateways begin in one moment."""
        self.clock.advance(1)
        table = HealthTable(32)
        workers = [
            [Account(kind, name, Budget(LIMIT, period), [table.health(period)], table) for kind, name, period in HELD]
            for _ in range(2)
        ]
        self.table, self.workers = table, workers
        self.asks = [Earlier(self.clock.now(), self.store, mine, self.clock) for mine in workers]

    def serve(self, cost: int) -> None:
        number, now = len(self.entries), self.clock.now()
        moment = int(now * 1_000_000)
        made = entry(number, started_at=moment, ended_at=moment, cost=cost, deployment_id="d")
        self.entries.append(made)
        self.waiting.append(made)
        for account in self.workers[number % 2]:
            account.spend(cost, now, self.clock.monotonic())

    async def drain(self, count: int) -> None:
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        if taken:
            async with self.database.writing() as connection:
                await posting.post(connection, sheet_of(taken))

    async def step(self, what: str, how: int) -> None:
        if what == "wait":
            self.clock.advance(how)
        elif what == "serve":
            self.serve(how)
        elif what == "drain":
            await self.drain(how)
        elif what == "ask":
            await self.asks[how].ask()
        else:
            self.restart()

    async def judge(self) -> None:
        """All that was written down is spent, once, as far as it began within the period."""
        await self.drain(len(self.waiting))
        for ask in self.asks:
            await ask.ask()
        for mine in self.workers:
            for account in mine:
                begins = account.period(self.clock.now())[0] * 1_000_000
                true = sum(one.cost for one in self.entries if one.started_at >= begins)
                assert account.spent(self.clock.now()) == true
                out = self.table.health(HELD[mine.index(account)][2]).broke_for(self.clock.monotonic())
                assert (out > 0) == (true >= LIMIT)

    async def close(self) -> None:
        await self.store.close()
        await self.database.close()


@pytest.fixture(scope="module")
def one_file(tmp_path_factory: pytest.TempPathFactory) -> Location:
    made = parse(f"sqlite:///{tmp_path_factory.mktemp('earlier')}/a.db")
    migrate(made)
    return made


@given(st.lists(STEPS, max_size=25))
@settings(max_examples=examples(40), deadline=None)
def test_restarts_give_nobody_more_to_spend(one_file: Location, steps: list[tuple[str, int]]) -> None:
    async def run() -> None:
        world = World(one_file)
        try:
            async with world.database.writing() as connection:
                for table in (LEDGER_ROWS, DAILY):
                    await connection.execute(sa.delete(table))
            for what, how in steps:
                await world.step(what, how)
            await world.judge()
        finally:
            await world.close()

    asyncio.run(run())


async def test_a_restart_with_either_database(database: Database, migrated: Location) -> None:
    world = World(migrated)
    try:
        world.serve(LIMIT)
        await world.drain(1)
        world.restart()
        world.serve(1)
        await world.judge()
    finally:
        await world.close()


async def test_it_is_asked_for_ever_more_rarely_and_by_one(tmp_path: Path) -> None:
    """A database that nobody has made is not made for that."""
    clock = ManualClock(MORNING)
    clock.advance(5)
    accounts = [Account("deployment", "d", Budget(NANO, "1d"), [], HealthTable(16))]
    store = Store(parse(f"sqlite:///{tmp_path}/none.db"), Revisions())
    workers = [Earlier(clock.now(), store, accounts, clock) for _ in range(2)]
    moments = []
    for second in range(100):
        turns = [worker for worker in workers if worker.due()]
        assert len(turns) <= 1
        for worker in turns:
            await worker.ask()
            moments.append(second)
        clock.advance(1)
    assert moments[0] == 0
    assert len(moments) < 20
    assert all(later >= sooner * 1.5 for sooner, later in pairwise(moments[3:]))
    assert not await asyncio.to_thread(lambda: store.location.exists)
    assert store.connected is None
