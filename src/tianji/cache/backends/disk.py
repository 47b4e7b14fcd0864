"""A folder of this machine, which all its workers share: SQLite, so that a crash leaves no half of anything."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, value BLOB NOT NULL, size INTEGER NOT NULL,
        expires REAL NOT NULL, stored_at REAL NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS by_age ON answers (stored_at);
"""
_BUSY: Final = 2.0  # seconds to wait for another worker that writes
_SPARE: Final = 0.9  # of the room that is left when there was too much
_BETWEEN: Final = 64  # writings between two looks at the room
T = TypeVar("T")


class DiskPlace:
    """Keeps `room` bytes of values at the most; the oldest go first. Its file is made when the first is kept."""

    def __init__(self, folder: Path, room: int) -> None:
        self._file = folder / "answers.sqlite"
        self._room = room
        self._writings = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tianji-cache")
        self._database: sqlite3.Connection | None = None
        self.failures: tuple[type[Exception], ...] = (sqlite3.Error, OSError, TimeoutError)

    async def read(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        """Return what is kept by these keys, None for nothing."""
        return await self._do(lambda database: [_read(database, key) for key in keys])

    async def write(self, values: Mapping[str, tuple[bytes, float]]) -> None:
        """Keep values by their keys, each for so many seconds; 0: for ever."""

        def work(database: sqlite3.Connection) -> None:
            now = time.time()
            rows = [
                (key, value, len(value), now + seconds if seconds else 0.0, now)
                for key, (value, seconds) in values.items()
            ]
            with database:
                database.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", rows)
            self._writings += 1
            if self._writings % _BETWEEN == 1:
                _make_room(database, self._room, now)

        await self._do(work)

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget what is kept by these keys."""

        def work(database: sqlite3.Connection) -> None:
            with database:
                database.executemany("DELETE FROM answers WHERE key = ?", [(key,) for key in keys])

        await self._do(work)

    async def clear(self) -> None:
        """Forget everything."""

        def work(database: sqlite3.Connection) -> None:
            with database:
                database.execute("DELETE FROM answers")

        await self._do(work)

    async def ping(self) -> None:
        """Return when it works."""
        await self._do(lambda database: database.execute("SELECT 1").fetchone())

    async def aclose(self) -> None:
        """Close the file."""
        if self._database is not None:
            await self._do(lambda database: database.close())
        self._thread.shutdown(wait=False)

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._opened()))

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self._file, timeout=_BUSY)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = OFF")  # what a power loss takes is only a cache
            self._database.executescript(_TABLE)
        return self._database


def _read(database: sqlite3.Connection, key: str) -> bytes | None:
    row = database.execute("SELECT value, expires FROM answers WHERE key = ?", (key,)).fetchone()
    if row is None or 0 < row[1] <= time.time():
        return None
    value: bytes = row[0]
    return value


def _make_room(database: sqlite3.Connection, room: int, now: float) -> None:
    with database:
        database.execute("DELETE FROM answers WHERE expires > 0 AND expires <= ?", (now,))
        (size,) = database.execute("SELECT coalesce(sum(size), 0) FROM answers").fetchone()
        if size <= room:
            return
        for key, bytes_ in database.execute("SELECT key, size FROM answers ORDER BY stored_at").fetchall():
            if size <= room * _SPARE:
                break
            database.execute("DELETE FROM answers WHERE key = ?", (key,))
            size -= bytes_
