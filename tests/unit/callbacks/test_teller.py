"""Out of the journals to the destinations, whoever is killed and whoever is away."""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.ledger.conftest import entry

from tianji.callbacks.event import LogEvent
from tianji.callbacks.sink import Delivery, Sink
from tianji.callbacks.teller import LONGEST_KEPT, Teller
from tianji.errors import StoreUnavailable
from tianji.ledger import reading
from tianji.ledger.entry import Entry, Payload, Telling
from tianji.ledger.journal import MAGIC, Journal


def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
    yield Delivery("http://there", msgspec.json.encode([event.id for event in events]))


def numbers(names: Iterable[str]) -> list[int]:
    return [int(name.partition("-")[0], 16) for name in names]


class World:
    """A folder of journals, and a destination that remembers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "journals"
        self.got: list[str] = []
        self.answered = asyncio.Event()

    def sink(self, name: str = "there", **fields: Any) -> Sink:
        return Sink(name, write, interval=1e9, **fields)

    def teller(self, **fields: Any) -> Teller:
        teller = Teller(self.folder, self.send, **fields)
        teller.adopt([self.sink()])
        return teller

    async def send(self, request: Delivery) -> int:
        self.got += msgspec.json.decode(request.body, type=list[str])
        return 200

    async def files(self) -> list[Path]:
        return await asyncio.to_thread(reading.journals, self.folder)

    async def keep(self, *numbers: int) -> Path:
        """Make a journal and return it."""
        before = set(await self.files())
        journal = await asyncio.to_thread(self.open, *numbers)
        await asyncio.to_thread(journal.close)
        (file,) = set(await self.files()) - before
        return file

    def keep_entries(self, *entries: Entry) -> Path:
        """Make the only journal, of these entries."""
        journal = self.open()
        for one in entries:
            journal.append(one)
        journal.close()
        (file,) = reading.journals(self.folder)
        return file

    def open(self, *numbers: int) -> Journal:
        journal = Journal(self.folder)
        journal.prepare().result()
        for number in numbers:
            journal.append(entry(number))
        return journal

    def told(self) -> list[int]:
        return numbers(self.got)


async def end(teller: Teller) -> None:
    """Tell everything."""
    await teller.close(30)


def killed(teller: Teller) -> None:
    """Be gone as a killed process is: only the lock goes, which the kernel takes."""
    for task in teller._tasks.values():
        task.cancel()
    assert teller._lead.held
    teller._lead.release()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_each_entry_is_told_once(world: World) -> None:
    journal = await asyncio.to_thread(world.open, 1, 2)
    teller = world.teller()
    await teller.round()
    await teller.outlets["there"].flush()
    journal.append(entry(3))
    await teller.outlets["there"].flush()
    await asyncio.to_thread(journal.close)
    (file,) = await world.files()
    assert await teller.finished(file, file.stat().st_size)
    await end(teller)
    assert world.told() == [1, 2, 3]


async def test_the_next_process_goes_on_where_this_one_ended(world: World) -> None:
    await world.keep(1, 2)
    first = world.teller()
    await first.round()
    await end(first)
    await world.keep(3)
    second = world.teller()
    await second.round()
    await end(second)
    assert world.told() == [1, 2, 3]
    assert second.outlets["there"].standing.told == 3


async def test_a_killed_process_loses_nothing(world: World) -> None:
    await world.keep(1, 2)
    first = world.teller()
    await first.round()
    killed(first)
    second = world.teller()
    await second.round()
    await end(second)
    assert world.told() == [1, 2]


async def test_a_journal_is_kept_until_all_were_told_of_it(world: World) -> None:
    file = await world.keep(1, 2)
    teller = world.teller()
    teller.adopt([world.sink(), world.sink("away")])
    await teller.round()
    size = file.stat().st_size
    assert not await teller.finished(file, size)
    await teller.outlets["there"].flush()
    assert not await teller.finished(file, size)
    await teller.outlets["away"].flush()
    assert await teller.finished(file, size)
    await asyncio.to_thread(file.unlink)
    await teller.round()
    assert teller.outlets["away"].backlog.positions == {}, "what is gone is forgotten"
    await end(teller)


async def test_an_empty_journal_is_nobodys_to_wait_for(world: World) -> None:
    file = await world.keep(1)
    await asyncio.to_thread(file.write_bytes, MAGIC)
    teller = world.teller()
    await teller.round()
    assert await teller.finished(file, len(MAGIC))
    await end(teller)


async def test_too_much_is_not_kept(world: World, caplog: pytest.LogCaptureFixture) -> None:
    first, second = await world.keep(1, 2, 3), await world.keep(4)
    ends = [file.stat().st_size for file in (first, second)]
    teller = world.teller(most_kept=sum(ends) - 1)
    await teller.round()
    assert not await teller.finished(first, ends[0])
    assert not await teller.finished(second, ends[1])
    assert await teller.finished(first, ends[0]), "the oldest goes"
    assert "callback there: 3 events were given up" in caplog.text
    assert not await teller.finished(second, ends[1])
    await end(teller)
    assert (world.told(), teller.outlets["there"].standing.dropped) == ([4], 3)


async def test_a_process_that_is_killed_has_said_how_much_it_gave_up(world: World) -> None:
    file = await world.keep(1, 2)
    teller = world.teller(most_kept=0)
    await teller.round()
    assert await teller.finished(file, file.stat().st_size)
    killed(teller)
    await asyncio.to_thread(file.unlink)
    second = world.teller()
    await second.round()
    assert (second.outlets["there"].standing.dropped, world.told()) == (2, [])
    await end(second)


async def test_what_is_too_old_is_not_kept(world: World) -> None:
    file = await world.keep(1)
    stat = file.stat()
    teller = world.teller(now=lambda: stat.st_mtime + LONGEST_KEPT + 1)
    await teller.round()
    assert await teller.finished(file, stat.st_size)
    assert teller.outlets["there"].standing.dropped == 1
    await end(teller)


async def test_what_is_under_way_is_not_given_up(world: World) -> None:
    file = await world.keep(1)
    asked, go = asyncio.Event(), asyncio.Event()

    async def hang(_request: Delivery) -> int:
        asked.set()
        await go.wait()
        return 200

    teller = Teller(world.folder, hang, most_kept=0)
    teller.adopt([world.sink()])
    await teller.round()
    sending = asyncio.create_task(teller.outlets["there"].flush())
    await asyncio.wait_for(asked.wait(), 10)
    assert not await teller.finished(file, file.stat().st_size)
    go.set()
    await sending
    assert await teller.finished(file, file.stat().st_size)
    standing = teller.outlets["there"].standing
    assert (standing.told, standing.dropped) == (1, 0)
    await end(teller)


async def test_of_two_that_share_a_folder_one_tells(world: World) -> None:
    file = await world.keep(1)
    first, second = world.teller(), world.teller()
    size = file.stat().st_size
    await first.round()
    await second.round()
    assert not await second.finished(file, size), "the other one has not told of it yet"
    await first.outlets["there"].flush()
    await first.round()
    assert await second.finished(file, size)
    await end(first)
    await world.keep(2)
    await second.round()
    await end(second)
    assert world.told() == [1, 2]


async def test_what_cannot_be_told_before_the_end_waits(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await world.keep(1, 2)

    async def never(_request: Delivery) -> int:
        await asyncio.Event().wait()
        return 200

    teller = Teller(world.folder, never)
    teller.adopt([world.sink()])
    await teller.round()
    await teller.close(0.01)
    assert "callback there was not told everything before the end" in caplog.text
    after = world.teller()
    await after.round()
    await end(after)
    assert world.told() == [1, 2]


async def test_destinations_come_and_go(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await world.keep(1)
    teller = world.teller()
    await teller.round()
    await teller.outlets["there"].flush()
    teller.adopt([world.sink(), world.sink("new")])
    await teller.round()
    await world.keep(2)
    await teller.outlets["new"].flush()
    assert world.told() == [1, 2], "a new one is not told what the others were told already"
    telling = teller._tasks["there"]
    teller.adopt([world.sink("new")])
    await asyncio.wait({telling}, timeout=30)
    assert telling.cancelled()
    assert "there was taken out of the configuration" in caplog.text
    await end(teller)
    assert world.told() == [1, 2]


async def test_a_destination_that_was_changed_is_told_as_it_is_now(world: World) -> None:
    asked: list[tuple[str, str]] = []

    def at(url: str) -> Sink:
        return Sink("there", lambda _: [Delivery(url, b"")], interval=1e9)

    async def send(request: Delivery) -> int:
        asked.append(("the operator's", request.url))
        return 200

    async def send_checked(request: Delivery) -> int:
        asked.append(("checked", request.url))
        return 200

    teller = Teller(world.folder, send, send_checked=send_checked)
    for number, sink in enumerate((at("http://old"), at("http://new"), msgspec.structs.replace(at("x"), foreign=True))):
        await world.keep(number)
        teller.adopt([sink])
        await teller.round()
        await teller.outlets["there"].flush()
    await end(teller)
    assert asked == [("the operator's", "http://old"), ("the operator's", "http://new"), ("checked", "x")]


async def test_a_journal_that_is_read_by_two_is_decoded_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.keep(1, 2)
    read = list[int]()

    def counted(file: Path, position: int, most: int) -> list[tuple[Entry, int]]:
        read.append(position)
        return page(file, position, most)

    page = reading.page
    monkeypatch.setattr(reading, "page", counted)
    teller = world.teller()
    teller.adopt([world.sink(), world.sink("too")])
    await teller.round()
    await end(teller)
    assert world.told() == [1, 2, 1, 2]
    assert read.count(0) == 1


async def test_a_journal_that_has_ended_is_not_looked_into_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.keep(1, 2)
    read = list[Path]()

    def counted(file: Path, position: int, most: int) -> list[tuple[Entry, int]]:
        read.append(file)
        return page(file, position, most)

    page = reading.page
    monkeypatch.setattr(reading, "page", counted)
    teller = world.teller()
    teller.adopt([world.sink()])
    await teller.round()
    await teller.outlets["there"].flush()
    read.clear()
    await world.keep(3)
    await end(teller)
    assert world.told() == [1, 2, 3]
    assert len(set(read)) == 1, "only what came since"


TEAM = ("team", "t")


def owning(number: int, **fields: Any) -> Entry:
    return entry(number, payload=Payload(telling=Telling(owner="team", **fields)))


class Owned:
    """What a team has of its own."""

    def __init__(self, world: World) -> None:
        self.sinks = [world.sink("team t there", owner=TEAM, kind="there")]
        self.away = False
        self.got: list[str] = []

    async def __call__(self, owner: tuple[str, str]) -> list[Sink]:
        if self.away:
            raise StoreUnavailable("away")
        return self.sinks if owner == TEAM else []

    async def send(self, request: Delivery) -> int:
        self.got += msgspec.json.decode(request.body, type=list[str])
        return 200


async def test_a_team_has_destinations_of_its_own(world: World) -> None:
    owned = Owned(world)
    teller = world.teller(owned=owned, send_checked=owned.send)
    file = await asyncio.to_thread(world.keep_entries, entry(1), owning(2), owning(3, muted=("there",)))
    teller.meet(TEAM)
    await teller.round()
    assert not await teller.finished(file, file.stat().st_size)
    for outlet in teller.outlets.values():
        await outlet.flush()
    assert (world.told(), numbers(owned.got)) == ([1, 2], [2]), "who is muted is not told, whoever it is"
    assert await teller.finished(file, file.stat().st_size)
    owned.sinks = []
    await teller.round()
    assert teller.outlets.keys() == {"there"}
    await end(teller)


async def test_what_a_team_has_is_known_after_a_restart(world: World) -> None:
    owned = Owned(world)
    await asyncio.to_thread(world.keep_entries, owning(1))
    first = world.teller(owned=owned, send_checked=owned.send)
    first.meet(TEAM)
    await first.round()
    killed(first)
    second = world.teller(owned=owned, send_checked=owned.send)
    await second.round()
    await end(second)
    third = world.teller(owned=owned, send_checked=owned.send)
    await third.round()
    await end(third)
    assert numbers(owned.got) == [1]


async def test_a_journal_of_a_team_is_kept_over_a_restart_where_nobody_else_is_told(world: World) -> None:
    owned = Owned(world)
    file = await asyncio.to_thread(world.keep_entries, owning(1))
    size = file.stat().st_size
    first = Teller(world.folder, world.send, owned=owned, send_checked=owned.send)
    first.meet(TEAM)
    await first.round()
    beside = Teller(world.folder, world.send, owned=owned, send_checked=owned.send)
    assert not await beside.finished(file, size), "another one tells"
    killed(first)
    second = Teller(world.folder, world.send, owned=owned, send_checked=owned.send)
    assert not await second.finished(file, size)
    await second.round()
    await end(second)
    assert numbers(owned.got) == [1]
    assert await second.finished(file, size)


async def test_a_team_that_comes_back_is_told_nothing_twice(world: World) -> None:
    owned = Owned(world)
    await asyncio.to_thread(world.keep_entries, owning(1))
    teller = world.teller(owned=owned, send_checked=owned.send)
    before = owned.sinks
    for sinks in (before, [], before):
        owned.sinks = sinks
        teller.meet(TEAM)
        await teller.round()
        for outlet in teller.outlets.values():
            await outlet.flush()
    await end(teller)
    assert numbers(owned.got) == [1]


async def test_a_journal_is_kept_while_it_cannot_be_known_what_a_team_has(world: World) -> None:
    owned = Owned(world)
    owned.away = True
    file = await asyncio.to_thread(world.keep_entries, owning(1))
    teller = Teller(world.folder, world.send, owned=owned, send_checked=owned.send)
    teller.meet(TEAM)
    await teller.round()
    assert not await teller.finished(file, file.stat().st_size)
    owned.away = False
    await teller.round()
    await end(teller)
    assert numbers(owned.got) == [1]


async def test_nobody_to_tell_keeps_no_journal(world: World) -> None:
    file = await world.keep(1)
    teller = Teller(world.folder, world.send)
    await teller.round()
    assert await teller.finished(file, 10**9)
    await end(teller)
    assert [one.name for one in world.folder.parent.iterdir()] == ["journals"]
