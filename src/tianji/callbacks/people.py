"""What teams, organizations, users and projects are called whom events name by their ids alone."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final

import sqlalchemy as sa

from tianji.callbacks.event import NOBODY, Called
from tianji.errors import StoreUnavailable
from tianji.ledger.entry import Entry
from tianji.storage.store import Store
from tianji.storage.tables import ORGANIZATIONS, PROJECTS, TEAMS, USERS

FRESH: Final = 60.0  # seconds for which a name is believed
MOST: Final = 20_000  # that are remembered; with more all are forgotten
_COLUMNS: Final = {
    "team": (TEAMS.c.team_id, TEAMS.c.team_alias),
    "organization": (ORGANIZATIONS.c.organization_id, ORGANIZATIONS.c.organization_alias),
    "user": (USERS.c.user_id, USERS.c.user_email),
    "project": (PROJECTS.c.project_id, PROJECTS.c.project_alias),
}
Id = tuple[str, str]
"""Of a kind in `_COLUMNS`, and the id."""


Ids = tuple[str | None, str | None, str | None, str | None]
"""Those of an entry, in the order of `_COLUMNS` and of `Called`."""
_NONE: Final[Ids] = (None, None, None, None)


def _ids(entry: Entry) -> Ids:
    return entry.team_id, entry.organization_id, entry.user_id, entry.project_id


class People:
    """Knows them, out of the database."""

    def __init__(self, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._names: dict[Id, tuple[str | None, float]] = {}
        self._called: dict[Ids, Called] = {}  # for as long as nobody is called otherwise
        self._away = float("-inf")  # when the database did not answer

    def called(self, entry: Entry) -> Called:
        """Return what those of an entry are called, as far as that is known now."""
        ids = _ids(entry)
        if ids == _NONE:
            return NOBODY
        found = self._called.get(ids)
        if found is None:
            if len(self._called) >= MOST:
                self._called.clear()
            found = Called(*(self._name(kind, id) for kind, id in zip(_COLUMNS, ids, strict=True)))  # noqa: A001
            self._called[ids] = found
        return found

    def _name(self, kind: str, id: str | None) -> str | None:  # noqa: A002 - as everywhere
        found = None if id is None else self._names.get((kind, id))
        return None if found is None else found[0]

    async def meet(self, entries: Iterable[Entry]) -> None:
        """Learn what those are called whom entries name. While the database is away they have no names."""
        now = self._monotonic()
        groups = set(map(_ids, entries))
        ids = {(kind, id) for group in groups for kind, id in zip(_COLUMNS, group, strict=True) if id}  # noqa: A001
        lacking = {one for one in ids if now - self._names.get(one, (None, float("-inf")))[1] > FRESH}
        if not lacking or now - self._away < 1:
            return
        try:
            found = await self._looked_up(lacking)
        except (StoreUnavailable, TimeoutError):
            self._away = now
            return
        self._called.clear()
        if len(self._names) + len(lacking) > MOST:
            self._names.clear()
        self._names.update((one, (found.get(one), now)) for one in lacking)

    async def _looked_up(self, ids: set[Id]) -> dict[Id, str | None]:
        found: dict[Id, str | None] = {}
        async with asyncio.timeout(5):
            database = await self._store.open()
            async with database.reading() as connection:
                for kind, (column, name) in _COLUMNS.items():
                    asked = [id for known, id in ids if known == kind]  # noqa: A001 - as everywhere
                    if asked:
                        rows = await connection.execute(sa.select(column, name).where(column.in_(asked)))
                        found |= {(kind, row[0]): row[1] for row in rows}
        return found
