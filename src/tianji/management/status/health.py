"""Is it alive, is it ready, do its deployments answer."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.auth.identity import Identity, Role
from tianji.edge.answers import respond_json
from tianji.edge.routes import Match, Route
from tianji.errors import Header, UnknownModel

_TAGS: Final = ("health",)
_NO_STORE: Final[Header] = (b"cache-control", b"no-store")
_ALIVE: Final = "I'm alive!"  # the literal text is what probes of this route have always got
_READING: Final = ("GET", "OPTIONS")
_ADMINS: Final = (Role.PROXY_ADMIN, Role.PROXY_ADMIN_VIEWER)


class Probe(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a call to one deployment showed."""

    model: str
    model_id: str
    healthy: bool
    api_base: str | None = None
    error: str | None = None
    headers: dict[str, str] = {}


Prober = Callable[[Identity, str | None, str | None], Awaitable[Sequence[Probe]]]
Tester = Callable[[bytes], Awaitable[Mapping[str, object]]]


class Health:
    """The health routes.

    `draining` says whether the process is about to stop. `database` says whether the database answers; None when
    none is configured. `prober(caller, model, model_id)` calls the deployments that the caller may use, all of them
    or those that the two names pick. `tester(body)` calls the deployment that a body describes. `load` says how many
    requests are open, on this machine.
    """

    def __init__(
        self,
        draining: Callable[[], bool],
        database: Callable[[], bool | None],
        prober: Prober,
        tester: Tester,
        load: Callable[[], int],
    ) -> None:
        self._draining = draining
        self._database = database
        self._prober = prober
        self._tester = tester
        self._load = load

    def routes(self) -> list[Route]:
        """Return the rows of the route table."""
        return [
            Route(("GET",), "/", _welcome, Access.OPEN, Tenant.NONE, "Say where the documentation is.", always=True),
            *(
                Route(_READING, path, _alive, Access.OPEN, Tenant.NONE, "Is the process alive?", _TAGS, always=True)
                for path in ("/health/liveliness", "/health/liveness", "/test")
            ),
            Route(
                _READING,
                "/health/readiness",
                self._readiness,
                Access.OPEN,
                Tenant.NONE,
                "Does the process take requests? 503 while it does not.",
                _TAGS,
                always=True,
            ),
            Route(
                ("GET",),
                "/health",
                self._health,
                Access.INFO,
                Tenant.CALLER,
                "Call the deployments and report which answer.",
                _TAGS,
                query={"model": "only those of this model", "model_id": "only this deployment"},
            ),
            Route(
                ("POST",),
                "/health/test_connection",
                self._test,
                Access.ADMIN,
                Tenant.ALL,
                "Call a deployment that is described, or one that is named.",
                _TAGS,
            ),
            Route(
                ("GET",),
                "/health/backlog",
                self._backlog,
                Access.INFO,
                Tenant.NONE,
                "Say how many requests this machine has open.",
                _TAGS,
            ),
        ]

    def _readiness(self, exchange: Exchange, _match: Match) -> None:
        connected = self._database()
        ready = not self._draining() and connected is not False
        body = {"status": "healthy" if ready else "unhealthy", "db": "connected" if connected else "Not connected"}
        respond_json(exchange, body, 200 if ready else 503, [_NO_STORE])

    async def _health(self, exchange: Exchange, _match: Match) -> None:
        query = parse_qs(exchange.query.decode("ascii", "replace"))
        model = query.get("model", [None])[0]
        model_id = query.get("model_id", [None])[0]
        caller = exchange.identity
        if not isinstance(caller, Identity):
            raise TypeError("/health needs a caller")
        probes = await self._prober(caller, model, model_id)
        targeted = model is not None or model_id is not None
        if targeted and not probes:
            raise UnknownModel("no deployment that this key may use has that name; GET /v1/models lists the models")
        full = caller.role in _ADMINS
        healthy = [_report(probe, full=full) for probe in probes if probe.healthy]
        unhealthy = [_report(probe, full=full) for probe in probes if not probe.healthy]
        body = {
            "healthy_endpoints": healthy,
            "unhealthy_endpoints": unhealthy,
            "healthy_count": len(healthy),
            "unhealthy_count": len(unhealthy),
        }
        respond_json(exchange, body, 503 if targeted and not healthy else 200, [_NO_STORE])

    async def _test(self, exchange: Exchange, _match: Match) -> None:
        respond_json(exchange, await self._tester(exchange.body), 200, [_NO_STORE])

    def _backlog(self, exchange: Exchange, _match: Match) -> None:
        respond_json(exchange, {"in_flight_requests": self._load()}, 200, [_NO_STORE])


def _report(probe: Probe, *, full: bool) -> dict[str, str]:
    """Render one deployment; where it is and what it said is for administrators."""
    row = {"model": probe.model, "model_id": probe.model_id}
    if full:
        if probe.api_base is not None:
            row["api_base"] = probe.api_base
        if probe.error is not None:
            row["error"] = probe.error
        row.update(probe.headers)
    return row


def _welcome(exchange: Exchange, _match: Match) -> None:
    respond_json(exchange, {"status": "ok", "docs": "/docs"})


def _alive(exchange: Exchange, _match: Match) -> None:
    respond_json(exchange, _ALIVE, 200, [_NO_STORE])
