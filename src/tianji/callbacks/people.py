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


def _ids(entry: Entry) -> tuple[tuple[str, str | None], ...]:
    """Return the ids that an entry has, in the order of `Called`."""
    return (
        ("team", entry.team_id), ("organization", entry.organization_id), ("user", entry.user_id),
        ("project", entry.project_id),
    )  # fmt: skip


class People:
    """Knows them, out of the database."""

    def __init__(self, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._names: dict[Id, tuple[str | None, float]] = {}
        self._away = float("-inf")  # when the database did not answer

    def called(self, entry: Entry) -> Called:
        """Return what those of an entry are called, as far as that is known now."""
        ids = _ids(entry)
        return Called(*(self._name(*one) for one in ids)) if any(id for _, id in ids) else NOBODY  # noqa: A001

    def _name(self, kind: str, id: str | None) -> str | None:  # noqa: A002 - as everywhere
        found = None if id is None else self._names.get((kind, id))
        return None if found is None else found[0]

    async def meet(self, entries: Iterable[Entry]) -> None:
        """Learn what those are called whom entries name. While the database is away they have no names."""
        now = self._monotonic()
        ids: set[Id] = set()
        for entry in entries:
            ids.update((kind, id) for kind, id in _ids(entry) if id)  # noqa: A001 - as everywhere
        lacking = {one for one in ids if now - self._names.get(one, (None, float("-inf")))[1] > FRESH}
        if not lacking or now - self._away < 1:
            return
        try:
            found = await self._looked_up(lacking)
        except (StoreUnavailable, TimeoutError):
            self._away = now
            return
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
