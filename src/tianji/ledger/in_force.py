"""The configuration as processes beside the workers go by it: the file's, with what the database adds, and reloaded."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from tianji._core.sharing.revision import Revisions
from tianji._core.sharing.shm import SharedCounters
from tianji.config.loader import Loaded, load
from tianji.config.secrets import Managers
from tianji.errors import ConfigurationError
from tianji.secrets import open_source
from tianji.storage.location import journals, locate
from tianji.storage.store import Store

POOL: Final = 2  # connections: to write, and to read what others changed


class Extending(Protocol):
    """What the database adds to a configuration, and says so whenever that is another."""

    async def begin(self) -> None:
        """Look, and follow it from now on."""

    def renew(self, file: Loaded) -> None:
        """Add to another file from now on."""

    def end(self) -> None:
        """Follow it no more."""


Extends = Callable[[Store, Loaded, Callable[[Loaded], None]], Extending]
"""Makes what adds to a configuration out of a database, and tells the function of what is in force from then on."""


class Written(Struct, frozen=True):
    """A configuration, and what it is read with. `known`: what its secret manager had said before.

    extends: makes what adds to it, see Extends
    """

    file: Path
    environ: Mapping[str, str]
    known: Mapping[str, str]
    extends: Extends | None = None


class InForce:
    """`loaded`: the configuration of the moment; `store`: its database; `folder`: of its journals."""

    def __init__(
        self,
        written: Written,
        revisions: Revisions,
        generation: Callable[[], int],
        adopt: Callable[[Loaded], None],
        counters: SharedCounters | None = None,
    ) -> None:
        """Read the file. Raises ConfigurationError for one that cannot be used.

        generation: counts reloads of it; adopt: is told of each configuration but the first
        """
        self._written = written
        self._generation = generation
        self._seen = generation()
        self._adopt = adopt
        self._extending: Extending | None = None
        self.loaded = load(written.file, written.environ, managers=Managers(open_source, written.known))
        url, environment = self.loaded.config.general_settings.database_url, self.loaded.environment
        self.store = Store(locate(url, environment, written.file), revisions, pool=POOL, counters=counters)
        self.folder = journals(environment, written.file)

    async def begin(self) -> None:
        """Take in what the database adds, and follow it from now on."""
        if self._written.extends is not None:
            self._extending = self._written.extends(self.store, self.loaded, self._change)
            await self._extending.begin()

    async def look(self) -> None:
        """Read the file again if there was a reload. One that cannot be used the workers speak of; this goes on."""
        if self._generation() == self._seen:
            return
        self._seen = self._generation()
        managers = Managers(open_source, self.loaded.secrets.values)
        try:
            file = await asyncio.to_thread(load, self._written.file, self._written.environ, managers=managers)
        except ConfigurationError:
            return
        if self._extending is None:
            self._change(file)
        else:
            self._extending.renew(file)

    def end(self) -> None:
        """Follow the database no more."""
        if self._extending is not None:
            self._extending.end()

    def _change(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self._adopt(loaded)
