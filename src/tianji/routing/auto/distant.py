"""The semantic router whose embeddings come from a model group, so that each new text is a call to an upstream."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from tianji.clock import Clock
from tianji.errors import TianjiError
from tianji.lazy import load
from tianji.routing.auto.content import Content
from tianji.routing.auto.decision import Decision, Default
from tianji.routing.auto.semantic import Example, Routes

LOG = logging.getLogger("tianji.routing")

Vector = Sequence[float]
AsyncEmbed = Callable[[list[str]], Awaitable[Sequence[Vector]]]
"""Asks a model group for the vector of each text. Raises TianjiError."""

TIMEOUT: Final = 2.0  # seconds for all the calls of one decision
REST: Final = 30.0  # seconds without a call after one that failed, so that not every request waits for what is down
REMEMBERED: Final = 1024  # texts


class DistantSemanticRouter:
    """Decides by meaning. The examples are embedded when the first request comes, and kept.

    Whatever goes wrong, the request goes where no route takes it. Belongs to one event loop.
    """

    def __init__(
        self, routes: Sequence[Example], embed: AsyncEmbed, most: int, otherwise: Default, clock: Clock
    ) -> None:
        """`most`: characters of a text that are embedded; `otherwise` takes what no route takes."""
        load("numpy")  # now: to import it later would hold up the loop
        self._examples = routes
        self._embed = embed
        self._most = most
        self._otherwise = otherwise
        self._clock = clock
        self._routes: Routes | None = None
        self._first = asyncio.Lock()
        self._known: dict[bytes, tuple[Example, float] | None] = {}
        self._rests_until = 0.0

    async def decide(self, content: Content) -> Decision:
        """Return the group of the nearest route."""
        text = content.text[: self._most]
        found = await self._found(text) if text and not text.isspace() else None
        if found is None:
            return self._otherwise.decide(content)
        route, score = found
        return Decision(route.group, f"meaning: {route.name} {score:.2f}")

    async def _found(self, text: str) -> tuple[Example, float] | None:
        key = hashlib.blake2b(text.encode(), digest_size=16).digest()
        if key in self._known:
            return self._known[key]
        if self._clock.monotonic() < self._rests_until:
            return None
        try:
            async with asyncio.timeout(TIMEOUT):
                routes = await self._embedded()
                (vector,) = await self._embed([text])
            found = routes.nearest(vector)
        except (TianjiError, TimeoutError, ValueError) as error:
            LOG.warning("auto router: no embedding, so the default model decides: %r", error)
            self._rests_until = self._clock.monotonic() + REST
            return None
        while len(self._known) >= REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[key] = found
        return found

    async def _embedded(self) -> Routes:
        async with self._first:
            if self._routes is None:
                texts = [text for route in self._examples for text in route.utterances]
                self._routes = Routes(self._examples, await self._embed(texts))
            return self._routes
