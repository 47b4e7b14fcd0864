"""Reads the journals beside the ledger for a purpose of its own: each entry once, whatever ends the process.

How far each journal was read is written down together with what was made of it, so after a kill both go on from the
same place. That is done every few seconds, and always before a journal may go.
"""

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec import Struct, field

from tianji.ledger import reading
from tianji.ledger.entry import Entry

AT_ONCE: Final = 1000  # entries of one reading
OFTEN: Final = 10.0  # seconds between two times that it is written down


class Hearer(Protocol):
    """Who makes something of entries."""

    def hear(self, entries: Sequence[Entry]) -> None:
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
        self._file = folder.parent / f"{name}.state"
        self._folder = folder
        self._hearer = hearer
        self._monotonic = monotonic
        self._positions: dict[str, int] = {}
        self._ended: set[str] = set()  # journals that nobody writes any more, heard to their ends; others may need them
        self._lock: int | None = None
        self._written_at = 0.0
        self._written = b""
        self._busy = asyncio.Lock()

    @property
    def leads(self) -> bool:
        """Whether this is the one that follows. It stays so until its end."""
        return self._lock is not None

    async def round(self, files: Sequence[Path]) -> None:
        """Take in what the journals hold now."""
        async with self._busy:
            if not await self._lead():
                return
            for file in files:
                with contextlib.suppress(FileNotFoundError):  # the drain of another gateway has finished it
                    await self._take(file)
            self._positions = await asyncio.to_thread(self._left)
            self._ended &= self._positions.keys()
            if self._monotonic() - self._written_at >= OFTEN:
                await self._write()

    async def finished(self, file: Path, position: int) -> bool:
        """Whether a journal of which `position` is the end may be removed."""
        async with self._busy:
            if not await self._lead():
                stored = await asyncio.to_thread(_read, self._file)
                return stored.positions.get(file.name, 0) >= position
            await self._take(file)
            await self._write()
            return True

    async def close(self) -> None:
        """Write down what there is, and let another one follow."""
        async with self._busy:
            if self._lock is not None:
                await self._write()
                os.close(self._lock)
                self._lock = None

    async def _take(self, file: Path) -> None:
        position = self._positions.get(file.name, 0)
        while file.name not in self._ended:
            batch = await asyncio.to_thread(reading.read, file, position, AT_ONCE)
            self._hearer.hear(batch.paid)
            position = self._positions[file.name] = batch.position
            if batch.ended:
                self._ended.add(file.name)
            if len(batch.entries) < AT_ONCE:
                return

    async def _lead(self) -> bool:
        if self._lock is None and (found := await asyncio.to_thread(self._try)) is not None:
            self._positions = found.positions
            if found.kept:
                with contextlib.suppress(msgspec.DecodeError):
                    self._hearer.recall(found.kept)
        return self._lock is not None

    def _left(self) -> dict[str, int]:
        """Return the positions in journals that are still there: who asks for a round may know of fewer."""
        return {name: at for name, at in self._positions.items() if (self._folder / name).exists()}

    def _try(self) -> _State | None:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = os.open(self._file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(opened)
            return None
        self._lock = opened
        return _read(self._file)

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
