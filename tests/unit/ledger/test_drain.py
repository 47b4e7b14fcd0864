"""What is in the journals comes into the database once, whatever breaks off in between."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.unit.ledger.conftest import entry, rows

from tianji.clock import ManualClock
from tianji.errors import StoreUnavailable
from tianji.ledger import drain as drains
from tianji.ledger import posting, reading
from tianji.ledger.drain import Drain, Periods
from tianji.ledger.entry import Entry, Payload, Place
from tianji.ledger.journal import Journal
from tianji.storage.engine import Database
from tianji.storage.location import Location
from tianji.storage.tables import (
    BUDGETS,
    CUSTOMERS,
    DAILY,
    JOURNALS,
    KEYS,
    LEDGER,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    PAYLOADS,
    TAGS,
    TEAM_MEMBERS,
    TEAMS,
    USERS,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def journal(folder: Path) -> Journal:
    return prepared(folder, segment=20_000)


def prepared(folder: Path, **options: int) -> Journal:
    made = Journal(folder, **options)
    made.prepare().result()
    return made


def drain(folder: Path, database: Database, *, logged: bool = True) -> Drain:
    async def opened() -> Database:
        return database

    return Drain(folder, opened, logged=lambda: logged, clock=ManualClock())


async def files(folder: Path) -> list[Path]:
    return await asyncio.to_thread(reading.journals, folder)


async def keep(journal: Journal, *entries: Entry) -> None:
    """Append: many at once wait for the next file, which is no matter for a loop."""
    await asyncio.to_thread(lambda: [journal.append(one) for one in entries])


async def sums(database: Database) -> tuple[int, int, int]:
    """Rows, the sum of their costs, and what the sums by day say it is."""
    found = await rows(database, LEDGER)
    daily = await rows(database, DAILY, DAILY.c.kind == "all")
    assert sum(row["requests"] for row in daily if row["logged"]) == len(found)
    return len(found), sum(row["cost"] for row in found), sum(row["spend"] for row in daily)


async def test_rows_and_sums(folder: Path, database: Database, journal: Journal) -> None:
    failed = {"status": "failure", "cost": 0, "prompt_tokens": 3, "completion_tokens": 0, "end_user": None}
    given = [entry(1), entry(2, cache_hit=True, tags=("b", "b")), entry(3, user_id="v", team_id=None, **failed)]
    for one in given:
        journal.append(one)
    assert await drain(folder, database).round() == 3
    found = await rows(database, LEDGER)
    assert [row["request_id"] for row in found] == [one.request_id for one in given]
    assert (found[0]["quantities"], found[0]["rates"], found[0]["tags"]) == (
        "[8]",
        '{"items":[["input",1000000000]],"factors":[[1,1,0],[1,1,0]],"catalogue":"","reported":false}',
        '["a","b"]',
    )
    assert [row["cost"] for row in found] == [8, 9, 0]
    parts = {(row["kind"], row["entity"]): row for row in await rows(database, DAILY)}
    assert {part: row["spend"] for part, row in parts.items()} == {
        ("all", ""): 17,
        ("user", "u"): 17,
        ("user", "v"): 0,
        ("team", "t"): 17,
        ("organization", "o"): 17,
        ("customer", "c"): 17,
        ("tag", "a"): 8,
        ("tag", "b"): 17,
    }
    whole = parts["all", ""]
    assert (whole["day"], whole["key"], whole["model"], whole["model_group"]) == ("2026-03-01", "k", "gpt-4o", "gpt")
    names = ("requests", "successes", "failures", "cache_hits", "prompt_tokens", "completion_tokens", "milliseconds")
    assert [whole[name] for name in names] == [3, 2, 1, 1, 23, 10, 750]


async def test_whoever_is_above_a_request_has_spent_it(folder: Path, database: Database, journal: Journal) -> None:
    made = {"created_at": NOW, "updated_at": NOW}
    async with database.writing() as connection:
        for table, values in (
            (KEYS, {"token": "k", "spend": 100, "total_spend": 1000}),
            (KEYS, {"token": "other"}),
            (USERS, {"user_id": "u"}),
            (TEAMS, {"team_id": "t"}),
            (TEAM_MEMBERS, {"team_id": "t", "user_id": "u", "role": "user"}),
            (ORGANIZATIONS, {"organization_id": "o"}),
            (ORGANIZATION_MEMBERS, {"organization_id": "o", "user_id": "u"}),
            (CUSTOMERS, {"user_id": "c"}),
            (TAGS, {"name": "a"}),
        ):
            await connection.execute(sa.insert(table).values(**made, **values))
    for number in range(3):
        journal.append(entry(number))
    await drain(folder, database).round()
    for table in (USERS, TEAMS, TEAM_MEMBERS, ORGANIZATIONS, ORGANIZATION_MEMBERS, CUSTOMERS, TAGS):
        assert [row["spend"] for row in await rows(database, table)] == [24], table.name
    assert [row["total_spend"] for row in await rows(database, TEAM_MEMBERS)] == [24]
    keys = {row["token"]: (row["spend"], row["total_spend"]) for row in await rows(database, KEYS)}
    assert keys == {"k": (124, 1024), "other": (0, 0)}


async def test_whoever_has_a_budget_is_told_of(folder: Path, database: Database, journal: Journal) -> None:
    made = {"created_at": NOW, "updated_at": NOW}
    tomorrow, later = NOW + timedelta(days=1), NOW + timedelta(days=7)
    async with database.writing() as connection:
        for table, values in (
            (BUDGETS, {"budget_id": "b", "max_budget": 5, "budget_reset_at": later}),
            (KEYS, {"token": "k", "spend": 100, "max_budget": 9, "budget_reset_at": tomorrow, "budget_id": "b"}),
            (USERS, {"user_id": "u"}),
            (TEAMS, {"team_id": "t", "max_budget": 9}),
            (TEAM_MEMBERS, {"team_id": "t", "user_id": "u", "role": "user", "budget_id": "b"}),
            (ORGANIZATIONS, {"organization_id": "o", "budget_id": "b"}),
            (CUSTOMERS, {"user_id": "c"}),
            (TAGS, {"name": "a", "budget_id": "b"}),
        ):
            await connection.execute(sa.insert(table).values(**made, **values))
    await keep(journal, *(entry(number) for number in range(3)))

    async def opened() -> Database:
        return database

    told: list[tuple[object, ...]] = []
    listens = Periods(told=lambda *standing: told.append(standing))
    await Drain(folder, opened, periods=listens, clock=ManualClock()).round()
    assert sorted(told, key=str) == [
        ("key", "k", 124, tomorrow.timestamp()),
        ("organization", "o", 24, later.timestamp()),
        ("tag", "a", 24, later.timestamp()),
        ("team", "t", 24, None),
        ("team_member", "u:t", 24, later.timestamp()),
    ]


async def test_a_file_goes_when_nobody_writes_it_and_all_of_it_is_in(
    folder: Path, database: Database, journal: Journal
) -> None:
    taken = drain(folder, database)
    await keep(journal, *map(entry, range(150)))
    assert len(await files(folder)) > 1
    assert await taken.round() == 150
    assert len(await files(folder)) <= 2  # the one in use, and one to come
    journal.append(entry(150))
    assert await taken.round() == 1
    await asyncio.to_thread(journal.close)
    assert await taken.round() == 0
    assert await files(folder) == []
    assert await rows(database, JOURNALS) == []
    assert (await sums(database))[0] == 151


async def test_a_batch_ends_and_another_begins(folder: Path, database: Database) -> None:
    count = 2 * drains.AT_ONCE + 1
    journal = await asyncio.to_thread(prepared, folder)
    await keep(journal, *map(entry, range(count)))
    await asyncio.to_thread(journal.close)
    assert await drain(folder, database).round() == count
    assert await files(folder) == []


async def test_a_request_counts_once(folder: Path, database: Database, journal: Journal) -> None:
    """Whether it is twice in a batch, in two journals, or in a copy of one."""
    for number in (1, 1, 2):
        journal.append(entry(number))
    again = await asyncio.to_thread(prepared, folder)
    again.append(entry(2))
    (copied, *_) = await files(folder)
    (folder / "99999-copy.journal").write_bytes(copied.read_bytes())
    await drain(folder, database).round()
    assert await sums(database) == (2, 17, 17)
    await asyncio.to_thread(journal.close)
    await asyncio.to_thread(again.close)


@pytest.mark.parametrize("logged", [True, False])
async def test_what_was_committed_before_a_crash_is_not_committed_again(
    folder: Path, database: Database, journal: Journal, monkeypatch: pytest.MonkeyPatch, *, logged: bool
) -> None:
    """The file was to be removed and was not; without rows only the position tells."""
    journal.append(entry(1))
    await asyncio.to_thread(journal.close)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(reading, "discard", crash)
        with pytest.raises(KeyboardInterrupt):
            await drain(folder, database, logged=logged).round()
    assert len(await files(folder)) == 1
    await drain(folder, database, logged=logged).round()
    assert await files(folder) == []
    daily = await rows(database, DAILY, DAILY.c.kind == "all")
    assert [(row["spend"], row["requests"], row["logged"]) for row in daily] == [(8, 1, logged)]
    assert len(await rows(database, LEDGER)) == int(logged)


async def test_two_that_drain_one_folder_take_nothing_twice(folder: Path, database: Database, journal: Journal) -> None:
    for number in range(40):
        journal.append(entry(number))
    for _ in range(3):
        await asyncio.gather(*(drain(folder, database, logged=False).round() for _ in range(3)))
    daily = await rows(database, DAILY, DAILY.c.kind == "all")
    assert sum(row["requests"] for row in daily) == 40
    await asyncio.to_thread(journal.close)


async def test_what_was_said_is_kept_apart(folder: Path, database: Database, journal: Journal) -> None:
    said = Payload(messages=b'[{"content":"a\\u0000b"}]', response=b"", request=b'{"a":"b\0"}')
    journal.append(entry(1, payload=said))
    await drain(folder, database).round()
    (found,) = await rows(database, PAYLOADS)
    assert found == {
        "request_id": entry(1).request_id,
        "messages": '[{"content":"a\\u0000b"}]',
        "response": None,
        "request": '{"a":"b"}',
    }


async def test_no_client_can_stop_it(folder: Path, database: Database, journal: Journal) -> None:
    """Texts that PostgreSQL refuses or cannot index, and numbers that fit nowhere."""
    long = "\U0001f600" * 5000
    fields = ("model", "model_group", "provider", "key", "end_user", "session_id", "user_id", "error_message", "ip")
    more = entry(2, **dict.fromkeys(fields, long + "\0else"), cost=2**64 - 1, request_id="\0" + long)
    await keep(journal, entry(1, **dict.fromkeys(fields, long), tags=(long, "\0")), more)
    assert await drain(folder, database).round() == 2
    users = {row["entity"] for row in await rows(database, DAILY, DAILY.c.kind == "user")}
    assert len(users) == 2  # two long names stay two


class Away:
    """A database that answers, does not, or breaks off in the middle."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.away = True

    async def opened(self) -> Database:
        if self.away:
            raise StoreUnavailable("the database does not answer")
        return self.database


async def test_a_database_that_is_away_loses_nothing(
    folder: Path, database: Database, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []
    monkeypatch.setattr(reading, "flush", flushed.append)
    door = Away(database)
    taken = Drain(folder, door.opened, clock=ManualClock())
    for number in range(30):
        journal.append(entry(number))
        with pytest.raises(StoreUnavailable):
            await taken.round()
    assert len(flushed) == 30
    door.away = False
    assert await taken.round() == 30
    await asyncio.to_thread(journal.close)


Writing = Callable[[], AbstractAsyncContextManager[AsyncConnection]]


def breaking(writing: Writing) -> Writing:
    """Let a transaction break off when all was done in it but the commit."""

    @asynccontextmanager
    async def broken() -> AsyncIterator[AsyncConnection]:
        async with writing() as connection:
            yield connection
            raise StoreUnavailable("pulled before the commit")

    return broken


async def test_a_batch_that_breaks_off_leaves_nothing_and_comes_again(
    folder: Path, database: Database, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append(entry(1))
    taken = drain(folder, database)
    with monkeypatch.context() as patch:
        patch.setattr(database, "writing", breaking(database.writing))
        with pytest.raises(StoreUnavailable):
            await taken.round()
    assert await sums(database) == (0, 0, 0)
    assert await rows(database, JOURNALS) == []
    assert await taken.round() == 1
    await asyncio.to_thread(journal.close)


async def test_it_runs_on_says_so_once_and_recovers(
    folder: Path,
    database: Database,
    journal: Journal,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    door = Away(database)
    rounds = 0
    waits: list[float] = []

    async def pass_time(seconds: float) -> None:
        nonlocal rounds
        rounds += 1
        waits.append(seconds)
        door.away = rounds < 5
        if rounds == 8:
            raise asyncio.CancelledError

    journal.append(entry(1))
    taken = Drain(folder, door.opened, clock=ManualClock())
    monkeypatch.setattr("tianji.ledger.drain.asyncio.sleep", pass_time)
    with pytest.raises(asyncio.CancelledError):
        await taken.run()
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 0.5, 0.5, 0.5]
    assert [record.levelname for record in caplog.records if "ledger" in record.message] == ["ERROR", "WARNING"]
    assert (await sums(database))[0] == 1
    await asyncio.to_thread(journal.close)


WRITER = """
import pathlib, sys
from tianji.ledger.journal import Journal
from tianji.ledger.payloads import shortened
from tests.unit.ledger.conftest import entry
folder, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2])
journal = Journal(folder, segment=30_000)
for number in range(seed * 1_000_000, (seed + 1) * 1_000_000):
    journal.append(entry(number))
    print(number, flush=True)
"""


def killed(folder: Path, seed: int, after: int) -> int:
    """Let a process write and kill it after a while; returns how many entries it said were kept."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder), str(seed)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    for _ in range(after):
        writer.stdout.readline()
    os.kill(writer.pid, signal.SIGKILL)
    said = [line for line in writer.stdout.read().split(b"\n")[:-1] if line]
    writer.wait()
    writer.stdout.close()
    return after + len(said)


DRAINER = """
import asyncio, pathlib, sys
from tianji.ledger import drain, posting
from tianji.storage.engine import Database
from tianji.storage.location import parse

drain.AT_ONCE = 10
post = posting.post

async def told(*arguments, **named):
    fresh = await post(*arguments, **named)
    print(len(fresh), flush=True)
    return fresh

async def main():
    database = Database(parse(sys.argv[2]))
    async def opened():
        return database
    posting.post = told
    await drain.Drain(pathlib.Path(sys.argv[1]), opened, logged=lambda: sys.argv[3] == "True").round()

asyncio.run(main())
"""


def drained_until_killed(folder: Path, location: Location, after: int, *, logged: bool) -> None:
    """Let a process drain and kill it at about the commit of a batch."""
    url = location.url.replace("+aiosqlite", "").replace("+asyncpg", "")
    arguments = [str(folder), url, str(logged)]
    drainer = subprocess.Popen([sys.executable, "-c", DRAINER, *arguments], stdout=subprocess.PIPE)
    assert drainer.stdout is not None
    for _ in range(after):
        assert drainer.stdout.readline()
    os.kill(drainer.pid, signal.SIGKILL)
    drainer.stdout.read()
    drainer.wait()
    drainer.stdout.close()


@pytest.mark.parametrize("logged", [True, False])
async def test_killed_processes_lose_nothing_and_count_nothing_twice(
    folder: Path, migrated: Location, database: Database, *, logged: bool
) -> None:
    """kill -9 of those that write and of one that drains, at random points."""
    dice = random.Random(7)
    kept: dict[int, int] = {}
    for seed in range(3):
        kept[seed] = await asyncio.to_thread(killed, folder, seed, dice.randrange(200, 400))
        await asyncio.to_thread(drained_until_killed, folder, migrated, dice.randrange(1, 15), logged=logged)
    await drain(folder, database, logged=logged).round()
    assert await files(folder) == []
    daily = await rows(database, DAILY, DAILY.c.kind == "all")
    if not logged:
        assert sum(kept.values()) <= sum(row["requests"] for row in daily) <= sum(kept.values()) + len(kept)
        return
    found = {int(row["call_id"], 16): row["cost"] for row in await rows(database, LEDGER)}
    for seed, count in kept.items():
        mine = sorted(number - seed * 1_000_000 for number in found if number // 1_000_000 == seed)
        assert mine == list(range(len(mine))), "a gap"
        assert count <= len(mine) <= count + 1  # one may have been kept and not said
    truth = sum(entry(number).cost for number in found)
    assert await sums(database) == (len(found), truth, truth)


async def test_a_cancelled_drain_finishes_its_batch(folder: Path, database: Database, journal: Journal) -> None:
    await keep(journal, *map(entry, range(100)))
    for wait in (0.0, 0.002, 0.005, 0.01):
        attempt = asyncio.create_task(drain(folder, database).round())
        await asyncio.wait({attempt}, timeout=wait)
        attempt.cancel()
        await asyncio.wait({attempt})
        async with database.writing():
            pass  # nothing is locked
    await drain(folder, database).round()
    assert (await sums(database))[0] == 100
    await asyncio.to_thread(journal.close)


async def test_a_position_is_only_moved_from_where_it_stands(database: Database) -> None:
    async with database.writing() as connection:
        assert await posting.move(connection, "a", 0, 10, NOW)
        assert not await posting.move(connection, "a", 0, 10, NOW)
        assert await posting.move(connection, "a", 10, 20, NOW)
        await posting.forget(connection, [], NOW)
        assert await posting.position(connection, "a") == 20
        await posting.forget(connection, ["a"], NOW)
        assert await posting.position(connection, "a") == 0


def test_an_entry_knows_its_tokens() -> None:
    assert (
        Entry(request_id="r", call_id="c", started_at=0, ended_at=0, prompt_tokens=2, completion_tokens=3).total_tokens
        == 5
    )


async def test_the_end_of_a_request_is_no_entry_of_the_books(
    folder: Path, journal: Journal, database: Database
) -> None:
    end = Place(b"t" * 16, b"s" * 8, status=200, method="POST", path="/v1/chat/completions")
    told: list[Entry] = []

    async def opened() -> Database:
        return database

    def kept(one: Entry) -> Entry:
        told.append(one)
        return one

    said = Payload(messages=b"[]")
    attempt = entry(1, payload=said, place=Place(b"t" * 16, b"s" * 8))
    await keep(journal, attempt, entry(1, cost=0, items=(), payload=said, place=end))
    taking = Drain(folder, opened, kept=kept, clock=ManualClock())
    assert await taking.round() == 1
    assert (await sums(database))[:2] == (1, entry(1).cost)
    assert [one.place for one in told] == [Place(b"t" * 16, b"s" * 8)]
    await keep(journal, entry(2, place=end))
    assert await taking.round() == 0
