"""Limits that hold for longer than a minute, on both engines."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from tianji.storage.allotments import end, give_back, rename, take
from tianji.storage.allowances import KEPT, Allowance
from tianji.storage.engine import Database
from tianji.storage.location import Location

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = Allowance("key:a day", 100, timedelta(days=1))
RUNNING = Allowance("key:a enqueued", 50, KEPT, while_in_use=True)


@pytest.fixture
async def database(migrated: Location) -> AsyncIterator[Database]:
    made = Database(migrated)
    yield made
    await made.close()


async def test_what_was_taken_counts_for_its_window(database: Database) -> None:
    assert await take(database, "1", 60, [DAY], NOW) is None
    later = NOW + timedelta(hours=23)
    lack = await take(database, "2", 41, [DAY], later)
    assert lack is not None
    assert (lack.left, lack.oldest, lack.allowance) == (40, NOW, DAY)
    assert await take(database, "2", 40, [DAY], later) is None
    assert await take(database, "3", 60, [DAY], NOW + timedelta(days=1)) is None
    assert await take(database, "4", 1, [DAY], NOW + timedelta(days=1)) is not None


async def test_none_is_taken_where_one_is_lacking(database: Database) -> None:
    assert await take(database, "1", 60, [DAY, RUNNING], NOW) is not None
    assert await take(database, "1", 50, [DAY, RUNNING], NOW) is None
    lack = await take(database, "2", 1, [DAY, RUNNING], NOW)
    assert lack is not None
    assert lack.allowance == RUNNING


async def test_what_is_over_counts_no_more_where_it_counts_while_in_use(database: Database) -> None:
    assert await take(database, "1", 50, [DAY, RUNNING], NOW) is None
    await rename(database, "1", "batch_1")
    await end(database, "1")
    assert await take(database, "2", 50, [RUNNING], NOW) is not None
    await end(database, "batch_1")
    assert await take(database, "2", 50, [DAY, RUNNING], NOW) is None
    assert await take(database, "3", 1, [DAY], NOW) is not None


async def test_what_is_given_back_never_counted(database: Database) -> None:
    assert await take(database, "1", 100, [DAY], NOW) is None
    await give_back(database, "1")
    assert await take(database, "2", 100, [DAY], NOW) is None


async def test_those_who_ask_at_once_get_no_more_than_there_is(database: Database) -> None:
    lacks = await asyncio.gather(*(take(database, str(number), 30, [DAY], NOW) for number in range(8)))

    assert lacks.count(None) == 3


async def test_a_batch_that_nobody_heard_of_is_over_some_day(database: Database) -> None:
    assert await take(database, "1", 50, [RUNNING], NOW) is None
    assert await take(database, "2", 50, [RUNNING], NOW + KEPT) is None


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_limit_of_nothing_lets_nothing_through(database: Database, limit: int) -> None:
    lack = await take(database, "1", 1, [Allowance("key:a day", limit, timedelta(days=1))], NOW)

    assert lack is not None
    assert (lack.left, lack.oldest) == (0, None)
