"""Lets the destinations of a configuration know what the journals of a gateway hold, each at its own pace.

It runs in a process of its own, so no request and no worker ever waits for a destination. How far each
destination has gone through each journal stands in a file beside them, so the next process goes on where this one
ended; what was told just before a process was killed may be told again. A journal that is in the database is kept for
the destinations that still need it, up to a number of bytes and an age; then the oldest goes, and is counted.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, field

from tianji.callbacks.backlog import Pages, Positions
from tianji.callbacks.event import Owner
from tianji.callbacks.guests import Guests
from tianji.callbacks.outlet import Outlet, Send, Standing
from tianji.callbacks.people import People
from tianji.callbacks.sink import Sink
from tianji.errors import StoreUnavailable
from tianji.ledger.leading import Lead

MOST_KEPT: Final = 1 << 30  # bytes of journals that are kept for destinations alone
LONGEST_KEPT: Final = 86_400.0  # seconds since the last entry of one
STATE: Final = "callbacks.json"
LOCK: Final = ".lock"

log = logging.getLogger(__name__)


class State(Struct):
    """What is kept of each destination: its position in each journal, and how it stands.

    gone: the positions of those that are told no longer, should they come back
    owners: the keys and teams that have destinations of their own; guests: those that requests bring, see Guests
    """

    told: dict[str, Positions] = field(default_factory=dict)
    gone: dict[str, Positions] = field(default_factory=dict)
    owners: list[Owner] = field(default_factory=list)
    standings: dict[str, Standing] = field(default_factory=dict)
    guests: dict[str, str] = field(default_factory=dict)


async def nothing(_owner: Owner) -> Sequence[Sink]:
    """Return what keys and teams have where they can have nothing."""
    return ()


class Teller:
    """Tells the destinations of one gateway what its journals hold.

    Gateways that share a data folder share its journals: one of them tells, and another one when that has ended.
    """

    def __init__(
        self,
        folder: Path,
        send: Send,
        *,
        most_kept: int = MOST_KEPT,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        owned: Callable[[Owner], Awaitable[Sequence[Sink]]] = nothing,
        send_checked: Send | None = None,
    ) -> None:
        """`folder`: of the journals; `send`: makes one HTTP request; `most_kept`: bytes, see the module.

        owned: returns the destinations of a key or a team, and raises StoreUnavailable while they cannot be known
        send_checked: makes the requests to those that not the operator has named; None: as `send` does
        """
        self._file = folder.parent / STATE
        self._send = send
        self._most_kept = most_kept
        self._now = now
        self._sleep = sleep
        self._guests: Guests | None = None
        self._pages = Pages(folder)
        self._kept: dict[str, int] = {}  # bytes of journals that are kept for destinations alone
        self._state = State()
        self._lead = Lead(self._file.with_suffix(LOCK))
        self._owned = owned
        self._send_checked = send_checked or send
        self._met: set[Owner] = set()  # whose destinations are to be looked up
        self._owners: set[Owner] = set()
        self.outlets: dict[str, Outlet] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def invite(self, guests: Guests) -> None:
        """Tell those, too, that requests bring along. To be called before anything is told."""
        self._guests = guests
        self._pages.apart = guests.of

    def introduce(self, people: People) -> None:
        """Have events say what those are called whom they name. To be called before anything is told."""
        self._pages.people = people

    def adopt(self, sinks: Sequence[Sink]) -> None:
        """Tell these from now on. What one that is told no longer had not been told yet, it never will be."""
        self._replace(None, sinks)

    def meet(self, owner: Owner) -> None:
        """Take note that there is a request of a key or a team that has destinations of its own."""
        if owner not in self._owners:
            self._met.add(owner)

    async def round(self) -> None:
        """See to it that all are being told, and keep how far that is."""
        if await self._has_nobody() or not await asyncio.to_thread(self._leads):
            return
        self._meet_guests()
        with contextlib.suppress(StoreUnavailable):  # those of before are told, and others when it is there again
            await self._look_up()
        self._begin_all()
        await self._forget_gone()
        await self._remember()

    async def finished(self, file: Path, end: int) -> bool:
        """Whether a journal that ends at `end` may be removed: all were told of it, or it is kept no longer."""
        if await self._has_nobody():
            return True
        if not await asyncio.to_thread(self._leads):
            if self._met:
                return False
            told = (await asyncio.to_thread(_read, self._file)).told.values()
            return bool(told) and all(positions.get(file.name, 0) >= end for positions in told)
        self._pages.ends[file.name] = end
        self._meet_guests()
        if self._met:
            try:
                await self._look_up()
            except StoreUnavailable:
                return False
            self._begin_all()
        behind = [outlet for outlet in self.outlets.values() if outlet.backlog.wants(file, end)]
        if behind and (not await self._is_too_much(file, end) or any(one.backlog.holds(file) for one in behind)):
            return False
        for outlet in behind:
            count = await outlet.backlog.skip(file, end)
            outlet.standing.dropped += count
            log.error("callback %s: %d events were given up: too much waited for it", outlet.sink.name, count)
        if behind:
            await self._remember()  # before the journal goes: whoever is killed then still knows how many those were
        self._kept.pop(file.name, None)
        return True

    async def close(self, seconds: float) -> None:
        """Tell what is left, for so many seconds at most; the rest waits for the next process."""
        for outlet in self.outlets.values():
            outlet.end()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks.values(), timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            for name in sorted(name for name, task in self._tasks.items() if task in late):
                log.warning("callback %s was not told everything before the end; the next start goes on", name)
        if self._lead.held:
            await self._remember()
            self._lead.release()

    async def _has_nobody(self) -> bool:
        """Whether nobody is to be told, nor was by a process before this one or beside it."""
        if self.outlets or self._met:
            return False
        if not self._lead.held and await asyncio.to_thread(self._file.exists):
            if not await asyncio.to_thread(self._leads):
                return not (await asyncio.to_thread(_read, self._file)).told
            return not self._met
        return True

    def _meet_guests(self) -> None:
        if self._guests is not None:
            self._met.update(self._guests.fresh())

    async def _look_up(self) -> None:
        """Tell whom keys and teams want told. Raises StoreUnavailable."""
        for owner in sorted(self._met | self._owners):
            sinks = await self._owned(owner)
            self._replace(owner, sinks)
            self._met.discard(owner)
            if sinks:
                self._owners.add(owner)
            else:
                self._owners.discard(owner)

    def _replace(self, owner: Owner | None, sinks: Sequence[Sink]) -> None:
        for sink in sinks:
            send = self._send_checked if owner is not None or sink.foreign else self._send
            known = self.outlets.get(sink.name)
            if known is None:
                self.outlets[sink.name] = Outlet(sink, self._pages, send, sleep=self._sleep, now=self._now)
            else:
                known.sink, known.send = sink, send
        before = {name for name, outlet in self.outlets.items() if outlet.sink.owner == owner}
        for name in before - {sink.name for sink in sinks}:
            outlet = self.outlets.pop(name)
            if name in self._tasks:
                self._tasks.pop(name).cancel()
                self._state.gone[name] = outlet.backlog.positions
                if outlet.sink.lasting:
                    log.warning("callback %s was taken out of the configuration, whatever still waited for it", name)

    def _begin_all(self) -> None:
        for name, outlet in self.outlets.items():
            if name not in self._tasks:
                self._begin(name, outlet)

    def _begin(self, name: str, outlet: Outlet) -> None:
        """Go on where the destination was.

        A new one begins where that one is that was told most; that of a key or a team at the beginning, since no event
        before it is its own.
        """
        state, others = self._state, [self.outlets[known] for known in self._tasks]
        known = state.told.get(name) or state.gone.pop(name, None)
        if known is None and outlet.sink.owner is None:
            told = [positions for one, positions in state.told.items() if one not in self._tasks]
            known = _furthest([*told, *(other.backlog.positions for other in others)])
        outlet.backlog.positions = dict(known or {})
        outlet.standing = msgspec.structs.replace(self._state.standings.get(name, outlet.standing), fault=None)
        self._tasks[name] = asyncio.get_running_loop().create_task(outlet.run())

    async def _is_too_much(self, file: Path, end: int) -> bool:
        self._kept[file.name] = end
        age = self._now() - (await asyncio.to_thread(file.stat)).st_mtime
        oldest = file.name == min(self._kept)  # names begin with the time
        return age > LONGEST_KEPT or (oldest and sum(self._kept.values()) > self._most_kept)

    async def _forget_gone(self) -> None:
        """Drop what is known of journals that are gone. What is known is looked at first: others come all the time."""
        known = [outlet.backlog.positions for outlet in self.outlets.values()]
        known += [self._pages.ends, self._kept, *self._state.gone.values()]
        names = set[str]().union(*known)
        gone = names - {file.name for file in await self._pages.files()} if names else names
        for positions in known:
            for name in gone & positions.keys():
                del positions[name]
        self._state.gone = {name: positions for name, positions in self._state.gone.items() if positions}

    def _leads(self) -> bool:
        """Whether this process is the one that tells. It stays so until it ends."""
        if self._lead.take():
            self._state = _read(self._file)
            self._met.update(self._state.owners)
            if self._guests is not None:
                self._guests.recall(self._state.guests)
        return self._lead.held

    async def _remember(self) -> None:
        self._state = State(
            told={name: dict(self.outlets[name].backlog.positions) for name in self._tasks},
            gone=self._state.gone,
            owners=sorted(self._owners | self._met),
            guests={} if self._guests is None else self._guests.kept(),
            standings={name: self.outlets[name].standing for name in self._tasks},
        )
        with contextlib.suppress(OSError):  # the ledger says what is wrong with the disk
            await asyncio.to_thread(_write, self._file, msgspec.json.encode(self._state))


def _furthest(all_positions: Iterable[Mapping[str, int]]) -> Positions:
    found: Positions = {}
    for positions in all_positions:
        for name, position in positions.items():
            found[name] = max(position, found.get(name, 0))
    return found


def _read(file: Path) -> State:
    try:
        return msgspec.json.decode(file.read_bytes(), type=State)
    except (OSError, msgspec.DecodeError):
        return State()


def _write(file: Path, data: bytes) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_bytes(data)
    fresh.replace(file)
