"""A worker's way to the database, opened when something is asked of it for the first time."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from tianji._core.sharing.revision import Revisions
from tianji._core.sharing.shm import SharedCounters
from tianji.errors import ConfigurationError, StoreUnavailable
from tianji.lazy import load
from tianji.storage.location import Location
from tianji.storage.migrations import HEAD
from tianji.storage.services import Asked, of_database, uncounted

if TYPE_CHECKING:
    from tianji.storage.engine import Database

FOLLOW: Final = 0  # the job of reading the log of changes; other jobs have other numbers
POLL: Final = 500  # milliseconds between two readings of the log of changes, over all workers of a machine
LOOK: Final = 0.1  # seconds between two looks whether it is this worker's turn
REST: Final = 1.0  # seconds after opening failed in which it is not tried again
BLIND: Final = 1800.0  # seconds without a reading after which what is remembered is forgotten; the log keeps twice that


class Store:
    """Opens the database at `location` and follows what other machines change there.

    Nothing is loaded before: a gateway that knows its master key only never needs SQLAlchemy. `last_words`: what is to
    be said to the database before it is closed. `counters`: where its use is counted.
    """

    def __init__(
        self, location: Location, revisions: Revisions, counters: SharedCounters | None = None, *, pool: int = 10
    ) -> None:
        self.location = location
        self.revisions = revisions
        self.last_words: set[Callable[[], Awaitable[None]]] = set()
        self._pool = pool
        self.asked: Asked = uncounted if counters is None else of_database(counters)
        self._begun = None if location.exists else revisions.head
        self._database: Database | None = None
        self._opening = asyncio.Lock()
        self._failed = (-REST, "")  # when opening failed last, and why
        self._following: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool | None:
        """True once the database was opened; None before, or without one."""
        return True if self._database is not None else None

    @property
    def empty(self) -> bool:
        """Whether nothing can be in there: no file was there when this began, and nobody here changed anything."""
        return self._begun == self.revisions.head

    async def open(self) -> "Database":
        """Return the database, migrated; the embedded one is made if need be. Raises StoreUnavailable (503)."""
        if self._database is None:
            async with self._opening:
                if self._database is None:
                    self._database = await self._try()
        return self._database

    async def close(self) -> None:
        """Close it; it may be opened again."""
        while self.last_words:
            with contextlib.suppress(StoreUnavailable):
                await self.last_words.pop()()
        if self._following is not None:
            following, self._following = self._following, None
            following.cancel()
            await asyncio.wait({following}, timeout=REST)  # first: what it asked may be under way on a connection
        if self._database is not None:
            database, self._database = self._database, None
            await database.close()

    async def _try(self) -> "Database":
        """Open it, unless that failed just now: those who waited meanwhile need not wait for the same again."""
        at, why = self._failed
        if time.monotonic() - at < REST:
            raise StoreUnavailable(why)
        try:
            return await self._open()
        except StoreUnavailable as error:
            self._failed = (time.monotonic(), error.message)
            raise

    async def _open(self) -> "Database":
        database: Database = load("tianji.storage.engine").Database(self.location, pool=self._pool, asked=self.asked)
        changes = load("tianji.storage.changes")
        try:
            if not await asyncio.to_thread(lambda: self.location.exists) or await revision(database) != HEAD:
                await asyncio.to_thread(load("tianji.storage.migration").migrate, self.location)
            await changes.begin(database, self.revisions)
        except ConfigurationError as error:
            await database.close()
            raise StoreUnavailable(error.message) from error
        except StoreUnavailable:
            await database.close()
            raise
        self._following = asyncio.get_running_loop().create_task(self._follow(database, changes))
        return database

    async def _follow(self, database: "Database", changes: Any, clock: Callable[[], float] = time.monotonic) -> None:
        read = clock()
        while True:
            await asyncio.sleep(LOOK)
            now = clock()
            if not self.revisions.claim(FOLLOW, int(now * 1000), POLL):
                continue
            try:
                await changes.follow(database, self.revisions)
            except StoreUnavailable:
                if now - read > BLIND:
                    changes.miss(self.revisions)
                    read = now
            else:
                read = now


async def revision(database: "Database") -> str | None:
    """Return the revision that the database is at; None for an empty one."""
    sa = load("sqlalchemy")
    async with database.reading() as connection:
        names = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
        if "alembic_version" not in names:
            return None
        found: str | None = (await connection.execute(sa.text("SELECT version_num FROM alembic_version"))).scalar()
        return found
