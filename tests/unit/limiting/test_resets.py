"""Budgets begin anew when their time has come."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from msgspec import structs

from tianji._core.sharing.revision import Revisions
from tianji.auth.tags import tag
from tianji.clock import ManualClock
from tianji.config.schema import Config
from tianji.limiting import resets
from tianji.storage.location import parse
from tianji.storage.store import Store
from tianji.storage.tables import BUDGETS, CUSTOMERS, KEYS, TEAM_MEMBERS, TEAMS, USERS

CLOCK = ManualClock(datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp())
NOW = datetime.fromtimestamp(CLOCK.now(), UTC)
PAST, LATER = NOW - timedelta(seconds=1), NOW + timedelta(days=1)
MADE = {"created_at": PAST, "updated_at": PAST}


class World:
    """A database, and what the configuration says of it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.config = Config()

    async def reset(self, now: float = CLOCK.now()) -> int:
        return await resets.reset_due(await self.store.open(), self.store.revisions, self.config, now)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = Store(parse(f"sqlite:///{tmp_path}/a.db"), Revisions())
    yield World(store)
    await store.close()


async def put(world: World, table: sa.Table, **values: object) -> None:
    async with (await world.store.open()).writing() as connection:
        await connection.execute(sa.insert(table).values(**MADE, **values))


async def spent(world: World, table: sa.Table) -> list[tuple[int, datetime | None]]:
    """What was spent and when that begins anew, by row."""
    columns = [table.c.spend] + ([table.c.budget_reset_at] if "budget_reset_at" in table.c else [sa.null()])
    async with (await world.store.open()).reading() as connection:
        return [tuple(row) for row in await connection.execute(sa.select(*columns).order_by(*table.primary_key))]


async def test_what_is_due_begins_anew_and_nothing_else(world: World) -> None:
    await put(world, KEYS, token="a", spend=5, total_spend=7, budget_duration="1d", budget_reset_at=PAST)
    await put(world, KEYS, token="b", spend=5, budget_duration="1d", budget_reset_at=LATER)
    await put(world, KEYS, token="c", spend=5)
    await put(world, USERS, user_id="u", spend=5, budget_duration="30d", budget_reset_at=NOW)
    await put(world, TEAMS, team_id="t", spend=5, budget_duration="7d", budget_reset_at=PAST)
    assert await world.reset() == 3
    midnight = datetime(2026, 11, 26, tzinfo=UTC)
    assert await spent(world, KEYS) == [(0, midnight), (5, LATER), (5, None)]
    assert await spent(world, USERS) == [(0, datetime(2026, 12, 1, tzinfo=UTC))]
    assert await spent(world, TEAMS) == [(0, datetime(2026, 11, 30, tzinfo=UTC))]
    async with (await world.store.open()).reading() as connection:
        assert (await connection.execute(sa.select(KEYS.c.total_spend).where(KEYS.c.token == "a"))).scalar() == 7
    told = set(world.store.revisions.since(0)[1] or ())
    assert told >= {tag("key", "a"), tag("user", "u"), tag("team", "t")}
    assert tag("key", "b") not in told
    assert await world.reset() == 0


async def test_a_budget_resets_all_who_have_it(world: World) -> None:
    await put(world, BUDGETS, budget_id="B", budget_duration="1d", budget_reset_at=PAST, max_budget=3)
    await put(world, KEYS, token="a", spend=5, budget_id="B")
    await put(world, KEYS, token="b", spend=5, budget_id="other")
    await put(world, CUSTOMERS, user_id="c", spend=5, budget_id="B")
    await put(world, USERS, user_id="u", spend=5)
    await put(world, TEAMS, team_id="t", spend=5)
    await put(world, TEAM_MEMBERS, team_id="t", user_id="u", role="user", spend=5, budget_id="B")
    assert await world.reset() == 1
    found = [[row[0] for row in await spent(world, table)] for table in (KEYS, CUSTOMERS, USERS, TEAMS, TEAM_MEMBERS)]
    assert found == [[0, 5], [0], [5], [5], [0]]
    assert tag("budget", "B") in (world.store.revisions.since(0)[1] or ())


async def test_what_was_spent_beyond_is_kept_where_the_settings_say_so(world: World) -> None:
    settings = structs.replace(world.config.litellm_settings, budget_rollover=True)
    world.config = structs.replace(world.config, litellm_settings=settings)
    due = {"budget_duration": "1d", "budget_reset_at": PAST}
    await put(world, KEYS, token="a", spend=5, max_budget=3, **due)
    await put(world, KEYS, token="b", spend=2, max_budget=3, **due)
    await put(world, KEYS, token="c", spend=2, **due)
    await world.reset()
    assert [row[0] for row in await spent(world, KEYS)] == [2, 0, 0]


async def test_more_than_one_transaction_takes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resets, "AT_ONCE", 2)
    for number in range(5):
        await put(world, KEYS, token=str(number), spend=5, budget_duration="1d", budget_reset_at=PAST)
    assert await world.reset() == 5


async def test_several_at_once_reset_once(world: World) -> None:
    for number in range(5):
        await put(world, KEYS, token=str(number), spend=5, budget_duration="1d", budget_reset_at=PAST)
    assert sum(await asyncio.gather(*(world.reset() for _ in range(3)))) == 5


async def test_one_that_cannot_be_read_stops_no_other(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await put(world, KEYS, token="a", spend=5, budget_duration="a while", budget_reset_at=PAST)
    await put(world, KEYS, token="b", spend=5, budget_duration="1d", budget_reset_at=PAST)
    assert await world.reset() == 2
    assert await spent(world, KEYS) == [(0, None), (0, datetime(2026, 11, 26, tzinfo=UTC))]
    assert "does not begin anew" in caplog.text
    assert await world.reset() == 0
