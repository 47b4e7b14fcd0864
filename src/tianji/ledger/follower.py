"""Hears what the journals hold for a purpose of its own: each entry once, whatever ends the process.

What was read for the books is heard as it is; where that begins elsewhere, or nobody reads for the books, the follower
reads for itself. How far each journal was read is written down together with what was made of it, so after a kill both
go on from the same place. That is done every few seconds, and always before a journal may go.
"""

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec import Struct, field

from tianji._core.journal.sheet import Sheet
from tianji.ledger import reading
from tianji.ledger.journal import MAGIC
from tianji.ledger.leading import Lead
from tianji.ledger.reading import Batch

AT_ONCE: Final = 1000  # entries of one reading
OFTEN: Final = 10.0  # seconds between two times that it is written down

log = logging.getLogger(__name__)


class Hearer(Protocol):
    """Who makes something of entries."""

    def take(self, sheet: Sheet) -> None:
        """Take in more of those that belong into the books."""

    def kept(self) -> bytes:
        """Return what was made of all of them, to be given to `recall` of a later process."""

    def recall(self, data: bytes) -> None:
        """Go on from there. Raises msgspec.DecodeError for what another release kept."""


class _State(Struct):
    positions: dict[str, int] = field(default_factory=dict)
    kept: bytes = b""


class Follower:
    """Follows the journals in `folder` under a name. Of several gateways that share the folder one does so."""

    def __init__(
        self, folder: Path, name: str, hearer: Hearer, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._file = folder.parent / f"{name}.state"
        self._folder = folder
        self._hearer = hearer
        self._monotonic = monotonic
        self._positions: dict[str, int] = {}
        self._ended: set[str] = set()  # journals that nobody writes any more, heard to their ends; others may need them
        self._lead = Lead(self._file.with_suffix(".lock"))
        self._written_at = 0.0
        self._written = b""
        self._busy = asyncio.Lock()

    @property
    def leads(self) -> bool:
        """Whether this is the one that follows. It stays so until its end."""
        return self._lead.held

    async def hear(self, file: Path, start: int, batch: Batch) -> None:
        """Take in what was read of a journal from `start` on, as far as it is new."""
        async with self._busy:
            if not await self._may_follow():
                return
            if self._at(file) == max(start, len(MAGIC)):
                self._hear(file, batch)
            else:
                await self._take(file, batch.position)

    async def round(self, files: Sequence[Path]) -> None:
        """Take in what these journals hold now, and write down how far all were read, if it is time for that."""
        async with self._busy:
            if not await self._may_follow():
                return
            for file in files:
                await self._take(file)
            if self._monotonic() - self._written_at >= OFTEN:
                self._positions = await asyncio.to_thread(self._left)
                self._ended &= self._positions.keys()
                await self._write()

    async def finished(self, file: Path, position: int) -> bool:
        """Whether a journal of which `position` is the end may be removed."""
        async with self._busy:
            if not await self._may_follow():
                stored = await asyncio.to_thread(_read, self._file)
                return stored.positions.get(file.name, 0) >= position
            await self._take(file)
            await self._write()
            return True

    async def follow(self, work: Awaitable[None]) -> bool:
        """Do one of these, and say whether that went well: whatever does not, the books go on."""
        try:
            await work
        except Exception:  # boundary: another part of the process
            log.exception("%s: what the journals hold could not be taken in", self._name)
            return False
        return True

    async def lets_go(self, file: Path, position: int) -> bool:
        """Whether a journal of which `position` is the end may be removed; what goes wrong keeps none."""
        try:
            return await self.finished(file, position)
        except Exception:  # boundary: another part of the process
            log.exception("%s: the end of a journal could not be taken in", self._name)
            return True

    async def close(self) -> None:
        """Write down what there is, and let another one follow."""
        async with self._busy:
            if self._lead.held:
                await self._write()
                self._lead.release()

    def _at(self, file: Path) -> int:
        return max(self._positions.get(file.name, 0), len(MAGIC))

    async def _take(self, file: Path, until: int = sys.maxsize) -> None:
        """Read a journal as far as it goes now, or to where an entry ends."""
        while file.name not in self._ended and self._at(file) < until:
            try:
                batch = await asyncio.to_thread(reading.fill, file, self._at(file), AT_ONCE, until)
            except FileNotFoundError:  # the drain of another gateway has finished it
                return
            self._hear(file, batch)
            if batch.count < AT_ONCE:
                return

    def _hear(self, file: Path, batch: Batch) -> None:
        self._hearer.take(batch.sheet)
        self._positions[file.name] = batch.position
        if batch.ended:
            self._ended.add(file.name)

    async def _may_follow(self) -> bool:
        if not self._lead.held and await asyncio.to_thread(self._lead.take):
            found = await asyncio.to_thread(_read, self._file)
            self._positions = found.positions
            if found.kept:
                with contextlib.suppress(msgspec.DecodeError):
                    self._hearer.recall(found.kept)
        return self._lead.held

    def _left(self) -> dict[str, int]:
        """Return the positions in journals that are still there: who asks for a round may know of fewer."""
        return {name: at for name, at in self._positions.items() if (self._folder / name).exists()}

    async def _write(self) -> None:
        data = msgspec.msgpack.encode(_State(self._positions, self._hearer.kept()))
        self._written_at = self._monotonic()
        if data != self._written:
            with contextlib.suppress(OSError):  # the ledger says what is wrong with the disk
                await asyncio.to_thread(_replace, self._file, data)
                self._written = data


def _read(file: Path) -> _State:
    try:
        return msgspec.msgpack.decode(file.read_bytes(), type=_State)
    except (OSError, msgspec.DecodeError):
        return _State()


def _replace(file: Path, data: bytes) -> None:
    fresh = file.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(data)
    fresh.replace(file)
