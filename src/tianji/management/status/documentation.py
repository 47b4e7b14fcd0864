"""The routes that tell of the routes: /openapi.json, /docs, /routes. What they say is written when it is asked for."""

from collections.abc import Callable
from typing import Any, Final

from tianji._core.edges.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.edge.answers import respond_json
from tianji.edge.routes import Match, Route, RouteTable
from tianji.lazy import load

_TAGS: Final = ("documentation",)


class Documentation:
    """The routes. `table` gives the table in force."""

    def __init__(self, table: Callable[[], RouteTable]) -> None:
        self._table = table

    def routes(self) -> list[Route]:
        """Return the rows of the route table."""
        rows = (
            ("/openapi.json", self._openapi, "Describe every route for programs."),
            ("/docs", _page, "Describe every route for people."),
            ("/routes", self._list, "List every route."),
        )
        return [
            Route(("GET",), path, handler, Access.OPEN, Tenant.NONE, summary, _TAGS) for path, handler, summary in rows
        ]

    def _openapi(self, exchange: Exchange, _match: Match) -> None:
        respond_json(exchange, _writer().document(self._table()))

    def _list(self, exchange: Exchange, _match: Match) -> None:
        respond_json(exchange, {"routes": _writer().listed(self._table())})


def _page(exchange: Exchange, _match: Match) -> None:
    exchange.respond(200, [(b"content-type", b"text/html; charset=utf-8")], _writer().PAGE)


def _writer() -> Any:
    return load("tianji.management.status.openapi")
