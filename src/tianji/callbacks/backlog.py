"""What destinations were not told yet: it stands in the journals, and each destination goes through them by itself.

So nothing waits in memory but what is being sent, a process that is killed loses nothing, and a destination that is
away costs the others nothing. Entries that several destinations read are decoded once, as long as those keep together.
"""

import asyncio
import sys
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from tianji.callbacks.event import NOBODY, Apart, Notice
from tianji.callbacks.making import notice_of
from tianji.ledger import reading
from tianji.ledger.entry import Entry
from tianji.ledger.journal import MAGIC

if TYPE_CHECKING:
    from tianji.callbacks.people import People

AT_ONCE: Final = 500  # entries of one reading
REMEMBERED: Final = 4 << 20  # bytes of journals whose events are remembered for other destinations
MOST: Final = 4000  # such events, and
PAGES: Final = 64  # the pages that they stand on
LARGEST: Final = 2 << 20  # bytes of journals that one destination takes at once

Page = tuple[tuple[Notice | None, int], ...]
"""Events, None for an entry of which nobody is told, each with the position behind it."""
_END: Final = itemgetter(1)
Positions = dict[str, int]
"""How far journals were gone through, by their names."""


class Pages:
    """The journals of a folder as events. The pages that were read last are remembered.

    apart: returns who is told of an entry instead of whom the configuration names
    people: knows what those are called whom entries name
    """

    def __init__(self, folder: Path) -> None:
        self.ends: Positions = {}  # where journals end that nobody writes any more
        self._folder = folder
        self.apart: Callable[[Entry], Apart | None] = lambda _: None
        self.people: People | None = None
        self._pages: OrderedDict[tuple[str, int], Page] = OrderedDict()
        self._size = self._count = 0
        self._reading = asyncio.Lock()

    async def files(self) -> list[Path]:
        """Return the journals, the oldest first."""
        return await asyncio.to_thread(reading.journals, self._folder)

    async def read(self, file: Path, position: int) -> Page:
        """Return what comes after `position`; nothing at the end, and of a file that is gone."""
        if position >= self.ends.get(file.name, sys.maxsize):
            return ()
        async with self._reading:  # what two want is read once
            page = self._remembered(file.name, position)
            if page is None:
                page = await self._page(file, position)
                self._remember((file.name, position), page)
        return page

    async def _page(self, file: Path, position: int) -> Page:
        try:
            entries, over = await asyncio.to_thread(_read, file, position)
        except FileNotFoundError:
            entries, over = [], True
        if over:  # nobody looks into it again, however long it is kept for others
            self.ends[file.name] = position
            return ()
        if self.people is not None:
            await self.people.meet(entry for entry, _ in entries)
        return await asyncio.to_thread(self._notices, entries)

    def _notices(self, entries: Sequence[tuple[Entry, int]]) -> Page:
        called = (lambda _: NOBODY) if self.people is None else self.people.called
        return tuple((notice_of(entry, self.apart(entry), called(entry)), end) for entry, end in entries)

    def _remembered(self, name: str, position: int) -> Page | None:
        """Return what comes after a position, of the page that holds it: who takes less than a page goes on in it."""
        whole = self._pages.get((name, position))
        if whole is not None:
            return whole
        for (file, start), page in self._pages.items():
            if file == name and start < position < page[-1][1]:
                return page[bisect_right(page, position, key=_END) :]
        return None

    def _remember(self, key: tuple[str, int], page: Page) -> None:
        if not page:
            return
        self._pages[key] = page
        self._size += page[-1][1] - key[1]
        self._count += len(page)
        while (self._size > REMEMBERED or self._count > MOST or len(self._pages) > PAGES) and len(self._pages) > 1:
            (_, start), gone = self._pages.popitem(last=False)
            self._size -= gone[-1][1] - start
            self._count -= len(gone)


def _read(file: Path, position: int) -> tuple[list[tuple[Entry, int]], bool]:
    """Return what comes next, and whether nothing ever will."""
    over = reading.is_over(file)  # asked first: what is added afterwards would not be read
    entries = reading.page(file, position, AT_ONCE)
    return entries, over and not entries


class Portion(Struct, frozen=True):
    """Events to be told, and how far the journals were gone through when they have been.

    full: no more of them are taken at once, so others may wait behind them already
    """

    events: tuple[Notice, ...]
    positions: Mapping[str, int]
    full: bool = False


class Backlog:
    """What one destination was not told yet."""

    def __init__(self, pages: Pages, hears: Callable[[Notice], bool]) -> None:
        """`hears`: whether the destination is to be told of an event."""
        self._pages = pages
        self._hears = hears
        self._taken: Mapping[str, int] = {}
        self.positions: Positions = {}

    async def take(self, most: int) -> Portion:
        """Return at most so many events that come next; none where there are none. They stay until `done`."""
        events: list[Notice] = []
        positions: Positions = {}
        size = 0
        for file in await self._pages.files():
            name = file.name
            position = self.positions.get(name, 0)
            while len(events) < most and size < LARGEST:
                page = await self._pages.read(file, position)
                if not page:
                    break
                for event, end in page:
                    if event is not None and self._hears(event):
                        events.append(event)
                        size += end - position
                    position = end
                    if len(events) >= most or size >= LARGEST:
                        break
                positions[name] = position
        if not events:
            self.positions.update(positions)
        self._taken = positions if events else {}
        return Portion(tuple(events), positions, len(events) >= most or size >= LARGEST)

    def done(self) -> None:
        """Go on behind what was taken: it was told, or given up."""
        self.positions.update(self._taken)
        self._taken = {}

    def wants(self, file: Path, end: int) -> bool:
        """Whether there may be something left in a journal that ends at `end`."""
        return max(self.positions.get(file.name, 0), len(MAGIC)) < end

    def behind(self, ends: Positions) -> int:
        """Return how many bytes of journals that go so far were not gone through."""
        return sum(max(0, end - self.positions.get(name, len(MAGIC))) for name, end in ends.items())

    def holds(self, file: Path) -> bool:
        """Whether something of a journal was taken and is not done."""
        return file.name in self._taken

    async def skip(self, file: Path, end: int) -> int:
        """Leave out the rest of a journal, and return how many events that was."""
        position, count = self.positions.get(file.name, 0), 0
        while position < end and (page := await self._pages.read(file, position)):
            count += sum(event is not None and self._hears(event) for event, _ in page)
            position = page[-1][1]
        self.positions[file.name] = end
        return count
