"""Errors in Anthropic's shape (https://docs.anthropic.com/en/api/errors)."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tianji.errors import TianjiError

_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_OWN_TYPES: Final = frozenset(_TYPES.values()) | {"api_error"}
# What others call the same, for errors in the middle of a stream, which have no status.
_ELSEWHERE: Final = {
    "auth_error": "authentication_error",
    "rate_limit_exceeded": "rate_limit_error",
    "insufficient_quota": "rate_limit_error",
    "throttling_error": "rate_limit_error",
    "context_length_exceeded": "invalid_request_error",
    "model_not_found": "not_found_error",
}
_OVERFLOW: Final = "prompt is too long"  # the words by which clients of this dialect know that they must say less


def error_body(error: TianjiError, request_id: str | None = None) -> bytes:
    """Encode the body of an error answer; its status is the error's own, so that 529 stays 529."""
    kind = _TYPES.get(error.status, "api_error")
    named = {} if request_id is None else {"request_id": request_id}
    return msgspec.json.encode(_error(kind, error.message, error.code) | named)


def error_event(error: TianjiError) -> bytes:
    """Encode the event that ends a stream which is not whole."""
    return _event(_error(_TYPES.get(error.status, "api_error"), error.message, error.code))


def failure_event(error: Mapping[str, object]) -> bytes:
    """Encode the same from what `EventEncoder.failed` is told."""
    code, status = str(error.get("code") or ""), error.get("status")
    kind = _type_of(code, str(error.get("type") or ""), status if isinstance(status, int) else None)
    return _event(_error(kind, str(error.get("message") or ""), code))


def _event(payload: dict[str, Any]) -> bytes:
    return b"event: error\ndata: %b\n\n" % msgspec.json.encode(payload)


def _error(kind: str, message: str, code: str | None) -> dict[str, Any]:
    if code == "context_length_exceeded" and _OVERFLOW not in message:
        message = f"{_OVERFLOW}: {message}"
    return {"type": "error", "error": {"type": kind, "message": message}}


def _type_of(code: str, said: str, status: int | None) -> str:
    """Return the type: what an upstream of this dialect said, else what the status means, else what the code does."""
    if said in _OWN_TYPES:
        return said
    if status in _TYPES:
        return _TYPES[status]
    return _ELSEWHERE.get(code) or _ELSEWHERE.get(said, "api_error")
