"""Errors in Google's shape: https://cloud.google.com/apis/design/errors and google/rpc/code.proto."""

from typing import Any, Final

import msgspec

from tianji.errors import TianjiError

_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
# What others call the same, for errors in the middle of a stream that have no status.
_WORDS: Final = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "throttling_error": 429,
    "invalid_request_error": 400,
    "overloaded_error": 503,
}


def error_body(error: TianjiError, request_id: str | None = None) -> bytes:
    """Encode the body of an error answer; its status is the error's own."""
    return error_text(error.status, error.message, request_id)


def error_event(error: TianjiError) -> bytes:
    """Encode the server-sent event that ends a stream which never began to be read."""
    return b"data: %b\r\n\r\n" % error_body(error)


def error_object(error: dict[str, Any]) -> bytes:
    """Encode what ends a stream that is not whole. `error`: see `EventEncoder.failed`."""
    status = error.get("status")
    if not isinstance(status, int):
        code = str(error.get("code") or "")
        plain = code.isascii() and code.isdigit() and len(code) == 3
        status = int(code) if plain else _WORDS.get(code) or _WORDS.get(str(error.get("type")), 500)
    return error_text(status, str(error.get("message") or ""))


def error_text(status: int, message: str, request_id: str | None = None) -> bytes:
    """Encode an error. The id of the request is a detail of it, as google/rpc/error_details.proto has it."""
    word = _STATUSES.get(status) or ("INTERNAL" if status >= 500 else "INVALID_ARGUMENT")
    safe = message.encode("utf-8", "replace").decode()
    told: dict[str, object] = {"code": status, "message": safe, "status": word}
    if request_id is not None:
        told["details"] = [{"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": request_id}]
    return msgspec.json.encode({"error": told})
