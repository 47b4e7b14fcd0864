"""Answers to requests that mean the same, as requests meet them.

A text becomes a vector by a model, and the nearest vector among those of the same key is looked for. Both may be slow
or broken: then the request goes on without, and nobody asks again for a while.
"""

import asyncio
import hashlib
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from tianji._core.caching.memory import Answer
from tianji._core.caching.recall import Lookup
from tianji.cache.far import FIRST_REST, LONGEST_REST, WRITING, Found, lifetime
from tianji.cache.semantic.meaning import Meaning
from tianji.cache.stored import decoded, encoded
from tianji.clock import SYSTEM
from tianji.errors import TianjiError

LOG: Final = logging.getLogger("tianji.cache")
MOST_WRITING: Final = 64  # answers that are being written; beyond, they are not kept

Embed = Callable[[list[str]], Awaitable[Sequence[Sequence[float]]]]
"""Gives the vector of each text. Raises TianjiError."""


class Vectors(Protocol):
    """Where answers are kept by vectors. `failures`: what its methods raise when it does not work."""

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """Return them."""

    async def nearest(self, key: str, vector: Sequence[float]) -> tuple[bytes, float] | None:
        """Return what is kept by the nearest vector among those of `key`, and how alike it is, from -1 to 1."""

    async def put(self, key: str, name: str, vector: Sequence[float], value: bytes, seconds: float) -> None:
        """Keep a value for so many seconds; 0: for ever. `name`: of the text, so that the same one has one value."""

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget what is kept by these keys."""

    async def clear(self) -> None:
        """Forget everything that a cache has kept there."""

    async def ping(self) -> None:
        """Return when it works."""

    async def aclose(self) -> None:
        """Let go of it."""


class Likeness:
    """One place and one model; it belongs to the loop. `ready`: it may be asked.

    `threshold`: how alike texts have to be. `thinking` and `patience`: seconds that a request waits for a vector, and
    for what is nearest to it.
    """

    def __init__(self, place: Vectors, embed: Embed, *, threshold: float, thinking: float, patience: float) -> None:
        self.place = place
        self.ready = True
        self._embed = embed
        self._threshold = threshold
        self._thinking = thinking
        self._patience = patience
        self._failures: tuple[type[Exception], ...] = (*place.failures, TianjiError, TimeoutError, ValueError)
        self._rest_for = FIRST_REST
        self._writing: set[asyncio.Task[None]] = set()
        self._prober: asyncio.Task[None] | None = None

    def find_like(self, lookup: Lookup) -> asyncio.Future[Found]:
        """Look for an answer to what means the same; the future never fails."""
        return asyncio.get_running_loop().create_task(self._find(lookup))

    def keep_like(self, lookup: Lookup, answer: Answer) -> None:
        """Have an answer written, soon; not where it rests, or much waits already."""
        if not self.ready or len(self._writing) >= MOST_WRITING:
            return
        task = asyncio.get_running_loop().create_task(self._keep(str(lookup.key), lookup.meaning, answer))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def probe(self) -> None:
        """Return when the place works. Raises its failures."""
        await self.place.ping()

    async def close(self) -> None:
        """Write what waits, within a few seconds, and let go of the place."""
        if self._writing:
            await asyncio.wait(self._writing, timeout=WRITING)
        for task in (*self._writing, self._prober):
            if task is not None:
                task.cancel()
        await self.place.aclose()

    async def _find(self, lookup: Lookup) -> Found:
        key = str(lookup.key)
        try:
            vector = await self._vector(lookup.meaning)
            if vector is None:
                return [(key, None)]
            async with asyncio.timeout(self._patience):
                found = await self.place.nearest(key, vector)
        except self._failures as error:
            self._rest(error)
            return [(key, None)]
        self._rest_for = FIRST_REST
        if found is None or found[1] < self._threshold:
            return [(key, None)]
        lookup.similarity = found[1]
        return [(key, decoded(found[0]))]

    async def _vector(self, meaning: Meaning) -> list[float] | None:
        """Return the vector of a text, of length 1; None for one that says nothing to the model."""
        if meaning.vector is None:
            async with asyncio.timeout(self._thinking):
                (found,) = await self._embed([meaning.text])
            length = math.hypot(*found)
            if not 0 < length < math.inf:
                return None
            meaning.vector = [float(value) / length for value in found]
        return meaning.vector

    async def _keep(self, key: str, meaning: Meaning, answer: Answer) -> None:
        try:
            vector = await self._vector(meaning)
            seconds = lifetime(answer, SYSTEM.now())
            if vector is None or seconds < 0:
                return
            name = hashlib.sha256(f"{key}\n{meaning.text}".encode("utf-8", "surrogatepass")).hexdigest()
            async with asyncio.timeout(WRITING):
                await self.place.put(key, name, vector, encoded(answer), seconds)
        except self._failures as error:
            self._rest(error)

    def _rest(self, why: Exception) -> None:
        """Ask no more for a while, longer each time, and then only if the place works."""
        if self.ready:
            LOG.warning("the semantic cache is not asked for now: %s: %s", type(why).__name__, why)
            self.ready = False
            self._prober = asyncio.get_running_loop().create_task(self._probe())

    async def _probe(self) -> None:
        while True:
            await asyncio.sleep(self._rest_for)
            self._rest_for = min(LONGEST_REST, self._rest_for * 2)
            try:
                async with asyncio.timeout(self._patience):
                    await self.place.ping()
                break
            except self._failures:
                continue
        self.ready = True
