"""The destinations of a configuration as the process that tells them knows them."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tianji._core.sharing.shm import SharedCounters
from tianji.callbacks.backlog import Positions
from tianji.callbacks.board import Board
from tianji.callbacks.event import Owner
from tianji.callbacks.guests import REQUEST, Guests
from tianji.callbacks.owners import Owners
from tianji.callbacks.people import People
from tianji.callbacks.post import Post
from tianji.callbacks.settings import all_sinks
from tianji.callbacks.sink import Sink
from tianji.callbacks.teller import Teller
from tianji.config.loader import Loaded
from tianji.ledger import reading
from tianji.storage.store import Store

PATIENCE: Final = 4.0  # seconds for what is left at the end

log = logging.getLogger(__name__)


class Listening:
    """Tells the destinations of a gateway; nobody, as long as its configuration names none."""

    def __init__(self, folder: Path, loaded: Loaded, store: Store, counters: SharedCounters | None = None) -> None:
        """`counters`: where it is shown how destinations stand; None: nowhere."""
        self._board = None if counters is None else Board(counters)
        self._folder = folder
        self._post = Post()
        self._owners = Owners(store, loaded)
        self._guests = Guests(loaded)
        self._teller = Teller(folder, self._post.send, owned=self._owned, send_checked=self._post.send_checked)
        self._teller.invite(self._guests)
        self._teller.introduce(People(store))
        self.adopt(loaded)

    def adopt(self, loaded: Loaded) -> None:
        """Go by another configuration from now on."""
        sinks, problems = all_sinks(loaded)
        for problem in problems:
            log.error("%s", problem)
        self._post.adopt(loaded.config)
        self._owners.adopt(loaded)
        self._guests.adopt(loaded)
        self._teller.adopt(sinks)

    def meet(self, owner: Owner) -> None:
        """Take note of who has callbacks of his own, before journals may be removed in which his requests are."""
        self._teller.meet(owner)

    async def _owned(self, owner: Owner) -> Sequence[Sink]:
        return self._guests.sinks(owner) if owner[0] == REQUEST else await self._owners.sinks(owner)

    async def round(self, heard: Positions) -> None:
        """Let them know what the journals hold. `heard`: how far those go, by their names."""
        try:
            await self._teller.round()
            if self._board is not None and self._teller.outlets:
                there = {file.name for file in await asyncio.to_thread(reading.journals, self._folder)}
                ends = {name: end for name, end in heard.items() if name in there}
                self._board.show(self._teller.outlets.values(), ends)
        except Exception:  # boundary: what waits is still there in the next round
            log.exception("the callbacks could not be told")

    async def finished(self, name: str, position: int) -> bool:
        """Whether a journal may be removed, of which `position` is the end."""
        try:
            return await self._teller.finished(self._folder / name, position)
        except FileNotFoundError:
            return True
        except Exception:  # boundary: no journal is kept for what is wrong here
            log.exception("the callbacks could not be told of the end of a journal")
            return True

    def undelivered(self) -> dict[str, int]:
        """Return how many events each destination did not get."""
        outlets = self._teller.outlets.items()
        standings = {name: outlet.standing for name, outlet in outlets if outlet.sink.lasting}
        return {name: standing.dropped + standing.refused for name, standing in standings.items()}

    def behind(self, heard: Positions) -> int:
        """Return how many bytes of the journals are still to be told to that one which is told most.

        Those that do not take events say nothing of whether there is time to tell them. `heard`: see `round`
        """
        well = [outlet.backlog for outlet in self._teller.outlets.values() if outlet.standing.fault is None]
        return min((backlog.behind(heard) for backlog in well), default=0)

    async def close(self) -> None:
        """Tell what is left, as far as the time suffices."""
        await self._teller.close(PATIENCE)
        await self._post.close()
