"""Which days were told to a destination of bills, kept in the database: a process may end at any moment.

One worker of all machines has the diary at a time. Who has it says so in it, for a while, and says so again and again
while at work; whoever was silent for so long has lost it, and finds out at the next note.
"""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import date
from typing import Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.callbacks.billing.export import Told
from tianji.clock import Clock
from tianji.errors import StoreUnavailable
from tianji.storage.engine import Database
from tianji.storage.tables import LEDGER_STATE

SILENT: Final = 60.0  # seconds after which another worker takes the diary
AGAIN: Final = 15.0  # seconds after which who has it says so again: some of that may fail or be late


class TakenError(Exception):
    """Another worker has the diary now."""


class _Entries(Struct):
    """What is kept. first: days before it are told no more; until: seconds since 1970."""

    first: str = ""
    days: dict[str, Told] = {}
    holder: str = ""
    until: float = 0.0


class Diary:
    """What is known of the days of one destination, while it is ours."""

    def __init__(self, database: Database, name: str, clock: Clock, entries: _Entries) -> None:
        self._database = database
        self._name = name
        self._clock = clock
        self._entries = entries

    @property
    def first(self) -> date | None:
        """The first day that is told; None where none was chosen yet."""
        return date.fromisoformat(self._entries.first) if self._entries.first else None

    @property
    def days(self) -> Mapping[str, Told]:
        """What is known of days, by their names."""
        return self._entries.days

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Keep it ours while the block runs, however long a day takes to tell."""
        saying = asyncio.create_task(self._say_again())
        try:
            yield
        finally:
            saying.cancel()
            await asyncio.wait([saying])

    async def _say_again(self) -> None:
        with suppress(TakenError):  # the next note finds out
            while True:
                await asyncio.sleep(AGAIN)
                with suppress(StoreUnavailable):
                    await self._write(until=self._clock.now() + SILENT)

    async def note(self, day: date, told: Told) -> None:
        """Keep what is known of a day. Raises TakenError, and StoreUnavailable."""
        self._entries.days[day.isoformat()] = told
        await self._write(until=self._clock.now() + SILENT)

    async def close(self, first: date | None = None) -> None:
        """Let another one have it. first: what is known of earlier days is dropped. Raises as `note` does."""
        if first is not None:
            name = self._entries.first = first.isoformat()
            self._entries.days = {day: told for day, told in self._entries.days.items() if day >= name}
        await self._write(until=0.0)

    async def _write(self, until: float) -> None:
        self._entries.until = until
        async with self._database.writing() as connection:
            if (await _read(connection, self._name)).holder != self._entries.holder:
                raise TakenError
            await _keep(connection, self._name, self._entries)


async def taken(database: Database, export: str, place: str, clock: Clock) -> Diary | None:
    """Take the diary of an export to a place; None while another worker has it. Raises StoreUnavailable."""
    name = f"export {export} {hashlib.sha256(place.encode()).hexdigest()[:16]}"
    async with database.writing() as connection:
        entries = await _read(connection, name)
        if entries.until > clock.now():
            return None
        entries.holder, entries.until = uuid.uuid4().hex, clock.now() + SILENT
        await _keep(connection, name, entries)
    return Diary(database, name, clock, entries)


async def _read(connection: AsyncConnection, name: str) -> _Entries:
    found = await connection.execute(sa.select(LEDGER_STATE.c.value).where(LEDGER_STATE.c.name == name))
    return msgspec.json.decode(found.scalar() or b"{}", type=_Entries)


async def _keep(connection: AsyncConnection, name: str, entries: _Entries) -> None:
    value, here = msgspec.json.encode(entries).decode(), LEDGER_STATE.c.name == name
    changed = await connection.execute(sa.update(LEDGER_STATE).where(here).values(value=value))
    if not changed.rowcount:
        await connection.execute(sa.insert(LEDGER_STATE).values(name=name, value=value))
