"""Whole answers in the shapes that clients know: JSON, errors, and the id of a call."""

import re
from collections.abc import Callable

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji._core.upstreams.headers import name_request
from tianji.errors import Header, TianjiError
from tianji.ids import CallIds
from tianji.protocol import openai_errors

JSON: Header = (b"content-type", b"application/json")

_encode = msgspec.json.Encoder().encode
_valid_call_id = re.compile(rb"[A-Za-z0-9._:/=+-]{1,128}").fullmatch
_new_call_id = CallIds().new


def call_id(exchange: Exchange) -> str:
    """Return the id of this call: what the client sent if it is well-formed, else a new one."""
    if exchange.call_id is None:
        sent = exchange.header(b"x-litellm-call-id") or exchange.header(b"x-tianji-call-id")
        exchange.call_id = sent.decode() if sent is not None and _valid_call_id(sent) else _new_call_id()
    return exchange.call_id


def call_id_headers(exchange: Exchange, *, compatible: bool) -> list[Header]:
    """`x-tianji-call-id`, its `x-litellm-` twin when `compatible`, and `x-request-id`, which OpenAI's clients know."""
    value = call_id(exchange).encode()
    headers = [(b"x-tianji-call-id", value), (b"x-request-id", value)]
    if compatible:
        headers.append((b"x-litellm-call-id", value))
    return headers


def respond_json(exchange: Exchange, value: object, status: int = 200, headers: list[Header] | None = None) -> None:
    """Answer with `value` as JSON."""
    exchange.respond(status, [JSON, *(headers or ())], _encode(value))


def error_body(error: Exception) -> tuple[int, bytes]:
    """Status and body for an exception; what is not a TianjiError says nothing of itself.

    Shapes: https://platform.openai.com/docs/guides/error-codes/api-errors; unknown paths and methods as FastAPI.
    """
    if isinstance(error, TianjiError):
        if error.detail is not None:
            return error.status, _encode({"detail": error.detail})
        members = {
            "message": error.message,
            "type": error.wire_type,
            "param": error.param,
            "code": error.code or str(error.status),
        }
        return error.status, _encode({"error": members})
    return 500, b'{"error":{"message":"Internal server error","type":"internal_server_error"}}'


Log = Callable[..., None]
Says = Callable[[TianjiError, str], bytes]
"""Returns the body of an error, which names the request."""
OwnBody = Callable[[str, TianjiError, str], bytes | None]
OnRefusal = Callable[[int, Exception], None]
"""Hears of the status and the error of a request that an edge has answered with it."""


def no_own_body(path: str, error: TianjiError, request_id: str) -> bytes | None:  # noqa: ARG001
    return None


def unheard(status: int, error: Exception) -> None:
    """Let nobody hear of it."""


def openai_error(error: TianjiError, _request_id: str) -> bytes:
    """Say an error as OpenAI does: its clients read the id in the head."""
    return openai_errors.error_body(error)


def respond_error(exchange: Exchange, error: TianjiError, says: Says) -> None:
    """Answer with an error in the shape that a dialect has for it."""
    headers = [JSON, *call_id_headers(exchange, compatible=True), *error.headers]
    exchange.respond(error.status, headers, says(error, name_request(headers, call_id(exchange).encode())))


class ErrorAnswers:
    """Answers exchanges whose handling failed. `log(message, *args, exc_info=...)` hears of what is our own fault.

    `own_body` says an error as the clients of a path know errors, where that is not OpenAI's shape; `on_refusal` hears
    of those that were answered.
    """

    def __init__(
        self, log: Log, *, compatible: bool = True, own_body: OwnBody = no_own_body, on_refusal: OnRefusal = unheard
    ) -> None:
        self._log = log
        self._on_refusal = on_refusal
        self._compatible = compatible
        self._own_body = own_body

    def __call__(self, exchange: Exchange, error: Exception) -> None:
        """Answer `error`; an answer that has begun is cut off instead, so that the client notices."""
        status, body = error_body(error)
        if not isinstance(error, TianjiError):
            self._log("call %s failed", call_id(exchange), exc_info=error)
        if exchange.finished or exchange.gone:
            return
        if exchange.status:
            exchange.abort()
            return
        self._on_refusal(status, error)
        shown = error if isinstance(error, TianjiError) else TianjiError("Internal server error")
        headers = [JSON, *call_id_headers(exchange, compatible=self._compatible), *shown.headers]
        named = name_request(headers, call_id(exchange).encode())
        body = self._own_body(exchange.path, shown, named) or body
        exchange.respond(status, headers, body)
