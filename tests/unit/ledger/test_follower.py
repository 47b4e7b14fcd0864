"""Each entry is heard once, whatever ends the process."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from tests.unit.ledger.conftest import entry

from tianji._core.journal.sheet import Sheet
from tianji.ledger import reading
from tianji.ledger.entry import Place
from tianji.ledger.follower import OFTEN, Follower
from tianji.ledger.journal import Journal


class Adder:
    """Adds up what entries cost."""

    def __init__(self) -> None:
        self.sum = 0

    def take(self, sheet: Sheet) -> None:
        self.sum += sum(one.figures[0] for one in sheet.sums)

    def kept(self) -> bytes:
        return msgspec.msgpack.encode(self.sum)

    def recall(self, data: bytes) -> None:
        self.sum = msgspec.msgpack.decode(data, type=int)


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = OFTEN
        self.adder = Adder()

    def follower(self) -> Follower:
        self.adder = Adder()
        return Follower(self.folder, "sums", self.adder, monotonic=lambda: self.now)

    async def journal(self) -> Journal:
        made = Journal(self.folder)
        await asyncio.to_thread(made.prepare().result)
        return made

    async def files(self) -> list[Path]:
        return await asyncio.to_thread(reading.journals, self.folder)


def kill(follower: Follower) -> None:
    assert follower._lead.held
    follower._lead.release()


async def test_a_killed_process_is_followed_by_one_that_knows_the_same(folder: Path) -> None:
    world = World(folder)
    journal = await world.journal()
    first = world.follower()
    journal.append(entry(1, cost=3))
    await first.round(await world.files())  # written down
    journal.append(entry(2, cost=4))
    await first.round(await world.files())  # not yet
    assert world.adder.sum == 7
    kill(first)
    second = world.follower()
    await second.round(await world.files())
    assert world.adder.sum == 7
    await asyncio.to_thread(journal.close)
    await second.close()


async def test_it_is_written_down_before_a_journal_goes_and_at_the_end(folder: Path) -> None:
    world = World(folder)
    journal = await world.journal()
    journal.append(entry(1, cost=3))
    first = world.follower()
    await first.round(await world.files())
    journal.append(entry(2, cost=4))
    await asyncio.to_thread(journal.close)
    (file,) = await world.files()
    assert await first.finished(file, file.stat().st_size)
    await asyncio.to_thread(file.unlink)
    kill(first)
    second = world.follower()
    await second.round([])
    assert world.adder.sum == 7
    await second.close()
    third = world.follower()
    await third.round([])
    assert world.adder.sum == 7
    await third.close()


async def test_of_two_in_a_folder_one_follows(folder: Path) -> None:
    world = World(folder)
    journal = await world.journal()
    journal.append(entry(1, cost=3))
    await asyncio.to_thread(journal.close)
    (file,) = await world.files()
    end = file.stat().st_size
    first = world.follower()
    await first.round([])
    second = world.follower()
    await second.round([file])
    assert (first.leads, second.leads, world.adder.sum) == (True, False, 0)
    assert not await second.finished(file, end)
    assert await first.finished(file, end)
    assert not await second.finished(file, end + 10**9), "the other one heard less of it"
    await first.close()
    await second.round([file])
    assert second.leads
    assert world.adder.sum == 3
    await second.close()


async def test_what_another_release_kept_is_begun_anew(folder: Path) -> None:
    world = World(folder)
    await asyncio.to_thread(folder.mkdir)
    state = msgspec.msgpack.encode({"positions": {}, "kept": b"\xc1"})
    await asyncio.to_thread((folder.parent / "sums.state").write_bytes, state)
    follower = world.follower()
    await follower.round([])
    assert (follower.leads, world.adder.sum) == (True, 0)
    await follower.close()


async def test_a_round_that_knows_of_fewer_journals_forgets_none(folder: Path) -> None:
    world = World(folder)
    journal = await world.journal()
    journal.append(entry(1, cost=3))
    follower = world.follower()
    await follower.round(await world.files())
    await follower.round([])
    await follower.round(await world.files())
    assert world.adder.sum == 3
    await asyncio.to_thread(journal.close)
    await follower.close()


async def test_a_journal_that_is_kept_for_others_is_read_to_its_end_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(folder)
    journal = await world.journal()
    journal.append(entry(1, cost=3))
    await asyncio.to_thread(journal.close)
    follower = world.follower()
    await follower.round(await world.files())
    monkeypatch.setattr(reading, "fill", None)
    await follower.round(await world.files())
    assert await follower.finished((await world.files())[0], 0)
    assert world.adder.sum == 3
    await follower.close()


async def test_the_mere_end_of_a_request_is_not_heard(folder: Path) -> None:
    world = World(folder)
    journal = await world.journal()
    journal.append(entry(1, cost=3))
    journal.append(entry(1, cost=3, place=Place(b"t" * 16, b"s" * 8, status=200)))
    await asyncio.to_thread(journal.close)
    follower = world.follower()
    await follower.round(await world.files())
    assert world.adder.sum == 3
    await follower.close()


async def test_what_was_read_for_the_books_is_heard_once_wherever_it_begins(folder: Path) -> None:
    world = World(folder)
    world.now = 0  # nothing is written down meanwhile
    journal, follower = await world.journal(), world.follower()
    for number in range(6):
        journal.append(entry(number, cost=10**number))
    (file,) = await world.files()
    first, second = reading.fill(file, 0, 2), reading.fill(file, reading.fill(file, 0, 2).position, 2)
    await follower.hear(file, 0, first)
    assert world.adder.sum == 11
    await follower.hear(file, 0, first)
    assert world.adder.sum == 11, "that was heard before"
    await follower.hear(file, first.position, second)
    assert world.adder.sum == 1111
    await follower.hear(file, 0, reading.fill(file, 0, 5))
    assert world.adder.sum == 11111, "the rest of it is read"
    await follower.round([file])
    assert world.adder.sum == 111111, "as it is where nobody reads for the books"
    late = world.follower()
    kill(follower)
    await late.hear(file, first.position, second)
    assert world.adder.sum == 1111, "what was missed, and no more"
    await late.close()
    await asyncio.to_thread(journal.close)


async def test_a_part_of_a_batch_is_read_as_far_as_the_batch_goes(folder: Path) -> None:
    world = World(folder)
    journal, follower = await world.journal(), world.follower()
    for number in range(3):
        journal.append(entry(number, cost=10**number))
    (file,) = await world.files()
    batch = reading.fill(file, 0, 2)
    await follower.hear(file, 0, reading.fill(file, 0, 1))
    await follower.hear(file, 0, batch)
    assert world.adder.sum == 11
    await follower.hear(file, batch.position, reading.fill(file, batch.position, 9))
    assert world.adder.sum == 111, "in step again"
    await follower.close()
    await asyncio.to_thread(journal.close)


async def test_whatever_goes_wrong_keeps_no_journal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(folder)
    journal, follower = await world.journal(), world.follower()
    journal.append(entry(1))
    assert await follower.follow(follower.round(await world.files()))
    monkeypatch.setattr(world.adder, "take", lambda _sheet: 1 / 0)
    journal.append(entry(2))
    assert not await follower.follow(follower.round(await world.files()))
    assert await follower.lets_go((await world.files())[0], 10**9)
    assert await follower.lets_go(folder / "gone", 1)
    await asyncio.to_thread(journal.close)
