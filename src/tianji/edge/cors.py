"""Cross-origin rules and the headers that every answer carries.

Source: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from collections.abc import Callable

from tianji._core.edges.exchange import Exchange
from tianji.edge.application import Cors
from tianji.errors import Header

SECURITY_HEADERS: tuple[Header, ...] = (
    (b"vary", b"Origin"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
)
STRICT_TRANSPORT: Header = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")

_METHODS = b"DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
_PREFLIGHT_AGE = b"600"  # seconds


def cors_rule(cors: Cors) -> Callable[[Exchange, bytes], list[Header] | None] | None:
    """Compile the rule: given an exchange and its origin, the headers to add.

    A preflight is answered by the rule itself, which then returns None. None for a rule that allows nobody.
    """
    if not cors.origins:
        return None
    everyone = "*" in cors.origins
    allowed = frozenset(origin.encode() for origin in cors.origins)

    def rule(exchange: Exchange, origin: bytes) -> list[Header] | None:
        headers: list[Header] = []
        if everyone and not cors.credentials:
            headers.append((b"access-control-allow-origin", b"*"))
        elif everyone or origin in allowed:
            headers.append((b"access-control-allow-origin", origin))
        if headers and cors.credentials:
            headers.append((b"access-control-allow-credentials", b"true"))
        if exchange.method == "OPTIONS" and exchange.header(b"access-control-request-method") is not None:
            _answer_preflight(exchange, headers)
            return None
        if headers:
            headers.append((b"access-control-expose-headers", b"*"))
        return headers

    return rule


def _answer_preflight(exchange: Exchange, headers: list[Header]) -> None:
    if not headers:
        exchange.respond(400, [(b"content-type", b"text/plain; charset=utf-8")], b"Disallowed CORS origin")
        return
    wanted = exchange.header(b"access-control-request-headers")
    headers.append((b"access-control-allow-methods", _METHODS))
    headers.append((b"access-control-max-age", _PREFLIGHT_AGE))
    if wanted is not None:
        headers.append((b"access-control-allow-headers", wanted))
    exchange.respond(200, headers, b"")
