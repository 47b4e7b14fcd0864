"""Guardrails and hooks where a configuration has some: a worker without any loads nothing of them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tianji._core.requests.asked import Asked
from tianji._core.requests.forward import Endpoint
from tianji._core.upstreams.pool import Pool
from tianji.config.loader import Loaded
from tianji.config.problems import InvalidConfiguration
from tianji.config.schema import Config
from tianji.dialects.openai import Dialect
from tianji.gateway.bookkeeping import Bookkeeping
from tianji.gateway.compiled.shared import Shared
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.guardrails.old_callbacks import named_in_callbacks
from tianji.hooks.naming import has_hooks, own_judges
from tianji.lazy import load


def guarded(config: Config) -> bool:
    """Whether a configuration has guardrails, of any form."""
    return bool(config.guardrails or config.litellm_settings.guardrails or named_in_callbacks(config))


def judged(loaded: Loaded, folder: Path) -> Loaded:
    """Return a configuration with what is to be said of its guardrails and hooks. Raises InvalidConfiguration.

    folder: in which the files of the configuration lie
    """
    if has_hooks(loaded.config) or own_judges(loaded.config):
        load("tianji.gateway.hooking.building").require(loaded, folder)
    if not guarded(loaded.config):
        return loaded
    found = load("tianji.guardrails.building").problems(loaded, folder)
    fatal = sum(problem.fatal for problem in found)
    if fatal:
        raise InvalidConfiguration(f"{fatal} guardrail{'s' * (fatal > 1)} cannot be built", found)
    return replace(loaded, problems=(*loaded.problems, *found))


class Guarding:
    """The guards of one worker.

    found: the guardrails in force, None where there are none; narrow: what hides models from lists, None where nobody
        does, see hooking.listing
    lots: who judges requests that come many at a time, None where nobody does, see hooking.lots
    """

    found: Any = None
    lots: Any = None
    narrow: Any = None

    def __init__(
        self,
        folder: Path,
        shared: Shared,
        pool: Pool,
        books: Bookkeeping,
        endpoints: Iterable[tuple[Dialect, Endpoint]],
    ) -> None:
        """`books`: where entries of the ledger wait; endpoints: through which models are asked."""
        self._means = (folder, shared, pool, books, endpoints)
        self._building: Any = None

    def guards(self, snapshot: Snapshot) -> Callable[[Asked], Any] | None:
        """Return what asks of each request who watches it; None where nobody watches any."""
        found: Callable[[Asked], Any] | None = self._guardrails(snapshot)
        self.narrow, self.lots = None, self.found
        if has_hooks(snapshot.config):
            building = load("tianji.gateway.hooking.building")
            self.narrow = building.listing(snapshot.config, self._means[0])
            self.lots = building.lots(snapshot.config, self._means[0], self.found)
            found = building.around(snapshot, found, self._means[0])
        return found

    def _guardrails(self, snapshot: Snapshot) -> Any:
        if self._building is None and not guarded(snapshot.config):
            return None
        if self._building is None:
            self._building = load("tianji.gateway.guarding.building").Building(*self._means)
        self.found = self._building.guards(snapshot)
        return self.found

    def talk(self, asked: Asked) -> Any:
        """Return who judges what is said in a conversation; None where nobody does."""
        return None if self.found is None else self.found.talk(asked)

    def close(self) -> None:
        """End what was begun for guardrails."""
        if self._building is not None:
            self._building.close()
