"""The process that tells destinations, apart from the one that keeps the books and behind all others.

Thousands of events a second are work that would otherwise hold up requests on the same core, and the books. This
process is forked from the one of the ledger before that holds anything, loads what it needs once there is somebody to
be told (`tianji.callbacks.waiting`), and ends with it.
"""

import asyncio
import contextlib
import gc
import socket
from collections.abc import Callable

import msgspec

from tianji._core.sharing import heap
from tianji._core.sharing.revision import Revisions
from tianji._core.sharing.shm import SharedCounters
from tianji.callbacks.line import LONGEST, Answer, Question
from tianji.callbacks.listening import Listening
from tianji.config.loader import Loaded
from tianji.ledger.in_force import InForce, Written
from tianji.ledger.process import GC_THRESHOLDS


def work(
    link: socket.socket,
    written: Written,
    revisions: Revisions,
    counters: SharedCounters,
    generation: Callable[[], int],
) -> None:
    """Be that process until the other end of `link` is closed. `generation`: counts reloads of the configuration."""
    heap.settle()  # bodies of a megabyte and more are made again and again; fresh pages each time hold up the core
    asyncio.run(_serve(link, written, revisions, counters, generation))


async def _serve(
    link: socket.socket,
    written: Written,
    revisions: Revisions,
    counters: SharedCounters,
    generation: Callable[[], int],
) -> None:
    reader, writer = await asyncio.open_connection(sock=link, limit=LONGEST)
    side = _Side(written, revisions, counters, generation)
    await side.begin()
    with contextlib.suppress(ConnectionError):  # who keeps the books was killed; what is left is told all the same
        while line := await reader.readline():
            answer = await side.answer(msgspec.json.decode(line, type=Question))
            writer.write(msgspec.json.encode(answer) + b"\n")
    await side.close()
    writer.close()  # last: the other end waits for it


class _Side:
    def __init__(
        self, written: Written, revisions: Revisions, counters: SharedCounters, generation: Callable[[], int]
    ) -> None:
        self._in_force = force = InForce(written, revisions, generation, self._adopt, counters)
        self._listening = Listening(force.folder, force.loaded, force.store, counters)
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)

    async def begin(self) -> None:
        """Take in what the database adds to the configuration, before anything is told."""
        await self._in_force.begin()

    async def answer(self, question: Question) -> Answer:
        """Take in what is new in the books, and say what is here."""
        await self._in_force.look()
        for owner in question.met:
            self._listening.meet(owner)
        await self._listening.round(question.heard)
        done = [name for name, end in question.ended.items() if await self._listening.finished(name, end)]
        return Answer(tuple(done), self._listening.undelivered(), self._listening.behind(question.heard))

    async def close(self) -> None:
        """Tell what is left."""
        self._in_force.end()
        await self._listening.close()
        await self._in_force.store.close()

    def _adopt(self, loaded: Loaded) -> None:
        self._listening.adopt(loaded)
