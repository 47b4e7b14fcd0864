"""Errors of the Responses API: those of a response, and the event of a stream that breaks off.

https://platform.openai.com/docs/api-reference/responses-streaming/error; errors before an answer are as everywhere.
"""

from typing import Any, Final

import msgspec

from tianji.errors import TianjiError
from tianji.protocol import openai_errors

_CODES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "request_timeout",
    429: "rate_limit_exceeded",
}


def error_body(error: TianjiError, request_id: str | None = None) -> bytes:  # noqa: ARG001 - it is in the head
    """Encode the body of an error answer."""
    return openai_errors.error_body(error)


def error_event(error: TianjiError) -> bytes:
    """Encode the event that ends a stream of an upstream's own, of which nothing is kept here."""
    said = failure({"message": error.message, "code": error.code, "status": error.status})
    payload = {"type": "error", **said, "param": error.param, "sequence_number": 0}
    return b"event: error\ndata: %b\n\n" % msgspec.json.encode(payload)


def failure(error: dict[str, Any]) -> dict[str, Any]:
    """Return the `error` of a response that failed. `error`: see `EventEncoder.failed`."""
    status, code = error.get("status"), error.get("code")
    if not isinstance(code, str) or not code or code.isdigit():
        code = _CODES.get(status) if isinstance(status, int) else None
        code = code or ("invalid_request_error" if isinstance(status, int) and 400 <= status < 500 else "server_error")
    return {"code": code, "message": str(error.get("message") or "")}
