"""From the journals to the database, in batches, for as long as the gateway serves.

A journal is removed when all of it is in the database. While that does not answer, journals grow and are flushed to
the disk each round instead; what they hold is taken in when it answers again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from msgspec import Struct

from tianji._core.journal.sheet import Sheet
from tianji.clock import SYSTEM, Clock
from tianji.errors import StoreUnavailable
from tianji.ledger import periods, posting, reading
from tianji.ledger.entry import Entry
from tianji.ledger.reading import Batch
from tianji.ledger.standing import standings
from tianji.storage.engine import Database

AT_ONCE: Final = 10_000  # entries of a transaction; who manages keys waits for one of them, 0.1 s, for his turn
ROUND: Final = 0.5  # seconds between two rounds
SLOWEST: Final = 30.0  # seconds between two rounds while the database is away
AHEAD: Final = 5.0  # seconds that the clock of another machine may be ahead
KEPT: Final = timedelta(days=30)  # how long the position of a journal outlives it when a removal was cut short

T = TypeVar("T")
log = logging.getLogger(__name__)


class Listener(Protocol):
    """Who is told of entries beside the books; it raises nothing."""

    async def hear(self, file: Path, start: int, batch: Batch) -> None:
        """Hear what a journal holds from `start` on, as it was read for the books."""

    async def round(self, files: Sequence[Path]) -> None:
        """See to what else there is to do; hear what these journals hold, which nobody reads for the books now."""

    async def finished(self, file: Path, position: int) -> bool:
        """Say whether a journal that ends at `position` may be removed. It is asked in each round until it may."""


class Periods(Struct, frozen=True):
    """What is done about budgets. begin: lets those begin anew whose period is over at a moment, seconds since 1970.

    told: takes what whoever has a budget has spent, see `standing`
    """

    begin: Callable[[Database, float], Awaitable[object]] | None = None
    told: Callable[..., None] | None = None


class Drain:
    """Takes the journals in `folder` into a database. `pending` says how many files were there at the last round.

    database: opens it, or raises StoreUnavailable; logged: whether requests get rows of their own
    (`disable_spend_logs` is the opposite)
    kept: returns what of an entry that has a payload the database keeps; listener: hears of all of it
    """

    def __init__(
        self,
        folder: Path,
        database: Callable[[], Awaitable[Database]],
        *,
        logged: Callable[[], bool] = lambda: True,
        periods: Periods = Periods(),  # noqa: B008 - it does nothing
        kept: Callable[[Entry], Entry] = posting.whole,
        listener: Listener | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        self._kept = kept
        self._begin, self._told = periods.begin, periods.told
        self._listener = listener
        self._folder = folder
        self._database = database
        self._logged = logged
        self._clock = clock
        self._ends: dict[str, int] = {}  # of journals that are taken in, and that the listener still needs
        self._broke_off = False  # the last round: whoever listens does not wait for the books then
        self.pending = 0
        self.fault: str | None = None

    async def run(self) -> None:
        """Drain until cancelled."""
        wait = ROUND
        while True:
            await asyncio.sleep(wait)
            try:
                await self.round()
                wait = ROUND
            except StoreUnavailable as error:
                self._complain(error.message)
                wait = min(2 * wait, SLOWEST)
            except Exception as error:  # money waits in the journals until somebody has looked
                log.exception("the ledger's journals were not taken in, and will be tried again")
                self.fault = f"{type(error).__name__}: the ledger's journals are not taken in; see the log"
                wait = min(2 * wait, SLOWEST)

    async def round(self) -> int:
        """Take in all that the journals hold now, and return how many entries were new. Raises StoreUnavailable."""
        files = await asyncio.to_thread(reading.journals, self._folder)
        self.pending = len(files)
        self._ends = {file.name: self._ends[file.name] for file in files if file.name in self._ends}
        if not files:
            return 0
        if self._listener is not None:
            await self._listener.round(files if self._broke_off else [])
        self._broke_off = True
        try:
            database = await self._database()
            total, done = 0, []
            for file in files:
                count, ended = await self._take(database, file)
                total += count
                done += [file.name] if ended else []
            if done:
                await self._forget(database, done)
        except StoreUnavailable:
            await asyncio.to_thread(reading.flush, self._folder)
            raise
        self._broke_off = False
        self._recovered()
        return total

    async def _take(self, database: Database, file: Path) -> tuple[int, bool]:
        """Take one file in, and say whether it is gone, too."""
        try:
            return await self._take_all(database, file)
        except FileNotFoundError:  # another one has finished it
            return 0, True

    async def _take_all(self, database: Database, file: Path) -> tuple[int, bool]:
        if file.name in self._ends:
            return 0, await self._finish(file, self._ends[file.name])
        async with database.reading() as connection:
            position = await posting.position(connection, file.name)
        total = 0
        while True:
            batch = await asyncio.to_thread(reading.fill, file, position, AT_ONCE)
            if self._listener is not None:
                await self._listener.hear(file, position, batch)
            if batch.count:
                await self._renew(database, batch.sheet)
                fresh = await _unbroken(self._post(database, file.name, position, batch))
                if fresh is None:
                    return total, False
                total += len(fresh)
                position = batch.position
                await self._tell(database, fresh)
            if batch.ended:
                return total, await self._finish(file, batch.position)
            if batch.count < AT_ONCE:
                return total, False

    async def _finish(self, file: Path, end: int) -> bool:
        """Remove a journal that is taken in, unless the listener still needs it; say whether it is gone."""
        if self._listener is not None and not await self._listener.finished(file, end):
            self._ends[file.name] = end
            return False
        await asyncio.to_thread(reading.discard, file, end)
        return True

    async def _post(self, database: Database, journal: str, position: int, batch: Batch) -> Sheet | None:
        """Take a batch in, and return what was new; None when somebody else was quicker."""
        async with database.writing() as connection:
            if not await posting.move(connection, journal, position, batch.position, self._now()):
                return None
            return await posting.post(connection, batch.sheet, logged=self._logged(), kept=self._kept)

    async def _renew(self, database: Database, sheet: Sheet) -> None:
        """See to it that entries of a new period find it begun; a clock that is far ahead begins none."""
        if self._begin is None or not len(sheet):
            return
        latest = min(sheet.last / periods.MICROSECONDS, self._clock.now() + AHEAD)
        async with database.reading() as connection:
            end = await periods.first_end(connection)
        if end is not None and end.timestamp() <= latest:
            await self._begin(database, latest)

    async def _tell(self, database: Database, fresh: Sheet) -> None:
        """Let limits know what was spent, by others too. It only helps them: the books are right without it."""
        if self._told is None:
            return
        async with database.reading() as connection:
            async for standing in standings(connection, fresh):
                self._told(*standing)

    async def _forget(self, database: Database, done: list[str]) -> None:
        await asyncio.to_thread(reading.sweep, self._folder, self._clock.now())
        async with database.writing() as connection:
            await posting.forget(connection, done, self._now() - KEPT)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def _complain(self, reason: str) -> None:
        if self.fault is None:
            log.error(
                "the ledger cannot reach its database, the journals in %s keep everything: %s", self._folder, reason
            )
        self.fault = reason

    def _recovered(self) -> None:
        if self.fault is not None:
            log.warning("the ledger reaches its database again; what waited is taken in")
            self.fault = None


async def _unbroken(work: Coroutine[Any, Any, T]) -> T:
    """Do a transaction to its end, even when this task is cancelled: broken off, it could hold its locks for long."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
