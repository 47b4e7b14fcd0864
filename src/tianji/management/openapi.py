"""The route table told to people and programs: /openapi.json, /docs, /routes.

Source: https://spec.openapis.org/oas/v3.1.0
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tianji import __version__
from tianji._core.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.edge.answers import respond_json
from tianji.edge.routes import Match, Route, RouteTable

_TAGS: Final = ("documentation",)
_PARAMETER: Final = re.compile(r"\{(\w+)(:path)?\}")
_PAGE: Final = Path(__file__).with_name("docs.html").read_bytes()
_ERROR: Final = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}


def document(table: RouteTable) -> dict[str, Any]:
    """Describe every route as an OpenAPI 3.1 document."""
    paths: dict[str, dict[str, Any]] = {}
    for route in table.routes:
        path = _PARAMETER.sub(r"{\1}", route.path)
        for method in route.methods:
            paths.setdefault(path, {})[method.lower()] = _operation(route, method)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tianji", "version": __version__, "description": "An LLM gateway with one API for all."},
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": _ERROR},
        },
    }


def _operation(route: Route, method: str) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": found[1], "in": "path", "required": True, "schema": {"type": "string"}}
        for found in _PARAMETER.finditer(route.path)
    ]
    parameters += [
        {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
        for name, text in route.query.items()
    ]
    error = {
        "description": "Error",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    success: dict[str, Any] = {"description": "Success"}
    if route.response_schema is not None:
        success["content"] = {"application/json": {"schema": route.response_schema}}
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": _operation_id(method, route.path),
        "tags": list(route.tags),
        "parameters": parameters,
        "responses": {"200": success, "default": error},
        "x-access": route.access.value,
        "x-tenant": route.tenant.value,
    }
    if route.access is not Access.OPEN:
        operation["security"] = [{"key": []}]
    if route.request_schema is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": route.request_schema}}}
    return operation


def _operation_id(method: str, path: str) -> str:
    return method.lower() + "_" + (re.sub(r"\W+", "_", _PARAMETER.sub(r"\1", path)).strip("_") or "root")


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
        respond_json(exchange, document(self._table()))

    def _list(self, exchange: Exchange, _match: Match) -> None:
        rows = [
            {"path": route.path, "methods": list(route.methods), "access": route.access.value, "name": route.summary}
            for route in self._table().routes
        ]
        respond_json(exchange, {"routes": rows})


def _page(exchange: Exchange, _match: Match) -> None:
    exchange.respond(200, [(b"content-type", b"text/html; charset=utf-8")], _PAGE)
