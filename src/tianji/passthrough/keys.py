"""Where else than in the usual places a caller's key stands on some paths."""

import base64
import binascii
from collections.abc import Callable
from itertools import pairwise
from typing import Final

from tianji._core.edges.exchange import Exchange

OWN: Final = (b"x-litellm-api-key", b"x-tianji-api-key")
SCHEMES: Final = (b"token", b"bearer")
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


def as_vendors(name: str, before: str) -> KeyOf:
    """Return what finds the key where a vendor's own clients put theirs: in a header, behind `before`."""
    lower, scheme = name.lower().encode(), before.lower().encode()

    def found(exchange: Exchange) -> bytes | None:
        if any(exchange.header(own) is not None for own in OWN):
            return None  # then what stands here is the client's own, for the vendor
        value = exchange.header(lower) or b""
        if scheme and value[: len(scheme)].lower() == scheme:
            return value[len(scheme) :].strip()
        if not scheme and value and b" " not in value:
            return value
        return in_protocols(exchange)

    return found


def in_protocols(exchange: Exchange) -> bytes | None:
    """Return the key behind the sub-protocol `token` or `bearer`, where pages put it for Deepgram."""
    offers = [one.strip() for one in (exchange.header(b"sec-websocket-protocol") or b"").split(b",")]
    return next((key for kind, key in pairwise(offers) if kind.lower() in SCHEMES), None)


def _half(exchange: Exchange, number: int) -> bytes | None:
    value = exchange.header(b"authorization") or b""
    if not value.startswith(b"Basic "):
        return None
    try:
        pair = base64.b64decode(value[6:].strip(), validate=True).split(b":", 1)
    except binascii.Error:
        return None
    return pair[number].strip() if len(pair) == 2 else None
