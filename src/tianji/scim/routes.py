"""The routes of SCIM 2.0 (RFC 7644). What they do is loaded when the first request comes."""

from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

from tianji._core.edges.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.edge.addresses import own_address
from tianji.edge.routes import Handler, Match, Route
from tianji.lazy import load
from tianji.management.office import Office

_PATH: Final = "/scim/v2"
_TAGS: Final = ("scim",)
_ROWS: Final = tuple(
    (method, f"/{kind}s{end}", f"{kind.lower()}s.{function}", status, f"{what} {kind.lower()}.")
    for kind in ("User", "Group")
    for method, end, function, status, what in (
        ("GET", "", "listed", 200, "Find a"),
        ("POST", "", "new", 201, "Put here a"),
        ("GET", f"/{{{kind.lower()}_id}}", "info", 200, "Describe a"),
        ("PUT", f"/{{{kind.lower()}_id}}", "replace", 200, "Change to what is said a"),
        ("PATCH", f"/{{{kind.lower()}_id}}", "patch", 200, "Change by operations a"),
        ("DELETE", f"/{{{kind.lower()}_id}}", "delete", 204, "Take away a"),
    )
)
_DOCUMENTS: Final = (
    ("", "ServiceProviderConfig"),
    ("/ServiceProviderConfig", "ServiceProviderConfig"),
    ("/ResourceTypes", "ResourceTypes"),
    ("/ResourceTypes/{name}", "ResourceTypes"),
    ("/Schemas", "Schemas"),
    ("/Schemas/{name}", "Schemas"),
)


class Provisioning:
    """The routes. Who calls them is a proxy admin: a client has a key of one."""

    def __init__(self, office: Callable[[], Office]) -> None:
        self._office = office

    def routes(self) -> Iterator[Route]:
        """Return the rows of the route table."""
        for path, kind in _DOCUMENTS:
            yield _row("GET", path, _Document(self._office, kind), "Say what SCIM can do here.")
        for method, path, function, status, summary in _ROWS:
            yield _row(method, path, _Operation(self._office, function, status), summary)


def _row(method: str, path: str, handler: Handler, summary: str) -> Route:
    return Route((method,), _PATH + path, handler, Access.ADMIN, Tenant.ALL, summary, _TAGS)


class _Operation:
    """Handles a route by a function that is loaded when it is first called."""

    __slots__ = ("_module", "_name", "_office", "_status")

    def __init__(self, office: Callable[[], Office], function: str, status: int) -> None:
        self._office = office
        module, _, self._name = function.partition(".")
        self._module = f"tianji.scim.{module}"
        self._status = status

    def __call__(self, exchange: Exchange, match: Match) -> Coroutine[Any, Any, None]:
        function = getattr(load(self._module), self._name)
        served: Coroutine[Any, Any, None] = load("tianji.scim.serving").serve(
            self._office(), function, self._status, exchange, match
        )
        return served


class _Document:
    """Handles a route that describes the service."""

    __slots__ = ("_kind", "_office")

    def __init__(self, office: Callable[[], Office], kind: str) -> None:
        self._office = office
        self._kind = kind

    def __call__(self, exchange: Exchange, match: Match) -> None:
        base = own_address(exchange, self._office().environ()) + _PATH
        load("tianji.scim.serving").describe(exchange, self._kind, match.params.get("name"), base)
