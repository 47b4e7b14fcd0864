"""The paths that lead through: those of the providers, and those that the configuration names."""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.carriage import Carriage
from tianji._core.requests.lane import Way
from tianji._core.requests.pipeline import Operation, Pipeline
from tianji.auth.access import Access, Tenant
from tianji.config.checks.pass_through import fault_of, is_path
from tianji.config.environment import is_true, lookup
from tianji.config.schema.general import PassThroughEndpoint
from tianji.edge.routes import Route, RouteTable
from tianji.errors import ConfigurationError, MethodNotAllowed, RouteNotFound
from tianji.gateway.compiled.operations import Errors
from tianji.gateway.compiled.shared import Shared
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.lazy import load
from tianji.passthrough.keys import KeyOf, as_vendors, in_header, public_half, secret_half
from tianji.passthrough.rows import ROWS, Row

METHODS: Final = ("GET", "POST", "PUT", "DELETE", "PATCH")
CALL_TYPE: Final = "pass_through_endpoint"
TAGS: Final = ("models", "pass-through")
BELOW: Final = "/{endpoint:path}"
KEY_HEADER: Final = "litellm_user_api_key"  # of an endpoint's `headers`: names the header that holds the caller's key
FIRST: Final = "BUILTIN_PASS_THROUGH_ROUTES_FIRST"  # a variable: providers go before what the configuration names

ALONE: Final = "/openai_passthrough"  # a prefix that no row of the gateway's own answers
_ASKED_BY: Final = frozenset(prefix for row in ROWS for prefix in row.prefixes) - {ALONE}
_USUAL: Final = frozenset({"api-key", "x-api-key", "x-goog-api-key", "ocp-apim-subscription-key"})
Knows = Callable[[bytes], bool]
"""Whether the value of a header is a key of the gateway's."""
Upgrade = Callable[[Carriage, Exchange, Any], None]
"""Begins a conversation over a WebSocket, or refuses it."""


def route_table(
    pipeline: Pipeline, shared: Shared, knows: Knows, upgrade: Upgrade, core: RouteTable, snapshot: Snapshot
) -> RouteTable:
    """Return all routes under a configuration: those of the gateway itself, and what leads through."""
    return RouteTable((*core.routes, *PassThrough(pipeline, snapshot, shared, knows, upgrade).routes(core)))


class PassThrough:
    """What leads through under one configuration. `knows` tells keys of the gateway's from others."""

    def __init__(
        self, pipeline: Pipeline, snapshot: Snapshot, shared: Shared, knows: Knows, upgrade: Upgrade | None = None
    ) -> None:
        self._upgrade = upgrade
        self._pipeline = pipeline
        self._snapshot = snapshot
        self._shared = shared
        self._knows = knows
        self._maker: Any = None

    def routes(self, core: RouteTable) -> Iterator[Route]:
        """Yield a row for each path. None answers what `core` does, and of two that say the same the first holds."""
        taken: set[tuple[str, str]] = set()
        for route in (*self._named(), *self._of_providers()):
            for row in (route, *before_any_name(route, core)):
                free = tuple(
                    method
                    for method in row.methods
                    if (method, row.path) not in taken
                    and (row is not route or answered(core, method, row.path) is None)
                )
                taken |= {(method, row.path) for method in free}
                if free:
                    yield msgspec.structs.replace(row, methods=free)

    def _of_providers(self) -> Iterator[Route]:
        sockets = self._snapshot.config.general_settings.enable_openai_websocket_passthrough
        for row in ROWS:
            upgrade = self._upgrade if sockets or row.provider != "openai" else None
            handler = self._carriage(row.dialect, functools.partial(self._to_provider, row), upgrade)
            ends = (BELOW, "") if row.guide == "service" else (BELOW,)  # which have one path, and it may be left out
            for path in (prefix + end for prefix in row.prefixes for end in ends):
                yield Route(
                    METHODS,
                    path,
                    handler,
                    Access.KEY,
                    Tenant.CALLER,
                    f"The API of {row.provider} as it is, with the gateway's credentials.",
                    TAGS,
                    large=True,
                    key_of=key_for(row),
                )

    def _named(self) -> Iterator[Route]:
        prefixes = tuple(f"{prefix}/" for row in ROWS for prefix in row.prefixes)
        providers_first = is_true(lookup(self._snapshot.environ, FIRST))
        for endpoint in self._snapshot.config.general_settings.pass_through_endpoints:
            path = normal(endpoint.path)
            if not leads_somewhere(endpoint) or (providers_first and f"{path}/".startswith(prefixes)):
                continue
            handler = self._carriage(None, functools.partial(self._to_target, endpoint), self._upgrade)
            row = Route(
                tuple(dict.fromkeys(method.upper() for method in endpoint.methods)),
                path,
                handler,
                Access.KEY,
                Tenant.CALLER,
                f"Passed through: {path}.",
                TAGS,
                large=True,
                key_of=key_of(endpoint),
            )
            if endpoint.include_subpath:
                yield msgspec.structs.replace(row, path=path.rstrip("/") + BELOW)
            if not endpoint.auth:  # whatever lies below is for callers with a key all the same
                row = msgspec.structs.replace(row, access=Access.OPEN, tenant=Tenant.NONE)
            yield row

    def _carriage(self, dialect: str | None, make: Callable[[], Way], upgrade: Upgrade | None) -> Carriage:
        errors = Errors(dialect) if dialect is not None else None
        operation = Operation(CALL_TYPE, bit=0, members=(), complain=_nothing, errors=errors)
        return Carriage(self._pipeline, operation, make, upgrade)

    def _to_provider(self, row: Row) -> Way:
        return self._way(row.prefixes[0], lambda maker: maker.of_row(row))

    def _to_target(self, endpoint: PassThroughEndpoint) -> Way:
        usual = self._snapshot.config.general_settings.pass_through_request_timeout
        module = load("tianji.passthrough.endpoints")
        return self._way(
            endpoint.path, lambda maker: module.way(maker, endpoint, usual_timeout=usual, knows=self._knows)
        )

    def _way(self, label: str, make: Callable[[Any], Way]) -> Way:
        """Make a way. Raises Overloaded where the configuration does not allow it."""
        ways = load("tianji.passthrough.ways")
        if self._maker is None:
            self._maker = ways.Maker(self._snapshot, self._shared)
        try:
            return make(self._maker)
        except ConfigurationError as error:
            raise ways.unusable(label, error) from error


def before_any_name(route: Route, core: RouteTable) -> Iterator[Route]:
    """Yield what of a row goes before rows of the gateway's that begin with any name, as `/{provider}/v1/files` does.

    A row of a provider does not: its name is what these rows are asked by.
    """
    prefix = route.path.removesuffix(BELOW)
    if prefix == route.path or prefix in _ASKED_BY:
        return
    anything = (own.path.partition("/v1/")[2] for own in core.routes if own.path.startswith("/{"))
    for tail in sorted({tail for tail in anything if tail}):
        yield msgspec.structs.replace(route, path=f"{prefix}/v1/{tail}", leads=True)


def answered(core: RouteTable, method: str, path: str) -> Route | None:
    """Return the row of the gateway's own that answers a path; of one with BELOW, what stands below it."""
    try:
        return core.match(method, quote(path.replace("{endpoint:path}", "x")).encode()).route
    except (RouteNotFound, MethodNotAllowed):
        return None


def collisions(
    endpoints: Iterable[PassThroughEndpoint], core: RouteTable
) -> Iterator[tuple[int, PassThroughEndpoint, str, Route]]:
    """Yield what the gateway answers itself: (number of the endpoint, the endpoint, the method, the gateway's row)."""
    for number, endpoint in enumerate(endpoints):
        for method in map(str.upper, endpoint.methods):
            own = answered(core, method, normal(endpoint.path))
            if own is not None:
                yield number, endpoint, method, own


def normal(path: str) -> str:
    """Return a configured path as the route table has it."""
    return "/" + path.strip("/")


def leads_somewhere(endpoint: PassThroughEndpoint) -> bool:
    """Whether an endpoint has a target that can be called, and a path that means itself."""
    return endpoint.target is not None and fault_of(endpoint.target) is None and is_path(endpoint.path)


def key_for(row: Row) -> KeyOf | None:
    """Return where else a caller's key stands on the paths of a provider: where its own clients put theirs."""
    name, before = row.key
    if before == "Basic pair":
        return secret_half
    usual = name in _USUAL or (name == "authorization" and before in ("Bearer ", "Basic name"))
    return None if usual else as_vendors(name, before)


def key_of(endpoint: PassThroughEndpoint) -> KeyOf | None:
    """Return where else a caller's key stands, as an endpoint says."""
    if endpoint.custom_auth_parser == "langfuse":
        return public_half
    header = endpoint.headers.get(KEY_HEADER)
    return None if header is None else in_header(header)


def _nothing(_first_bytes: dict[str, int], _model_in_path: bool) -> None:
    """Judge no body: that is for the upstream."""
