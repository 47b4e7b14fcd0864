"""Errors in Anthropic's shape (https://docs.anthropic.com/en/api/errors)."""

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


def error_body(error: TianjiError, request_id: str) -> bytes:
    """Encode the body of an error answer; its status is the error's own, so that 529 stays 529."""
    return msgspec.json.encode(
        {
            "type": "error",
            "error": {
                "type": _TYPES.get(error.status, "api_error"),
                "message": _message(error.message, error.code),
            },
            "request_id": request_id,
        }
    )


def error_event(error: dict[str, Any]) -> bytes:
    """Encode the event that ends a stream which is not whole. `error`: see `EventEncoder.failed`."""
    code = str(error.get("code") or "")
    status = error.get("status")
    kind = _type_of(code, str(error.get("type") or ""), status if isinstance(status, int) else None)
    payload = {"type": "error", "error": {"type": kind, "message": _message(str(error.get("message") or ""), code)}}
    return b"event: error\ndata: %b\n\n" % msgspec.json.encode(payload)


def _type_of(code: str, said: str, status: int | None) -> str:
    """Return the type: what an upstream of this dialect said, else what the status means, else what the code does."""
    if said in _OWN_TYPES:
        return said
    if status in _TYPES:
        return _TYPES[status]
    return _ELSEWHERE.get(code) or _ELSEWHERE.get(said, "api_error")


def _message(message: str, code: str | None) -> str:
    overflown = code == "context_length_exceeded" and _OVERFLOW not in message
    return f"{_OVERFLOW}: {message}" if overflown else message
