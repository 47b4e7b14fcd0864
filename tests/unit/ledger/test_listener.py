"""A journal that is in the database, and that somebody else still reads."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.unit.ledger.conftest import entry, rows

from tianji.clock import ManualClock
from tianji.errors import StoreUnavailable
from tianji.ledger import reading
from tianji.ledger.drain import Drain
from tianji.ledger.journal import Journal
from tianji.storage.engine import Database
from tianji.storage.tables import JOURNALS


def keep(folder: Path) -> None:
    journal = Journal(folder)
    journal.prepare().result()
    journal.append(entry(1))
    journal.close()


async def files(folder: Path) -> list[Path]:
    return await asyncio.to_thread(reading.journals, folder)


class Listener:
    def __init__(self) -> None:
        self.asked: list[int] = []
        self.needs = True
        self.heard: list[tuple[int, int]] = []
        self.left: list[int] = []

    async def hear(self, _file: Path, start: int, batch: reading.Batch) -> None:
        self.heard.append((start, len(batch.sheet)))

    async def round(self, files: Sequence[Path]) -> None:
        self.left.append(len(files))

    async def finished(self, _file: Path, position: int) -> bool:
        self.asked.append(position)
        return not self.needs


async def test_who_listens_does_not_wait_for_the_database(folder: Path) -> None:
    async def away() -> Database:
        raise StoreUnavailable("it is away")

    listener = Listener()
    draining = Drain(folder, away, listener=listener, clock=ManualClock())
    await asyncio.to_thread(keep, folder)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await draining.round()
    assert listener.left == [0, 1], "the first time nobody knows it yet"


async def test_a_journal_is_kept_for_who_still_needs_it(folder: Path, database: Database) -> None:
    async def opened() -> Database:
        return database

    listener = Listener()
    draining = Drain(folder, opened, listener=listener, clock=ManualClock())
    await asyncio.to_thread(keep, folder)
    (file,) = await files(folder)
    end = file.stat().st_size
    assert [await draining.round(), await draining.round()] == [1, 0]
    assert (await files(folder), listener.asked) == ([file], [end, end])
    assert (listener.heard, listener.left) == ([(0, 1)], [0, 0])
    listener.needs = False
    assert await draining.round() == 0
    assert await files(folder) == []
    assert await rows(database, JOURNALS) == []
