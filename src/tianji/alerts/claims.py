"""Who tells of something: one process of all machines, once in a while.

Where a Valkey or Redis is configured it knows what was told; while it does not answer, and where there is none, this
machine remembers for itself.
"""

import logging
from collections.abc import Callable
from typing import Any, Final

from tianji.storage.valkey import close

PREFIX: Final = "tianji:alerts:"
MOST: Final = 10_000  # that are remembered here

log = logging.getLogger(__name__)


class Claims:
    """What was told. `now` gives seconds since 1970."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.ends: dict[str, float] = {}
        self._server: Any = None
        self._former: list[Any] = []

    def share(self, server: Any) -> None:
        """Share what was told by this client of Valkey from now on; None: with nobody."""
        if self._server is not None:
            self._former.append(self._server)  # a question may be under way
        self._server = server

    async def close(self) -> None:
        """Close the connections."""
        self.share(None)
        for server in self._former:
            await close(server)
        self._former = []

    async def take(self, key: str, ttl: float) -> bool:
        """Whether to tell of what `key` stands for; nobody else does so for `ttl` seconds then."""
        now = self._now()
        if self.ends.get(key, 0.0) > now:
            return False
        if not await self._first(key, ttl):
            return False
        if len(self.ends) >= MOST:
            self.ends = {name: end for name, end in self.ends.items() if end > now}
        while len(self.ends) >= MOST:
            self.ends.pop(next(iter(self.ends)))
        self.ends[key] = now + ttl
        return True

    async def _first(self, key: str, ttl: float) -> bool:
        if self._server is None:
            return True
        try:
            return await self._server.set(PREFIX + key, "1", nx=True, px=max(1, int(ttl * 1000))) is not None
        except Exception as error:  # noqa: BLE001 - whatever a client raises: a store that is away silences nobody
            log.warning("alerts are not shared with other machines at the moment: %s", type(error).__name__)
            return True
