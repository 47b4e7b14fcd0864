"""What is kept beyond a worker's memory, asked for so that nobody waits for it long.

Keys that are asked for while a question is under way make up the next one. Who has waited for `patience` seconds goes
on without; from then on nobody asks until the place has answered in time again, which is tried beside the requests.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from tianji._core.caching.memory import Answer
from tianji.cache.stored import decoded, encoded
from tianji.clock import SYSTEM

LOG: Final = logging.getLogger("tianji.cache")
MOST_WAITING: Final = 32 << 20  # bytes of answers that are to be written; beyond, they are not kept
MOST_AT_ONCE: Final = 128  # keys of one question, answers of one writing
WRITING: Final = 5.0  # seconds that a writing may take
FIRST_REST: Final = 0.25  # seconds
LONGEST_REST: Final = 15.0
PROBE: Final = "tianji-probe"
PING: Final = "tianji-ping"
PINGED_FOR: Final = 60.0  # seconds
Found = list[tuple[str, Answer | None]]


class Place(Protocol):
    """Where answers are kept. `failures`: what its methods raise when it does not work, TimeoutError among them."""

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """Return them."""

    async def read(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        """Return what is kept by these keys, None for nothing."""

    async def write(self, values: Mapping[str, tuple[bytes, float]]) -> None:
        """Keep values by their keys, each for so many seconds; 0: for ever."""

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget what is kept by these keys."""

    async def clear(self) -> None:
        """Forget everything that a cache has kept there."""

    async def ping(self) -> None:
        """Return when it works."""

    async def aclose(self) -> None:
        """Let go of it."""


class Far:
    """One place, as requests meet it; it belongs to the loop. `ready`: it may be asked.

    `patience`: seconds that a request waits for it at the most
    """

    def __init__(self, place: Place, *, patience: float) -> None:
        self.place = place
        self.ready = True
        self._patience = patience
        self._asked: list[Question] = []
        self._under_way: list[Question] = []
        self._writing: dict[str, Answer] = {}
        self._bytes = 0
        self._rest_for = FIRST_REST
        self._rested_at = 0.0
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._prober: asyncio.Task[None] | None = None

    def find(self, keys: Sequence[str]) -> asyncio.Future[Found]:
        """Ask for these keys; the future never fails, and a place that is late or broken has nothing."""
        loop = asyncio.get_running_loop()
        question = Question(loop.create_future(), tuple(keys))
        self._asked.append(question)
        loop.call_later(self._patience, self._late, question)
        if self._reader is None:
            self._reader = loop.create_task(self._read())
        return question.future

    def keep(self, key: str, answer: Answer) -> None:
        """Have an answer written, soon; not where the place rests, or more wait already than it takes."""
        if not self.ready or self._bytes + len(answer.body) > MOST_WAITING:
            return
        before = self._writing.get(key)
        self._writing[key] = answer
        self._bytes += len(answer.body) - (0 if before is None else len(before.body))
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write())

    async def probe(self) -> None:
        """Return when the place can be asked and written to. Raises its failures."""
        await self.place.ping()
        await self.place.write({PING: (b"", PINGED_FOR)})

    async def close(self) -> None:
        """Write what waits, within a few seconds, and let go of the place."""
        if self._writer is not None:
            await asyncio.wait([self._writer], timeout=WRITING)
        for task in (self._reader, self._writer, self._prober):
            if task is not None:
                task.cancel()
        self._tell_all()
        await self.place.aclose()

    async def _read(self) -> None:
        while self._asked:
            taken, self._asked = self._asked[:MOST_AT_ONCE], self._asked[MOST_AT_ONCE:]
            self._under_way = [question for question in taken if not question.future.done()]
            keys = list(dict.fromkeys(key for question in self._under_way for key in question.keys))
            if not keys:
                continue
            try:
                values = await self.place.read(keys)
            except self.place.failures as error:
                self._reader = None
                self._rest(f"{type(error).__name__}: {error}")
                return
            found = {key: decoded(value) for key, value in zip(keys, values, strict=True)}
            for question in self._under_way:
                question.tell(found)
            self._under_way = []
        self._reader = None

    async def _write(self) -> None:
        while self._writing:
            some = dict(list(self._writing.items())[:MOST_AT_ONCE])
            now = SYSTEM.now()
            values = {key: (encoded(answer), lifetime(answer, now)) for key, answer in some.items()}
            for key, answer in some.items():
                del self._writing[key]
                self._bytes -= len(answer.body)
            try:
                async with asyncio.timeout(WRITING):
                    await self.place.write({key: value for key, value in values.items() if value[1] >= 0})
            except self.place.failures as error:
                self._writing, self._bytes = {}, 0
                self._rest(f"{type(error).__name__}: {error}")
        self._writer = None

    def _late(self, question: "Question") -> None:
        if not question.future.done():
            self._rest(f"no answer within {self._patience * 1000:.0f} ms")
            question.tell({})

    def _rest(self, why: str) -> None:
        """Ask no more until it has answered in time again. Who comes back soon from a rest rests longer."""
        if self.ready:
            LOG.warning("the cache is not asked for now: %s", why)
            loop = asyncio.get_running_loop()
            self._rest_for = min(LONGEST_REST, self._rest_for * 2)
            if loop.time() - self._rested_at > LONGEST_REST * 4:
                self._rest_for = FIRST_REST
            self.ready = False
            self._prober = loop.create_task(self._probe())
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None
        self._tell_all()

    def _tell_all(self) -> None:
        waiting, self._asked, self._under_way = [*self._under_way, *self._asked], [], []
        for question in waiting:
            question.tell({})

    async def _probe(self) -> None:
        while True:
            await asyncio.sleep(self._rest_for)
            try:
                async with asyncio.timeout(self._patience):
                    await self.place.read([PROBE])
                break
            except self.place.failures:
                self._rest_for = min(LONGEST_REST, self._rest_for * 2)
        self._rested_at = asyncio.get_running_loop().time()
        self.ready = True
        LOG.warning("the cache answers again")


class Question:
    """Keys that a request waits for."""

    def __init__(self, future: asyncio.Future[Found], keys: tuple[str, ...]) -> None:
        self.future = future
        self.keys = keys

    def tell(self, found: Mapping[str, Answer | None]) -> None:
        """Answer, unless nobody waits any more."""
        if not self.future.done():
            self.future.set_result([(key, found.get(key)) for key in self.keys])


def lifetime(answer: Answer, now: float) -> float:
    """Return how many seconds an answer is to be kept from now on: 0 for ever, below 0 no longer."""
    left = answer.expires - now
    return 0.0 if answer.expires == 0 else left if left > 0 else -1.0
