"""What every edge is told when it is put in front of an application."""

import logging
from typing import Any

from tianji.edge.answers import ErrorAnswers
from tianji.edge.application import Application, EdgeSettings
from tianji.edge.control import Control
from tianji.edge.cors import SECURITY_HEADERS, STRICT_TRANSPORT, cors_rule
from tianji.errors import Header

log = logging.getLogger("tianji.edge")


def shared_arguments(application: Application, control: Control) -> dict[str, Any]:
    """Return the arguments that the compiled edges have in common, see edge.pyi."""
    settings = application.edge_settings
    table = application.route_table
    return {
        "exact": table.exact,
        "find": table.match,
        "authorize": application.authorize,
        "on_error": ErrorAnswers(
            log.error,
            compatible=settings.compat_headers,
            own_body=settings.own_error_body,
            on_refusal=settings.on_refusal,
        ),
        "on_close": application.closed,
        "cors": cors_rule(settings.cors),
        "fixed_headers": _fixed_headers(settings),
        "root": _root_path(settings.root_path),
        "limits": settings.limits,
        "control": control,
    }


def _fixed_headers(settings: EdgeSettings) -> list[Header]:
    headers = list(SECURITY_HEADERS)
    if settings.strict_transport:
        headers.append(STRICT_TRANSPORT)
    return headers


def _root_path(path: str) -> bytes:
    trimmed = path.strip("/")
    return f"/{trimmed}".encode("ascii") if trimmed else b""
