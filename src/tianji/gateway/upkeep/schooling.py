"""What adaptive routers have learnt is kept in the database: over restarts, and for all machines that share it."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from tianji import lazy
from tianji.clock import SYSTEM, Clock
from tianji.errors import StoreUnavailable
from tianji.routing.auto.adaptive import AdaptiveRouter
from tianji.routing.auto.lessons import Lessons
from tianji.storage.store import Store

LOG: Final = logging.getLogger("tianji.routing")
JOB: Final = 12  # its number among those that workers take turns at, see tianji.management.schedule
EVERY: Final = 5.0  # seconds between two exchanges with the database
LOOK: Final = 1.0  # seconds between two looks whether it is time


class Schooling:
    """Tells the database what was learnt here, and hears what others have; one worker of a machine at a time."""

    def __init__(self, routers: Iterable[AdaptiveRouter], store: Store, clock: Clock = SYSTEM) -> None:
        self._routers = routers
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Do so whenever it is time, without end. Without an answer the next time has the same to tell."""
        while True:
            if self._store.revisions.claim(JOB, int(self._clock.monotonic() * 1000), int(EVERY * 1000)):
                try:
                    await self.round()
                except StoreUnavailable as error:
                    LOG.warning("what adaptive routers have learnt is not kept now, and will be: %s", error)
            await asyncio.sleep(LOOK)

    async def round(self) -> None:
        """Exchange the lessons of all routers. Raises StoreUnavailable."""
        for router in self._routers:
            await self._exchange(router.lessons)

    async def _exchange(self, lessons: Lessons) -> None:
        given = lessons.untold()
        if not given and not await asyncio.to_thread(lambda: self._store.location.exists):
            return  # no database is made to ask an empty one
        known = await lazy.load("tianji.storage.lessons").exchanged(await self._store.open(), lessons.router, given)
        lessons.told(given, known)
