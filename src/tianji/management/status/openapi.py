"""The route table told to people and programs.

Source: https://spec.openapis.org/oas/v3.1.0
"""

import re
from pathlib import Path
from typing import Any, Final

from tianji import __version__
from tianji.auth.access import Access
from tianji.edge.routes import Route, RouteTable

PAGE: Final = Path(__file__).with_name("docs.html").read_bytes()
_PARAMETER: Final = re.compile(r"\{(\w+)(:path)?\}")
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


def listed(table: RouteTable) -> list[dict[str, Any]]:
    """List every route, in the order of the table."""
    return [
        {"path": route.path, "methods": list(route.methods), "access": route.access.value, "name": route.summary}
        for route in table.routes
    ]


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
    words = _PARAMETER.sub(r"\1", path).replace("-", "__")  # what differs in a dash alone has two names
    return method.lower() + "_" + (re.sub(r"\W+", "_", words).strip("_") or "root")
