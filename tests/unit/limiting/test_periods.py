"""Spend belongs to the period in which its request began, in whatever order things happen."""

import asyncio
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from tests.depth import examples

from tianji._core.limits.admission import Admission
from tianji._core.limits.limiter import LimitSet, LimitTable
from tianji._core.sharing.revision import Revisions
from tianji.auth.limits import Limits
from tianji.clock import ManualClock
from tianji.config.schema import Config
from tianji.ledger.drain import Drain, Periods
from tianji.ledger.entry import Entry
from tianji.ledger.journal import Journal
from tianji.limiting import resets
from tianji.limiting.history import spent
from tianji.limiting.holding import Held, Holding
from tianji.limiting.learning import learner
from tianji.limiting.parts import Parts
from tianji.limiting.rows import Holder
from tianji.limiting.rules import rules_of
from tianji.storage.engine import Database
from tianji.storage.location import parse
from tianji.storage.tables import (
    BUDGETS,
    CUSTOMERS,
    KEYS,
    ORGANIZATIONS,
    PROJECTS,
    TAGS,
    TEAM_MEMBERS,
    TEAMS,
    USERS,
)

BEGAN = datetime(2026, 3, 28, 21, 30, tzinfo=UTC)  # hours before clocks change in Berlin
MADE = {"created_at": BEGAN, "updated_at": BEGAN}
OWN = ((KEYS, "token", "k"), (USERS, "user_id", "u"), (TEAMS, "team_id", "t"))
LINKED = ((ORGANIZATIONS, "organization_id", "o"), (PROJECTS, "project_id", "p"), (CUSTOMERS, "user_id", "c"),
          (TAGS, "name", "a"), (TEAM_MEMBERS, "user_id", "u"))  # fmt: skip
BY_MODEL = {"m": {"max_budget": 1, "budget_duration": "1d"}, "gpt": {"max_budget": 1, "budget_duration": "2h"}}
DURATIONS = ("1h", "5h", "1d", "7d", "36h", "2d")
ZONE = structs.replace(Config().litellm_settings, timezone="Europe/Berlin", budget_reset_time="02:30")
CONFIG = structs.replace(Config(), litellm_settings=ZONE)
RULES = rules_of(CONFIG)
STEPS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([1, 600, 5_400, 20_000, 100_000])),
    st.tuples(st.just("ask"), st.sampled_from(["m", "azure/gpt"])),
    st.tuples(st.just("answer"), st.integers(1, 9)),
    st.tuples(st.just("drain"), st.integers(0, 1)),
    st.tuples(st.just("reset"), st.just(0)),
    st.tuples(st.just("restart"), st.just(0)),
)


class World:
    """Two machines that share a database, one of which lets requests in; they drain when they are told to."""

    def __init__(self, folder: Path, form: Path, duration: str) -> None:
        shutil.copy(form, folder / "a.db")
        self.database = Database(parse(f"sqlite:///{folder}/a.db"), pool=2)
        self.clock = ManualClock(BEGAN.timestamp())
        self.duration = duration
        self.first_end = RULES.period_end(duration, self.clock.now())
        self.journals = [Journal(folder / name) for name in ("one", "two")]
        for journal in self.journals:
            journal.prepare().result()
        self.drains = [
            Drain(folder / name, self._opened, periods=Periods(self._begin, self._told), clock=self.clock)
            for name in ("one", "two")
        ]
        self.entries: list[Entry] = []
        self.open: list[tuple[Admission, str, float]] = []
        self.restart()

    def restart(self) -> None:
        """Forget all that is in memory; what is under way comes to nothing."""
        self.open = []
        self.table = LimitTable(64, shift=self.clock.now() - self.clock.monotonic())
        self.parts = Parts(self.table, lambda held, now: spent(self.database, held, now), self.clock.monotonic)

    async def _opened(self) -> Database:
        return self.database

    async def _begin(self, database: Database, moment: float) -> None:
        await resets.reset_due(database, Revisions(), CONFIG, moment)

    def _told(self, *standing: Any) -> None:
        learner(self.table, self.clock.monotonic)(*standing)

    async def fill(self) -> None:
        ends = datetime.fromtimestamp(self.first_end, UTC)
        period = {"budget_duration": self.duration, "budget_reset_at": ends, "max_budget": 10**9}
        async with self.database.writing() as connection:
            await connection.execute(sa.insert(BUDGETS).values(budget_id="B", **period, **MADE))
            for table, column, name in OWN:
                await connection.execute(sa.insert(table).values(**{column: name}, **period, **MADE))
            for table, column, name in LINKED:
                more = {"team_id": "t", "role": "user"} if table is TEAM_MEMBERS else {}
                await connection.execute(sa.insert(table).values(**{column: name}, budget_id="B", **more, **MADE))

    def held(self, asked: str) -> list[Held]:
        limits = Limits(
            max_budget=10**9,
            budget_duration=self.duration,
            budget_reset_at=self.first_end,
            model_max_budget=BY_MODEL,
            budget_limits=({"budget_duration": "1d", "max_budget": 1.0},),
        )
        holders = [Holder("key", "k", limits), Holder("project", "p", limits), Holder("team", "t", limits)]
        holding = Holding(self.table, RULES, lambda _: False, str)
        return list(holding.held(holders, asked, asked, self.clock.now()))

    async def admit(self, asked: str) -> None:
        held = self.held(asked)
        now = self.clock.monotonic()
        for one in held:
            if one.limit.money(now) is None:
                one.limit.restore(*await spent(self.database, one, self.clock.now()), now)
            if one.part:
                self.parts.watch(one)
        admission = Admission(LimitSet(tuple(one.limit for one in held)), nano=1)
        assert admission.admit(now)
        self.open.append((admission, asked, self.clock.now()))

    def answer(self, cost: int) -> None:
        if not self.open:
            return
        admission, asked, began = self.open.pop(0)
        admission.settle(self.clock.monotonic(), 0, 0, cost)
        number = len(self.entries)
        one = Entry(
            request_id=f"r{number}", call_id="c", started_at=int(began * 1_000_000), model_group=asked,
            ended_at=int(self.clock.now() * 1_000_000), key="k", user_id="u", team_id="t", organization_id="o",
            end_user="c", tags=("a",), project_id="p", cost=cost,
        )  # fmt: skip
        self.entries.append(one)
        self.journals[number % 2].append(one)

    async def step(self, what: str, how: Any) -> None:
        if what == "wait":
            self.clock.advance(how)
        elif what == "ask":
            await self.admit(how)
        elif what == "answer":
            self.answer(how)
        elif what == "drain":
            await self.drains[how].round()
        elif what == "reset":
            await self._begin(self.database, self.clock.now())
        else:
            self.restart()

    def truth(self, begins: float, *asked: str) -> int:
        """What requests cost that began since then."""
        begun = [one for one in self.entries if one.started_at >= begins * 1_000_000]
        return sum(one.cost for one in begun if not asked or one.model_group in asked)

    def begun(self) -> float:
        now = self.clock.now()
        if now < self.first_end:
            return BEGAN.timestamp()
        return RULES.following(self.duration, self.first_end, now)[0]

    async def judge(self) -> None:
        """All is written down and every period has begun: whoever asks hears the same."""
        for drain in self.drains:
            await drain.round()
        await self.parts.ask()
        await self._begin(self.database, self.clock.now())
        expected = self.truth(self.begun())
        async with self.database.reading() as connection:
            for table, column, name in (*OWN, *LINKED):
                known = sa.select(table.c.spend).where(table.c[column] == name)
                assert (await connection.execute(known)).scalar() == expected, table.name
            ever = sa.select(KEYS.c.total_spend).where(KEYS.c.token == "k")
            assert (await connection.execute(ever)).scalar() == self.truth(0.0)
        for restarted in (False, True):
            if restarted:
                self.restart()
            for asked, entry in (("m", "1d"), ("azure/gpt", "2h")):
                await self.admit(asked)
                for one in self.held(asked):
                    begins = self.begun() if not one.part else RULES.span(entry if one.governs else "1d",
                                                                             self.clock.now())[0]  # fmt: skip
                    names = (asked,) if one.governs else ()
                    found = one.limit.money(self.clock.monotonic())
                    assert found is not None
                    assert found[0] == self.truth(begins, *names), (one.limit.name, restarted)

    async def close(self) -> None:
        for journal in self.journals:
            await asyncio.to_thread(journal.close)
        await self.database.close()


@given(st.sampled_from(DURATIONS), st.lists(STEPS, max_size=25))
@settings(max_examples=examples(60), deadline=None)
def test_any_order_ends_with_the_same_spend(form: Path, duration: str, steps: list[tuple[str, Any]]) -> None:
    async def run(world: World) -> None:
        try:
            await world.fill()
            for what, how in steps:
                await world.step(what, how)
            await world.judge()
        finally:
            await world.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(World(Path(folder), form, duration)))
