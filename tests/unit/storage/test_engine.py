"""What transactions promise, on both engines."""

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from tianji.errors import StoreUnavailable
from tianji.storage.engine import Database
from tianji.storage.location import Location, parse
from tianji.storage.migration import migrate
from tianji.storage.tables import CHANGES, TAGS

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.fixture
async def database(migrated: Location) -> AsyncIterator[Database]:
    opened = Database(migrated)
    yield opened
    await opened.close()


def tag(name: str, **values: object) -> sa.Insert:
    return sa.insert(TAGS).values(name=name, created_at=NOW, updated_at=NOW, **values)


async def test_what_is_written_is_read_back_alike(database: Database) -> None:
    east = timezone(timedelta(hours=5))
    async with database.writing() as connection:
        values = {"models": ["a"], "model_info": {"k": None}, "spend": 2**53 + 1, "description": None}
        await connection.execute(tag("t", **values).values(updated_at=NOW.astimezone(east)))
    async with database.reading() as connection:
        row = (await connection.execute(sa.select(TAGS))).mappings().one()
    assert {name: row[name] for name in values} == values
    assert row["updated_at"] == NOW
    assert row["updated_at"].utcoffset() == timedelta(0)


async def test_nothing_is_null_and_not_the_word(database: Database) -> None:
    async with database.writing() as connection:
        await connection.execute(tag("t", models=None))
        assert (await connection.execute(sa.select(TAGS.c.name).where(TAGS.c.models.is_(None)))).scalar() == "t"


async def test_a_moment_without_a_zone_is_refused(database: Database) -> None:
    async with database.writing() as connection:
        with pytest.raises(sa.exc.StatementError, match="time zone"):
            await connection.execute(tag("t").values(created_at=datetime(2026, 1, 1)))  # noqa: DTZ001


async def test_what_fails_leaves_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.writing() as connection:
            await connection.execute(tag("t"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.reading() as connection:
        assert (await connection.execute(sa.select(sa.func.count()).select_from(TAGS))).scalar() == 0


async def test_writers_take_turns(database: Database) -> None:
    """Each reads a number and writes it plus one: without turns some would read the same."""
    async with database.writing() as connection:
        await connection.execute(tag("t", spend=0))

    async def raise_it() -> None:
        async with database.writing() as connection:
            seen = (await connection.execute(sa.select(TAGS.c.spend))).scalar_one()
            await asyncio.sleep(0)
            await connection.execute(sa.update(TAGS).values(spend=seen + 1))

    await asyncio.gather(*(raise_it() for _ in range(20)))
    async with database.reading() as connection:
        assert (await connection.execute(sa.select(TAGS.c.spend))).scalar() == 20


async def test_changes_become_visible_in_the_order_of_their_ids(database: Database) -> None:
    """A poller that has seen an id never has to look below it."""

    async def change(number: int) -> int:
        async with database.writing() as connection:
            row = sa.insert(CHANGES).values(tag=number, made_at=NOW).returning(CHANGES.c.id)
            found = (await connection.execute(row)).scalar_one()
            await asyncio.sleep(0)
            async with database.reading() as other:
                above = sa.select(sa.func.count()).select_from(CHANGES).where(CHANGES.c.id > found)
                assert (await other.execute(above)).scalar() == 0
            return int(found)

    assert sorted(await asyncio.gather(*map(change, range(8)))) == list(range(1, 9))


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:1/none", "sqlite:////nonexistent/folder/a.db"])
async def test_a_database_that_is_away_is_503(url: str) -> None:
    database = Database(parse(url))
    with pytest.raises(StoreUnavailable) as caught:
        async with database.reading() as connection:
            await connection.execute(sa.select(1))
    assert caught.value.status == 503
    assert "127.0.0.1" not in caught.value.message
    await database.close()
    for thread in threading.enumerate():  # the driver's, which has a last word for the loop when it could not open
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join, 10)


async def test_an_error_never_shows_what_was_to_be_stored(database: Database) -> None:
    async with database.writing() as connection:
        await connection.execute(tag("t", description="canary"))
        with pytest.raises(sa.exc.IntegrityError) as caught:
            await connection.execute(tag("t", description="canary"))
        await connection.rollback()
    assert "canary" not in str(caught.value)


def test_a_file_is_closed_whole(tmp_path: Path) -> None:
    migrate(parse(f"sqlite:///{tmp_path}/a.db"))
    assert [file.name for file in tmp_path.iterdir()] == ["a.db"]
