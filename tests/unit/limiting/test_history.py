"""Where a count begins that a machine has not begun yet."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from tests.unit.ledger.conftest import NOON, database, entry

from tianji._core.limits.limiter import Limit, LimitTable
from tianji.ledger import posting
from tianji.ledger.rows import sheet_of
from tianji.limiting.history import Server, of_server, spent
from tianji.limiting.holding import Held
from tianji.limiting.rows import Kind
from tianji.limiting.rules import Rules
from tianji.storage.engine import Database
from tianji.storage.tables import CUSTOMERS, KEYS

__all__ = ["database"]

NOW = NOON / 1_000_000 + 3600
HOUR, DAY = 3_600_000_000, 86_400_000_000  # microseconds


def held(kind: Kind, name: str, duration: str | None, rules: Rules = Rules()) -> Held:  # noqa: B008
    return Held(Limit(LimitTable(16), "x", budget=5), kind, name, span=rules.spans(duration))


async def post(database: Database, *hours: int, logged: bool = True) -> None:
    """Post entries that began so many hours before noon; each costs as many nano-dollars."""
    given = [entry(hour, started_at=NOON - hour * HOUR, cost=hour) for hour in hours]
    async with database.writing() as connection:
        await posting.post(connection, sheet_of(given), logged=logged)


@pytest.mark.parametrize(
    ("kind", "name"), [("proxy", "p"), ("customer", "c"), ("key", "k"), ("team_member", "u:t"), ("tag", "a")]
)
async def test_who_has_no_row_has_spent_what_is_in_the_books(database: Database, kind: Kind, name: str) -> None:
    await post(database, 2, 5, 13, 30)
    assert await spent(database, held(kind, name, "1d"), NOW) == (7, (NOON + DAY // 2) / 1_000_000)
    assert await spent(database, held(kind, name, None), NOW) == (50, None)
    assert await spent(database, held(kind, name, "1d", Rules(resets=False)), NOW) == (50, None)


async def test_a_period_that_began_within_a_day(database: Database) -> None:
    """What that day has before it is known by the rows; without those nothing of that day counts."""
    four = Rules(day_begins=(datetime.fromtimestamp(NOON / 1_000_000, UTC) - timedelta(hours=8)).time())
    await post(database, 2, 5, 9)
    assert (await spent(database, held("key", "k", "1d", four), NOW))[0] == 7
    await post(database, 3, logged=False)
    assert (await spent(database, held("key", "k", "1d", four), NOW))[0] == 7
    assert (await spent(database, held("key", "k", "1d"), NOW))[0] == 19


async def test_a_row_that_nobody_resets_says_nothing_of_a_period(database: Database) -> None:
    """Such as that of a customer who was blocked once, and has the budget that everybody has."""
    made = {"created_at": datetime(2026, 1, 1, tzinfo=UTC), "updated_at": datetime(2026, 1, 1, tzinfo=UTC)}
    async with database.writing() as connection:
        await connection.execute(sa.insert(CUSTOMERS).values(user_id="c", spend=1000, **made))
        await connection.execute(sa.insert(KEYS).values(token="k", spend=1000, **made))
    await post(database, 2, 30)
    assert (await spent(database, held("customer", "c", "1d"), NOW))[0] == 2
    assert (await spent(database, held("key", "k", None), NOW))[0] == 1000 + 32


@pytest.mark.parametrize(("kind", "name"), [("provider", "openai"), ("deployment", "d")])
async def test_what_served_has_cost_what_is_in_the_books(database: Database, kind: Server, name: str) -> None:
    """From the very moment to the very moment, over whole days and without any."""
    hours = (1, 5, 13, 30, 37, 59, 70)
    given = [entry(hour, started_at=NOON - hour * HOUR, cost=hour, deployment_id="d") for hour in hours]
    given += [entry(100 + hour, started_at=NOON - hour * HOUR, provider="x", deployment_id="y") for hour in hours]
    async with database.writing() as connection:
        await posting.post(connection, sheet_of(given))
    for begins in (70, 69, 60, 59, 40, 36, 20, 6, 5):
        for until in (0, 1, 5, 12, 14):
            moments = (NOON / 1_000_000 - ago * 3600 for ago in (begins, until))
            expected = sum(hour for hour in hours if begins >= hour > until)
            assert await of_server(database, kind, name, *moments) == expected, (begins, until)
