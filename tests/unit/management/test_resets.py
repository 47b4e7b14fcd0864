"""Budgets begin anew when their time has come."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from tianji._core.revision import Revisions
from tianji.auth.tags import tag
from tianji.clock import ManualClock
from tianji.ledger import posting
from tianji.ledger.entry import Entry
from tianji.ledger.rows import sheet_of
from tianji.management import resets
from tianji.management.administration import Office
from tianji.management.resets import reset_due
from tianji.storage.location import parse
from tianji.storage.store import Store
from tianji.storage.tables import BUDGETS, CUSTOMERS, KEYS, TEAM_MEMBERS, TEAMS, USERS

CLOCK = ManualClock(datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp())
NOW = datetime.fromtimestamp(CLOCK.now(), UTC)
PAST, LATER = NOW - timedelta(seconds=1), NOW + timedelta(days=1)
MADE = {"created_at": PAST, "updated_at": PAST}


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    settings = SimpleNamespace(budget_reset_time=None, timezone="UTC", budget_rollover=None)
    config: Any = SimpleNamespace(litellm_settings=settings)
    store = Store(parse(f"sqlite:///{tmp_path}/a.db"), Revisions())
    yield Office(store=store, config=lambda: config, groups=dict, salt=lambda: None, clock=CLOCK)
    await store.close()


async def put(office: Office, table: sa.Table, **values: object) -> None:
    async with (await office.store.open()).writing() as connection:
        await connection.execute(sa.insert(table).values(**MADE, **values))


async def spent(office: Office, table: sa.Table) -> list[tuple[int, datetime | None]]:
    """What was spent and when that begins anew, by row."""
    columns = [table.c.spend] + ([table.c.budget_reset_at] if "budget_reset_at" in table.c else [sa.null()])
    async with (await office.store.open()).reading() as connection:
        return [tuple(row) for row in await connection.execute(sa.select(*columns).order_by(*table.primary_key))]


async def test_what_is_due_begins_anew_and_nothing_else(office: Office) -> None:
    await put(office, KEYS, token="a", spend=5, total_spend=7, budget_duration="1d", budget_reset_at=PAST)
    await put(office, KEYS, token="b", spend=5, budget_duration="1d", budget_reset_at=LATER)
    await put(office, KEYS, token="c", spend=5)
    await put(office, USERS, user_id="u", spend=5, budget_duration="30d", budget_reset_at=NOW)
    await put(office, TEAMS, team_id="t", spend=5, budget_duration="7d", budget_reset_at=PAST)
    assert await reset_due(office) == 3
    midnight = datetime(2026, 11, 26, tzinfo=UTC)
    assert await spent(office, KEYS) == [(0, midnight), (5, LATER), (5, None)]
    assert await spent(office, USERS) == [(0, datetime(2026, 12, 1, tzinfo=UTC))]
    assert await spent(office, TEAMS) == [(0, datetime(2026, 11, 30, tzinfo=UTC))]
    async with (await office.store.open()).reading() as connection:
        assert (await connection.execute(sa.select(KEYS.c.total_spend).where(KEYS.c.token == "a"))).scalar() == 7
    told = set(office.store.revisions.since(0)[1] or ())
    assert told >= {tag("key", "a"), tag("user", "u"), tag("team", "t")}
    assert tag("key", "b") not in told
    assert await reset_due(office) == 0


async def test_a_budget_resets_all_who_have_it(office: Office) -> None:
    await put(office, BUDGETS, budget_id="B", budget_duration="1d", budget_reset_at=PAST, max_budget=3)
    await put(office, KEYS, token="a", spend=5, budget_id="B")
    await put(office, KEYS, token="b", spend=5, budget_id="other")
    await put(office, CUSTOMERS, user_id="c", spend=5, budget_id="B")
    await put(office, USERS, user_id="u", spend=5)
    await put(office, TEAMS, team_id="t", spend=5)
    await put(office, TEAM_MEMBERS, team_id="t", user_id="u", role="user", spend=5, budget_id="B")
    assert await reset_due(office) == 1
    found = [[row[0] for row in await spent(office, table)] for table in (KEYS, CUSTOMERS, USERS, TEAMS, TEAM_MEMBERS)]
    assert found == [[0, 5], [0], [5], [5], [0]]
    assert tag("budget", "B") in (office.store.revisions.since(0)[1] or ())


async def test_what_was_spent_since_the_period_ended_belongs_to_the_next(office: Office) -> None:
    await put(office, BUDGETS, budget_id="B", budget_duration="1d", budget_reset_at=PAST)
    await put(office, KEYS, token="a", spend=9, budget_duration="1d", budget_reset_at=PAST)
    await put(office, KEYS, token="b", spend=9, budget_id="B")
    await put(office, USERS, user_id="u", spend=9)
    await put(office, TEAMS, team_id="t", spend=9)
    await put(office, TEAM_MEMBERS, team_id="t", user_id="u", role="user", spend=9, budget_id="B")
    of_member = {"key": "b", "user_id": "u", "team_id": "t"}
    for number, (seconds, cost, whose) in enumerate(
        ((-1, 100, {"key": "a"}), (0, 1, {"key": "a"}), (1, 2, {"key": "a"}), (0, 4, {"key": "c"}), (0, 8, of_member))
    ):
        at = int((PAST.timestamp() + seconds) * resets.MICROSECONDS)
        made = Entry(request_id=str(number), call_id="c", started_at=at, ended_at=at, cost=cost, **whose)
        async with (await office.store.open()).writing() as connection:
            await posting.keep(connection, sheet_of([made]), logged=True)
    assert await reset_due(office) == 2
    assert [row[0] for row in await spent(office, KEYS)] == [3, 8]
    assert [row[0] for row in await spent(office, TEAM_MEMBERS)] == [8]


async def test_what_was_spent_beyond_is_kept_where_the_settings_say_so(office: Office) -> None:
    office.config().litellm_settings.budget_rollover = True  # type: ignore[misc]  # a stand-in
    due = {"budget_duration": "1d", "budget_reset_at": PAST}
    await put(office, KEYS, token="a", spend=5, max_budget=3, **due)
    await put(office, KEYS, token="b", spend=2, max_budget=3, **due)
    await put(office, KEYS, token="c", spend=2, **due)
    await reset_due(office)
    assert [row[0] for row in await spent(office, KEYS)] == [2, 0, 0]


async def test_more_than_one_transaction_takes(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resets, "AT_ONCE", 2)
    for number in range(5):
        await put(office, KEYS, token=str(number), spend=5, budget_duration="1d", budget_reset_at=PAST)
    assert await reset_due(office) == 5


async def test_several_at_once_reset_once(office: Office) -> None:
    for number in range(5):
        await put(office, KEYS, token=str(number), spend=5, budget_duration="1d", budget_reset_at=PAST)
    assert sum(await asyncio.gather(*(reset_due(office) for _ in range(3)))) == 5
