"""The destinations that keys and teams have of their own, as the database says it."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from tianji.callbacks.event import Owner
from tianji.callbacks.settings import hidden_in, listed, made
from tianji.callbacks.sink import Sink
from tianji.callbacks.variables import CLOSED, PURPOSE, Own, as_params, brings_place, changed, of_settings, owned, vault
from tianji.callbacks.vendors import ALIASES
from tianji.config.loader import Loaded
from tianji.errors import ConfigurationError
from tianji.storage.store import Store
from tianji.storage.tables import KEYS, TEAMS

REMEMBERED: Final = 10.0  # seconds for which it is not looked up again what somebody has

log = logging.getLogger(__name__)


class Owners:
    """Knows what each of them has. What cannot be built is said once."""

    def __init__(self, store: Store, loaded: Loaded, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._known: dict[Owner, tuple[float, tuple[Sink, ...]]] = {}
        self._said: set[str] = set()
        self.adopt(loaded)

    def adopt(self, loaded: Loaded) -> None:
        """Go by another configuration from now on."""
        self._loaded = loaded
        self._known.clear()

    async def sinks(self, owner: Owner) -> Sequence[Sink]:
        """Return the destinations of a key or a team. Raises StoreUnavailable while that cannot be known."""
        at, known = self._known.get(owner, (float("-inf"), ()))
        if self._monotonic() - at < REMEMBERED:
            return known
        owned = await self._owned(owner)
        found = await asyncio.to_thread(self._all_built, owner, owned)  # some look for files of the machine's
        self._known[owner] = self._monotonic(), found
        return found

    async def _owned(self, owner: Owner) -> Sequence[Own]:
        kind, name = owner
        table, column = (KEYS, KEYS.c.token) if kind == "key" else (TEAMS, TEAMS.c.team_id)
        database = await self._store.open()
        async with database.reading() as connection:
            row = (await connection.execute(sa.select(table.c.metadata).where(column == name))).first()
        found = owned(changed((row and row[0]) or {}, self._opened))
        if found or kind == "key":
            return found
        teams = self._loaded.config.litellm_settings.default_team_settings
        return [own for team in teams if team.team_id == name for own in of_settings(_written(team))]

    def _opened(self, name: str, value: Any) -> Any:
        """Return a variable as it is used; None for one that was closed under another salt."""
        if not isinstance(value, str) or not value.startswith(CLOSED):
            return value
        try:
            return vault(self._loaded, PURPOSE).open(value.removeprefix(CLOSED), name)
        except ValueError as error:
            log.error("a callback's %s cannot be read: %s", name, error)
            return None

    def _all_built(self, owner: Owner, owned: Sequence[Own]) -> tuple[Sink, ...]:
        return tuple(sink for own in owned for sink in self._built(owner, own))

    def _built(self, owner: Owner, own: Own) -> Sequence[Sink]:
        """Return what there is of a destination. Who says where events go gets no credentials of the gateway."""
        environ: Mapping[str, str] = {} if brings_place(own.variables) else self._loaded.environment
        label = f"{' '.join(owner)} {own.name}"
        try:
            kind = ALIASES.get(own.name, own.name)
            sinks = listed(made(kind, as_params(own.variables), environ), label, own.hears)
        except (ConfigurationError, ValueError) as error:
            problem = f"callbacks of {' '.join(owner)}: {error}"
            if problem not in self._said:
                self._said.add(problem)
                log.error("%s", problem)
            return ()
        hidden = hidden_in(self._loaded.config)
        return [msgspec.structs.replace(sink, owner=owner, hidden=hidden) for sink in sinks]


def _written(team: Any) -> dict[str, Any]:
    return {**team.extra, "success_callback": team.success_callback, "failure_callback": team.failure_callback}
