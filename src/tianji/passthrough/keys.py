"""Where else than in the usual places a caller's key stands on some paths."""

import base64
import binascii
from collections.abc import Callable

from tianji._core.exchange import Exchange

KeyOf = Callable[[Exchange], bytes | None]
"""Returns the key, None where it is not there: then the usual places are looked at."""


def secret_half(exchange: Exchange) -> bytes | None:
    """Return the password of HTTP Basic (RFC 7617), as clients of Langfuse send a pair of keys."""
    return _half(exchange, 1)


def public_half(exchange: Exchange) -> bytes | None:
    """Return the name of HTTP Basic, where LiteLLM's own parser of Langfuse's keys looks for it."""
    return _half(exchange, 0)


def in_header(name: str) -> KeyOf:
    """Return what finds the key in a header, alone or behind `Bearer`."""
    lower = name.lower().encode()

    def found(exchange: Exchange) -> bytes | None:
        value = exchange.header(lower)
        return None if value is None else value.removeprefix(b"Bearer ").strip()

    return found


def _half(exchange: Exchange, number: int) -> bytes | None:
    value = exchange.header(b"authorization") or b""
    if not value.startswith(b"Basic "):
        return None
    try:
        pair = base64.b64decode(value[6:].strip(), validate=True).split(b":", 1)
    except binascii.Error:
        return None
    return pair[number].strip() if len(pair) == 2 else None
