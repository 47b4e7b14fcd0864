"""Reads the journals of a gateway beside the ledger, and lets the destinations of its configuration know.

It runs in the process that drains the journals, so no request and no worker ever waits for a destination. How far each
journal was read stands in a file beside them: what a new process finds was not told, or was being told when the last
one was killed. What was lost with a killed process is said: it is what waited at most.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, field

from tianji.callbacks.event import event_of
from tianji.callbacks.outlet import Outlet, Send
from tianji.callbacks.sink import Sink
from tianji.ledger import reading

AT_ONCE: Final = 1000  # entries of one reading
STATE: Final = "callbacks.json"
LOCK: Final = ".lock"

log = logging.getLogger(__name__)


class State(Struct):
    """What is kept: the position in each journal, and how many events each destination had not been told of."""

    positions: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)


class Teller:
    """Tells the destinations of one gateway what its journals hold.

    Gateways that share a data folder share its journals: one of them tells, and another one when that has ended.
    """

    def __init__(self, folder: Path, send: Send) -> None:
        """`folder`: of the journals; `send`: makes one HTTP request."""
        self._file = folder.parent / STATE
        self._send = send
        self._state = State()
        self._lock: int | None = None
        self.outlets: dict[str, Outlet] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def adopt(self, sinks: Sequence[Sink]) -> None:
        """Tell these from now on. What waits for one that is told no longer is lost, and logged."""
        for sink in sinks:
            known = self.outlets.get(sink.name)
            if known is None:
                self.outlets[sink.name] = Outlet(sink, self._send)
                self._tasks[sink.name] = asyncio.get_running_loop().create_task(self.outlets[sink.name].run())
            else:
                known.sink = sink
        for name in self.outlets.keys() - {sink.name for sink in sinks}:
            self._tasks.pop(name).cancel()
            left = len(self.outlets.pop(name))
            if left:
                log.warning("callback %s was taken out of the configuration; %d events are not told", name, left)

    async def round(self, files: Sequence[Path]) -> None:
        """Take in what the journals hold now, and keep how far that is."""
        if not self.outlets or not await asyncio.to_thread(self._leads):
            return
        for file in files:
            with contextlib.suppress(FileNotFoundError):  # the drain of another gateway has finished it
                await self._take(file)
        known = {file.name for file in files}
        self._state.positions = {name: at for name, at in self._state.positions.items() if name in known}
        await self._remember()

    async def finished(self, file: Path, position: int) -> bool:
        """Whether a journal of which `position` is the end may be removed."""
        if not self.outlets:
            return True
        if not await asyncio.to_thread(self._leads):
            told = await asyncio.to_thread(_read, self._file)
            return told.positions.get(file.name, 0) >= position
        await self._take(file)
        return True

    async def close(self, seconds: float) -> None:
        """Tell what is left, for so many seconds at most, and say what was not told."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        outlets = self.outlets.values()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(outlet.flush() for outlet in outlets))
        for outlet in outlets:
            if len(outlet):
                log.error("callback %s: %d events were not told before the end", outlet.sink.name, len(outlet))
        if self._lock is not None:
            await self._remember(told=True)
            os.close(self._lock)
            self._lock = None

    async def _take(self, file: Path) -> None:
        position = self._state.positions.get(file.name, 0)
        while True:
            batch = await asyncio.to_thread(reading.read, file, position, AT_ONCE)
            for event in filter(None, map(event_of, batch.entries)):
                for outlet in self.outlets.values():
                    outlet.offer(event)
            position = self._state.positions[file.name] = batch.position
            if len(batch.entries) < AT_ONCE:
                return

    def _leads(self) -> bool:
        """Whether this process is the one that tells. It stays so until it ends."""
        if self._lock is not None:
            return True
        opened = os.open(self._file.with_suffix(LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(opened)
            return False
        self._lock, self._state = opened, _read(self._file)
        for name, count in self._state.waiting.items():
            log.warning("callback %s: up to %d events were not told: the last process was killed", name, count)
        return True

    async def _remember(self, *, told: bool = False) -> None:
        waiting = {name: len(outlet) for name, outlet in self.outlets.items() if len(outlet) and not told}
        self._state.waiting = waiting
        with contextlib.suppress(OSError):  # the ledger says what is wrong with the disk
            await asyncio.to_thread(_write, self._file, msgspec.json.encode(self._state))


def _read(file: Path) -> State:
    try:
        return msgspec.json.decode(file.read_bytes(), type=State)
    except (OSError, msgspec.DecodeError):
        return State()


def _write(file: Path, data: bytes) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_bytes(data)
    fresh.replace(file)
