"""Out of the journals to the destinations, whoever is killed and whoever is away."""

import asyncio
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import pytest
from tests.unit.ledger.conftest import entry

from tianji.callbacks.event import LogEvent
from tianji.callbacks.sink import Delivery, Sink
from tianji.callbacks.teller import Teller
from tianji.ledger import reading
from tianji.ledger.journal import Journal


def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
    yield Delivery("http://there", msgspec.json.encode([event.id for event in events]))


class World:
    """A folder of journals, and a destination that remembers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "journals"
        self.got: list[str] = []
        self.sink = Sink("there", write, interval=1e9)

    def teller(self) -> Teller:
        teller = Teller(self.folder, self.send)
        teller.adopt([self.sink])
        return teller

    async def send(self, request: Delivery) -> int:
        self.got += msgspec.json.decode(request.body, type=list[str])
        return 200

    async def files(self) -> list[Path]:
        return await asyncio.to_thread(reading.journals, self.folder)

    def keep(self, *numbers: int, close: bool = True) -> Journal:
        journal = Journal(self.folder)
        journal.prepare().result()
        for number in numbers:
            journal.append(entry(number))
        if close:
            journal.close()
        return journal

    def told(self) -> list[int]:
        return [int(name.partition("-")[0], 16) for name in self.got]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_each_entry_is_told_once(world: World) -> None:
    journal = await asyncio.to_thread(world.keep, 1, 2, close=False)
    teller = world.teller()
    await teller.round(await world.files())
    journal.append(entry(3))
    await teller.round(await world.files())
    await asyncio.to_thread(journal.close)
    (file,) = await world.files()
    assert await teller.finished(file, file.stat().st_size)
    await teller.close(5)
    assert world.told() == [1, 2, 3]


async def test_the_next_process_goes_on_where_this_one_ended(world: World) -> None:
    await asyncio.to_thread(world.keep, 1, 2)
    first = world.teller()
    await first.round(await world.files())
    await first.close(5)
    await asyncio.to_thread(world.keep, 3)
    second = world.teller()
    await second.round(await world.files())
    await second.close(5)
    assert world.told() == [1, 2, 3]


async def test_of_two_that_share_a_folder_one_tells(world: World) -> None:
    await asyncio.to_thread(world.keep, 1)
    first, second = world.teller(), world.teller()
    (file,) = await world.files()
    end = file.stat().st_size
    await first.round([])
    await second.round([file])
    assert not await second.finished(file, end), "the other one has not heard of it yet"
    await first.round([file])
    assert await second.finished(file, end)
    await first.close(5)
    await asyncio.to_thread(world.keep, 2)
    await second.round(await world.files())
    await second.close(5)
    assert world.told() == [1, 2]


async def test_a_killed_process_is_told_of(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await asyncio.to_thread(world.keep, 1, 2)
    killed = world.teller()
    await killed.round(await world.files())
    killed.adopt([])  # as far as this process goes
    assert killed._lock is not None
    os.close(killed._lock)
    with caplog.at_level(logging.WARNING):
        after = world.teller()
        await after.round(await world.files())
    assert "up to 2 events were not told" in caplog.text
    await after.close(5)
    assert world.told() == []


async def test_what_cannot_be_told_before_the_end_is_said(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await asyncio.to_thread(world.keep, 1, 2)

    async def never(_request: Delivery) -> int:
        await asyncio.Event().wait()
        return 200

    teller = Teller(world.folder, never)
    teller.adopt([world.sink])
    await teller.round(await world.files())
    await teller.close(0.01)
    assert "callback there: 2 events were not told before the end" in caplog.text


async def test_destinations_come_and_go(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await asyncio.to_thread(world.keep, 1)
    teller = world.teller()
    await teller.round(await world.files())
    teller.adopt([Sink("another", write, interval=1e9)])
    assert "there was taken out of the configuration; 1 events are not told" in caplog.text
    await asyncio.to_thread(world.keep, 2)
    await teller.round(await world.files())
    await teller.close(5)
    assert world.told() == [2]


async def test_nobody_to_tell_keeps_no_journal(world: World) -> None:
    await asyncio.to_thread(world.keep, 1)
    teller = Teller(world.folder, world.send)
    (file,) = await world.files()
    await teller.round([file])
    assert await teller.finished(file, 10**9)
    await teller.close(5)
    assert [one.name for one in world.folder.parent.iterdir()] == ["journals"]
