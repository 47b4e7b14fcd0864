"""What went wrong with an attempt, in the words of retry and cooldown policies."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from tianji.errors import (
    Header,
    TianjiError,
    UpstreamConnectFailed,
    UpstreamDisconnected,
    UpstreamRefused,
    UpstreamTimeout,
)
from tianji.protocol.openai_errors import is_policy_refusal
from tianji.routing.waiting import seconds_to_wait


class Kind(StrEnum):
    """Kinds of failure by the names that LiteLLM's policies have for them; a policy's key begins with one."""

    BAD_REQUEST = "BadRequestError"
    CONTEXT_WINDOW = "ContextWindowExceededError"
    CONTENT_POLICY = "ContentPolicyViolationError"
    AUTHENTICATION = "AuthenticationError"
    PERMISSION = "PermissionDeniedError"
    NOT_FOUND = "NotFoundError"
    TIMEOUT = "TimeoutError"
    RATE_LIMIT = "RateLimitError"
    INTERNAL = "InternalServerError"
    BAD_GATEWAY = "BadGatewayError"
    UNAVAILABLE = "ServiceUnavailableError"
    CONNECTION = "APIConnectionError"
    OTHER = "APIError"


_BY_STATUS: Final[Mapping[int, Kind]] = MappingProxyType(
    {
        400: Kind.BAD_REQUEST,
        401: Kind.AUTHENTICATION,
        403: Kind.PERMISSION,
        404: Kind.NOT_FOUND,
        408: Kind.TIMEOUT,
        413: Kind.BAD_REQUEST,
        422: Kind.BAD_REQUEST,
        429: Kind.RATE_LIMIT,
        500: Kind.INTERNAL,
        502: Kind.BAD_GATEWAY,
        503: Kind.UNAVAILABLE,
        504: Kind.TIMEOUT,
        529: Kind.UNAVAILABLE,  # Anthropic is overloaded
    }
)
_BILLING: Final = ("credit balance", "insufficient_quota", "exceeded your current quota", "billing", "payment required")
_CREDENTIALS: Final = ("api key", "api_key", "apikey", "credential", "quota", *_BILLING)
_MODEL: Final = ("model", "deployment")
_MISSING: Final = ("not found", "does not exist", "no such", "not exist", "unknown", "not available", "decommissioned")


class Failure(Struct, frozen=True):
    """One failed attempt.

    retry_after: seconds the upstream asks for; by_caller: the client's own timeout or credentials are to blame
    refuses_us: whatever the status, the upstream says that this account cannot be used (key, quota, credit)
    lacks_model: a 404 that says that the model itself is not there
    """

    error: TianjiError
    kind: Kind
    status: int
    retry_after: float | None = None
    by_caller: bool = False
    refuses_us: bool = False
    lacks_model: bool = False


def failure_of(
    error: TianjiError, headers: Iterable[Header] = (), *, now: float = 0.0, by_caller: bool = False
) -> Failure:
    """Classify `error`. `headers` are those of the upstream's answer, `now` the seconds since the epoch."""
    said = error.said if isinstance(error, UpstreamRefused) else error.message
    code = (error.code or "").lower()
    low = f"{said} {code}".lower()
    status = error.status
    return Failure(
        error=error,
        kind=_kind(error, status, code, said),
        status=status,
        retry_after=seconds_to_wait(headers, now),
        by_caller=by_caller,
        refuses_us=_refuses_us(status, low),
        lacks_model=status == 404 and _lacks_model(code, low),
    )


def filtered() -> Failure:
    """Return the failure that an answer with `finish_reason: content_filter` is where a list of fallbacks takes it."""
    code = "content_filter"
    error = UpstreamRefused(
        400, "the upstream's content filter cut the answer", "invalid_request_error", code=code, param=None
    )
    return Failure(error=error, kind=Kind.CONTENT_POLICY, status=400)


def _kind(error: TianjiError, status: int, code: str, said: str) -> Kind:
    if isinstance(error, UpstreamConnectFailed | UpstreamDisconnected):
        return Kind.CONNECTION
    if isinstance(error, UpstreamTimeout):
        return Kind.TIMEOUT
    if code == "context_length_exceeded":
        return Kind.CONTEXT_WINDOW
    if status == 400 and is_policy_refusal(said, code):
        return Kind.CONTENT_POLICY
    return _BY_STATUS.get(status, Kind.OTHER)


def _refuses_us(status: int, low: str) -> bool:
    if status in {401, 402}:
        return True
    if status == 403:
        return any(words in low for words in _CREDENTIALS)
    return status == 400 and any(words in low for words in _BILLING)


def _lacks_model(code: str, low: str) -> bool:
    named = any(words in low for words in _MODEL) and any(words in low for words in _MISSING)
    return code in {"model_not_found", "deploymentnotfound"} or named
