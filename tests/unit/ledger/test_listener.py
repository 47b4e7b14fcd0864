"""A journal that is in the database, and that somebody else still reads."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from tests.unit.ledger.conftest import entry, rows

from tianji.clock import ManualClock
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


async def test_a_journal_is_kept_for_who_still_needs_it(folder: Path, database: Database) -> None:
    class Listener:
        def __init__(self) -> None:
            self.asked: list[int] = []
            self.needs = True

        async def round(self, files: Sequence[Path]) -> None:
            assert len(files) == 1

        async def finished(self, _file: Path, position: int) -> bool:
            self.asked.append(position)
            return not self.needs

    async def opened() -> Database:
        return database

    listener = Listener()
    draining = Drain(folder, opened, listener=listener, clock=ManualClock())
    await asyncio.to_thread(keep, folder)
    (file,) = await files(folder)
    end = file.stat().st_size
    assert [await draining.round(), await draining.round()] == [1, 0]
    assert (await files(folder), listener.asked) == ([file], [end, end])
    listener.needs = False
    assert await draining.round() == 0
    assert await files(folder) == []
    assert await rows(database, JOURNALS) == []
