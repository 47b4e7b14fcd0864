"""What is to be removed at upstreams, on both engines: whoever holds it, and nobody twice."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from tianji.storage.engine import Database
from tianji.storage.location import Location
from tianji.storage.removals import Removal, drop, forget, hold, holders, note, take

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER, LONG = NOW + timedelta(minutes=1), NOW + timedelta(hours=1)
ONE = Removal(name="1", deployment_id="d", call="{}", holder="a", noted_at=NOW, due_at=LATER)


@pytest.fixture
async def database(migrated: Location) -> AsyncIterator[Database]:
    made = Database(migrated)
    yield made
    await made.close()


async def test_what_is_held_is_nobody_elses_and_then_whoevers_takes_it_first(database: Database) -> None:
    await note(database, ONE)
    assert await take(database, "b", NOW, LONG, ["d"], 9) == []
    assert await take(database, "b", LATER, LONG, ["other"], 9) == []
    assert await take(database, "b", LATER, LONG, ["d"], 9) == [ONE]
    assert await take(database, "c", LATER, LONG, ["d"], 9) == []
    assert await holders(database) == {"b"}
    await hold(database, "b", NOW)
    assert await take(database, "c", NOW, LONG, ["d"], 9) == [replace(ONE, holder="b", due_at=NOW)]
    await forget(database, "1")
    assert await holders(database) == set()


async def test_who_lives_holds_on(database: Database) -> None:
    for name in "12":
        await note(database, replace(ONE, name=name))
    await note(database, replace(ONE, name="3", holder="b"))
    await hold(database, "a", LONG)
    assert [one.name for one in await take(database, "c", LATER, LONG, ["d"], 9)] == ["3"]


async def test_the_oldest_few_are_taken_at_once(database: Database) -> None:
    for number in range(5):
        await note(database, replace(ONE, name=str(number), due_at=LATER - timedelta(seconds=number)))
    assert [one.name for one in await take(database, "b", LONG, LONG + timedelta(1), ["d"], 3)] == ["4", "3", "2"]
    assert [one.name for one in await take(database, "b", LONG, LONG + timedelta(1), ["d"], 3)] == ["1", "0"]


async def test_what_nobody_has_removed_in_all_that_time_is_dropped_and_told(database: Database) -> None:
    await note(database, ONE)
    await note(database, replace(ONE, name="2", noted_at=LATER))
    assert await drop(database, LATER) == [ONE]
    assert [one.name for one in await take(database, "b", LONG, LONG, ["d"], 9)] == ["2"]
