"""Machines that share a database tell each other what changed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tianji._core.sharing.revision import Revisions
from tianji.errors import StoreUnavailable
from tianji.storage import changes, store
from tianji.storage.location import Location, parse
from tianji.storage.store import Store, revision
from tianji.storage.tables import CHANGES

NOW = datetime(2026, 3, 1, tzinfo=UTC)
Open = Callable[[], Awaitable[Store]]


@pytest.fixture
async def machine(migrated: Location) -> AsyncIterator[Open]:
    opened: list[Store] = []

    async def make() -> Store:
        opened.append(Store(migrated, Revisions()))
        await opened[-1].open()
        return opened[-1]

    yield make
    for one in opened:
        await one.close()


async def change(at: Store, *tags: int, now: datetime = NOW) -> None:
    database = await at.open()
    async with database.writing() as connection:
        await changes.record(connection, tags, now)


async def told(at: Store, tag: int) -> None:
    """Wait until a machine has heard of a change."""
    while tag not in (at.revisions.since(0)[1] or ()):  # noqa: ASYNC110 - it is in shared memory
        await asyncio.sleep(0)


async def test_a_database_is_made_and_followed_when_it_is_opened(machine: Open) -> None:
    first, second = await machine(), await machine()
    assert await revision(await first.open()) is not None
    await change(first, 5, 6)
    async with asyncio.timeout(10):
        await told(second, 6)
    assert second.revisions.since(0)[1] == [5, 6]


async def test_what_was_changed_before_a_machine_came_is_nothing_to_it(machine: Open) -> None:
    first = await machine()
    await change(first, 5)
    second = await machine()
    await change(first, 6)
    async with asyncio.timeout(10):
        await told(second, 6)
    assert second.revisions.since(0)[1] == [6]


async def test_a_log_longer_than_a_reading(machine: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "AT_ONCE", 3)
    first = await machine()
    position = first.revisions.position
    await change(first, *range(1, 11))
    await changes.follow(await first.open(), first.revisions)
    assert first.revisions.position == position + 10
    assert set(first.revisions.since(0)[1] or ()) >= set(range(1, 11))


async def test_old_changes_are_dropped(machine: Open) -> None:
    first = await machine()
    await change(first, 5)
    await change(first, 6, now=NOW + changes.KEPT + timedelta(seconds=1))
    async with (await first.open()).reading() as connection:
        assert (await connection.execute(sa.select(CHANGES.c.tag))).scalars().all() == [6]


async def test_who_could_not_read_for_long_forgets_everything(machine: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(changes, "follow", fail)
    monkeypatch.setattr(store, "BLIND", 0.0)
    first = await machine()
    async with asyncio.timeout(10):
        while first.revisions.since(0)[1] is not None:  # noqa: ASYNC110 - it is in shared memory
            await asyncio.sleep(0)


async def test_a_database_that_is_away_can_be_opened_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").touch()
    one = Store(parse(f"sqlite:///{tmp_path}/folder/a.db"), Revisions())
    with pytest.raises(StoreUnavailable):
        await one.open()
    assert one.connected is None
    (tmp_path / "folder").unlink()
    with pytest.raises(StoreUnavailable):
        await one.open()  # it has just been tried
    monkeypatch.setattr(store, "REST", 0.0)
    await one.open()
    assert one.connected
    await one.close()


async def test_opening_at_once_opens_once(location: Location) -> None:
    one = Store(location, Revisions())
    assert len({id(database) for database in await asyncio.gather(*(one.open() for _ in range(5)))}) == 1
    await one.close()


async def test_a_database_that_is_not_there_is_empty_until_somebody_changes_something(tmp_path: Path) -> None:
    location, revisions = parse(f"sqlite:///{tmp_path}/a.db"), Revisions()
    revisions.publish(1)
    one, other = Store(location, revisions), Store(location, revisions)
    assert one.empty
    await change(other, 5)
    revisions.publish(5)
    assert not one.empty
    assert not Store(location, Revisions()).empty
    assert not Store(parse("postgresql://h/n"), revisions).empty
    await other.close()
