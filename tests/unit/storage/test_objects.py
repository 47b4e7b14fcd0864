"""What callers have had made is paid for once, on both engines, whoever hears of it and whatever dies."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from tianji.storage.engine import Database
from tianji.storage.location import Location
from tianji.storage.objects import Kept, find, keep, settle


@pytest.fixture
async def database(migrated: Location) -> AsyncIterator[Database]:
    made = Database(migrated)
    made_of = {"kind": "batch", "owner": "o", "body": "{}", "payer": "{}"}
    await keep(made, Kept(id="b", created_at=datetime(2026, 1, 1, tzinfo=UTC), **made_of))
    yield made
    await made.close()


async def test_of_many_who_hear_of_it_one_pays(database: Database) -> None:
    paid: list[int] = []
    done = await asyncio.gather(*(settle(database, "b", lambda at=at: paid.append(at)) for at in range(6)))
    assert (sorted(done), len(paid)) == ([False] * 5 + [True], 1)
    assert not await settle(database, "nothing", lambda: paid.append(-1))
    assert len(paid) == 1


async def test_what_was_not_paid_is_paid_the_next_time(database: Database) -> None:
    def die() -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        await settle(database, "b", die)
    known = await find(database, "b")
    assert known is not None
    assert known.payer is not None
    assert await settle(database, "b", lambda: None)
