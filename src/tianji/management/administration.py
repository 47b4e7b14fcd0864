"""The rows of the route table that manage keys and whoever stands above them.

The table says who may come; the functions that it names judge whose object is asked for, and they are loaded when the
first request comes: most workers never need them.
"""

from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final, NamedTuple

from msgspec import Struct

from tianji._core.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.auth.models import Groups
from tianji.clock import SYSTEM, Clock
from tianji.config.schema import Config
from tianji.edge.routes import Match, Route
from tianji.lazy import load
from tianji.storage.store import Store


class Office(Struct, frozen=True, kw_only=True):
    """What management needs: the database, the configuration in force, and the secret that vendor secrets rest on."""

    store: Store
    config: Callable[[], Config]
    groups: Callable[[], Groups]
    salt: Callable[[], str | None]
    clock: Clock = SYSTEM


class _Row(NamedTuple):
    method: str
    path: str
    function: str  # module of this package, and name in it
    access: Access
    tenant: Tenant
    summary: str


_OWN, _ALL = Tenant.CALLER, Tenant.ALL
FAMILIES: Final[dict[str, tuple[_Row, ...]]] = {
    "keys": (
        _Row("POST", "/key/generate", "keys.generate", Access.USER, _OWN, "Make a key."),
        _Row("POST", "/key/service-account/generate", "keys.service", Access.USER, _OWN, "Make a key of a team alone."),
        _Row("POST", "/key/update", "keys.update", Access.USER, _OWN, "Change a key."),
        _Row("POST", "/key/bulk_update", "keys.update_many", Access.USER, _OWN, "Change several keys."),
        _Row("POST", "/key/delete", "keys.delete", Access.USER, _OWN, "Delete keys, by secret, hash or alias."),
        _Row("POST", "/key/block", "keys.block", Access.USER, _OWN, "Refuse a key from now on."),
        _Row("POST", "/key/unblock", "keys.unblock", Access.USER, _OWN, "Let a blocked key in again."),
        _Row("POST", "/key/regenerate", "key_rotation.regenerate", Access.USER, _OWN, "Give a key a new secret."),
        _Row("POST", "/key/{key}/regenerate", "key_rotation.regenerate", Access.USER, _OWN, "Give a key a new secret."),
        _Row("POST", "/key/{key}/reset_spend", "keys.reset_spend", Access.USER, _OWN, "Set what a key has spent."),
        _Row(
            "GET", "/key/info", "key_reading.info", Access.INFO, _OWN, "Describe a key, without one the caller's own."
        ),
        _Row("POST", "/v2/key/info", "key_reading.info_many", Access.INFO, _OWN, "Describe several keys."),
        _Row("GET", "/key/list", "key_reading.listed", Access.INFO, _OWN, "List keys, page by page."),
        _Row(
            "GET", "/key/aliases", "key_reading.aliases", Access.INFO, _OWN, "List the aliases of keys, page by page."
        ),
    ),
}


class Administration:
    """The management routes."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def routes(self) -> Iterator[Route]:
        """Return the rows of the route table."""
        for family, rows in FAMILIES.items():
            for row in rows:
                operation = _Operation(self._office, row.function)
                yield Route((row.method,), row.path, operation, row.access, row.tenant, row.summary, (family,))


class _Operation:
    """Handles a route by a function that is loaded when it is first called."""

    __slots__ = ("_module", "_name", "_office")

    def __init__(self, office: Office, function: str) -> None:
        self._office = office
        module, _, self._name = function.partition(".")
        self._module = f"tianji.management.{module}"

    def __call__(self, exchange: Exchange, match: Match) -> Coroutine[Any, Any, None]:
        function = getattr(load(self._module), self._name)
        served: Coroutine[Any, Any, None] = load("tianji.management.desk").serve(
            self._office, function, exchange, match
        )
        return served
