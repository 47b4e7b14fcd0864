"""What the books say to the process that tells destinations, and the end of that line which is with the books.

The books never wait for an answer: they ask again in their next round. One question is under way at a time, so that
nothing piles up while the other side is slow. See `tianji.callbacks.apart` for that side.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from tianji.callbacks.backlog import Positions
from tianji.callbacks.event import Owner
from tianji.callbacks.pace import Pace
from tianji.callbacks.said import opened
from tianji.callbacks.settings import tells_content, wanted
from tianji.callbacks.teller import STATE
from tianji.config.loader import Loaded
from tianji.ledger import reading
from tianji.ledger.entry import Entry, Payload
from tianji.ledger.reading import Batch

PATIENCE: Final = 4.5  # seconds that the other side may take to end
LONGEST: Final = 1 << 24  # bytes of a message

log = logging.getLogger(__name__)


class Question(Struct, frozen=True):
    """What is new in the books.

    heard: how far journals go; met: who has callbacks of his own, and is in them
    ended: the ends of journals that are in the database, and may go when all were told
    """

    heard: Positions
    met: tuple[Owner, ...] = ()
    ended: Positions = {}


class Answer(Struct, frozen=True):
    """done: the journals that may go; undelivered: how many events each destination did not get.

    behind: bytes of journals that are still to be told, see `Listening.behind`
    """

    done: tuple[str, ...]
    undelivered: dict[str, int]
    behind: int = 0


class Line:
    """Stands for the destinations where the books are kept. As long as nobody is to be told, nothing is said.

    whole: workers write down what was said unshortened, since a destination is to have it
    """

    whole: bool

    def __init__(self, folder: Path, loaded: Loaded, link: socket.socket, lost: Callable[[], None], pace: Pace) -> None:
        """`folder`: of the journals; `lost`: called once the other side ended without being told to.

        pace: looks after the other side's priority
        """
        self._folder = folder
        self._link = link
        self._pace = pace
        self._lost = lost
        self._heard: Positions = {}
        self._met: set[Owner] = set()
        self._ended: Positions = {}
        self._done: set[str] = set()
        self._undelivered: dict[str, int] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._answers: asyncio.Task[None] | None = None
        self._asked = self._ending = False
        self._speaks = (folder.parent / STATE).exists()  # somebody may have been told before
        self.adopt(loaded)

    def adopt(self, loaded: Loaded) -> None:
        """Go by another configuration from now on."""
        self.whole = tells_content(loaded.config)
        self._tells = bool(wanted(loaded.config))

    def meet(self, entry: Entry) -> None:
        """Take note of an entry whose key or team has callbacks of its own."""
        telling = None if entry.payload is None else entry.payload.telling
        if telling is not None and telling.owner:
            name = entry.key if telling.owner == "key" else entry.team_id
            self._met.add((telling.owner, name or ""))

    def opened(self, payload: Payload) -> Payload:
        """Return what was said with its parts apart, as the database keeps it."""
        return opened(payload)

    def undelivered(self) -> dict[str, int]:
        """Return how many events each destination did not get, as of late."""
        return self._undelivered

    async def hear(self, file: Path, _start: int, batch: Batch) -> None:
        """Take note of how far a journal goes."""
        self._heard[file.name] = batch.position

    async def round(self, _files: Sequence[Path]) -> None:
        """Say what is new, unless an answer is still to come."""
        self._speaks = self._speaks or self._tells or bool(self._met)
        self._pace.look()
        if self._speaks and not self._asked:
            there = {file.name for file in await asyncio.to_thread(reading.journals, self._folder)}
            for known in (self._heard, self._ended):
                for name in known.keys() - there:
                    del known[name]
            self._done &= there
            await self._ask()

    async def finished(self, file: Path, position: int) -> bool:
        """Whether a journal may be removed, of which `position` is the end."""
        if not (self._tells or self._met or self._speaks):
            return True
        if file.name in self._done:
            return True
        self._ended[file.name] = position
        return False

    async def close(self) -> None:
        """Have the other side end, which tells what is left as far as its time suffices. Once is enough."""
        if self._ending:
            return
        self._ending = True
        self._pace.hurry()
        if self._speaks or self._met:
            await self._ask()
        if self._writer is None or self._answers is None:
            self._link.close()
            return
        self._writer.write_eof()
        await asyncio.wait({self._answers}, timeout=PATIENCE)
        self._answers.cancel()
        self._writer.close()

    async def _ask(self) -> None:
        if self._writer is None:
            reader, self._writer = await asyncio.open_connection(sock=self._link, limit=LONGEST)
            self._answers = asyncio.create_task(self._listen(reader))
        ended = {name: end for name, end in self._ended.items() if name not in self._done}
        question = Question(self._heard, tuple(sorted(self._met)), ended)
        self._met.clear()
        self._asked = True
        self._pace.asked()
        self._writer.write(msgspec.json.encode(question) + b"\n")

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                answer = msgspec.json.decode(line, type=Answer)
                self._done.update(answer.done)
                self._undelivered = answer.undelivered
                self._asked = False
                self._pace.answered(answer.behind)
        if not self._ending:
            log.error("the process that tells destinations has ended; another one begins, with the ledger's")
            self._lost()
