"""Stored responses on their way into the database.

All that come while one transaction is under way go into the next together: a transaction costs as much as a hundred
requests do.
"""

import functools
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from msgspec import Struct

from tianji.auth.identity import Identity, Role
from tianji.errors import StoreUnavailable
from tianji.lazy import load
from tianji.storage.store import Store

AT_ONCE: Final = 64  # responses in one transaction
_TABLE: Final = "tianji.storage.responses"

table: Final = functools.cache(lambda: load(_TABLE))
"""The module of the table, which brings SQLAlchemy; asked for by each response."""
log = logging.getLogger(__name__)


class Arrival(Struct, frozen=True):
    """A response that is to be stored for whoever asked for it. done: called once that was tried."""

    kept: Any
    caller: Identity
    done: Callable[[], None]


class Keeping:
    """Stores responses, those of one worker. begin: lets something run by itself, and does not forget it."""

    def __init__(self, store: Store, begin: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self._store = store
        self._begin = begin
        self._waiting: list[Arrival] = []
        self._busy = False

    def add(self, arrival: Arrival) -> None:
        """Store a response; a warning says it if that fails."""
        self._waiting.append(arrival)
        if not self._busy:
            self._busy = True
            self._begin(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._take()
        finally:
            self._busy = False
            for arrival in self._waiting:  # this was stopped
                arrival.done()
            self._waiting = []

    async def _take(self) -> None:
        """Store the next ones. Those who wait for it go on, whatever becomes of it."""
        taken, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
        try:
            await self._keep(taken)
        except StoreUnavailable as error:
            log.warning("%d responses were not stored: %s", len(taken), error)
        finally:
            for arrival in taken:
                arrival.done()

    async def _keep(self, taken: list[Arrival]) -> None:
        database = await self._store.open()
        new = await table().keep_all(database, [arrival.kept for arrival in taken])
        for arrival in taken:
            if arrival.kept.id not in new:
                first = await table().find(database, arrival.kept.id)
                if first is not None and not may_see(arrival.caller, first):
                    log.warning("a response was not stored: somebody else has one with its id")


def may_see(caller: Identity, kept: Any) -> bool:
    """Tell whether a response is the caller's: his team's, his own, or his key's."""
    if caller.role is Role.PROXY_ADMIN:
        return True
    if kept.team_id is not None or caller.team_id is not None:
        return bool(kept.team_id == caller.team_id)
    if kept.user_id is not None:
        return bool(kept.user_id == caller.user_id)
    return bool(kept.key == caller.key)
