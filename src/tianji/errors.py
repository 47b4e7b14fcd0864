"""Every error that a client or an operator can meet, as one tree.

    TianjiError                      500  internal_server_error
    ├── ConfigurationError           -    the program does not start (exit code 2)
    ├── InvalidRequest               400  invalid_request_error
    │   ├── MalformedJSON            400  invalid_request_error, param request_body
    │   ├── TargetTooLong            414  invalid_request_error
    │   ├── ExpectationFailed        417  invalid_request_error
    │   ├── NotImplementedHere       501  invalid_request_error
    │   ├── VersionNotSupported      505  invalid_request_error
    │   ├── UnsupportedParams        400  invalid_request_error
    │   ├── Unacceptable             400  bad_request_error
    │   └── SchemaViolation          422  `detail`: what is wrong with which field
    ├── AuthenticationFailed         401  auth_error
    │   └── KeyExpired               401  expired_key
    ├── PermissionDenied             403  auth_error
    │   ├── RouteRefused             403  `detail`: the key is confined to other routes
    │   └── ModelRefused             403  key_model_access_denied, team_model_access_denied, ...
    ├── ObjectNotFound               404  not_found_error
    ├── Conflict                     409  bad_request_error
    ├── StoreUnavailable             503  no_db_connection
    ├── CacheUnavailable             503  cache_ping_error
    ├── ProviderUnavailable          503  auth_provider_unavailable, the identity provider's keys cannot be had
    ├── UnknownModel                 404  invalid_request_error, code model_not_found
    ├── NoDeployment                 429  no deployment of the model may serve now; `reason` says why, so may the status
    ├── RateLimited                  429  throttling_error, of the caller; `limit_type` says of what
    ├── BudgetExceeded               422  budget_exceeded, or the status of the configuration
    ├── RouteNotFound                404  not_found_error
    ├── MethodNotAllowed             405  invalid_request_error
    ├── RequestTimeout               408  invalid_request_error
    ├── QueueTimeout                 408  timeout_error, no slot became free in time
    ├── PayloadTooLarge              413  invalid_request_error
    ├── InsufficientStorage          507  server_error, the disk has no room for the body
    ├── HeadersTooLarge              431  invalid_request_error
    ├── Overloaded                   503  overloaded_error, with retry-after
    ├── (tianji.guardrails.failures) 400  invalid_request_error, refused by a guardrail; 500 where one could not judge
    ├── ClientGone                   499  client_disconnect
    └── UpstreamFailure              502  upstream_error: the upstream did not answer, or not by the rules
        ├── UpstreamConnectFailed    500  internal_server_error, no connection: nothing was sent
        ├── UpstreamTimeout          408  invalid_request_error, one of the four timeouts; `phase` says which
        ├── UpstreamProtocolError    502  the answer broke HTTP or the dialect
        ├── UpstreamDisconnected     502  it closed before its answer was complete
        │   └── UpstreamSilent       500  internal_server_error, it closed before an answer began
        ├── StreamFailed              502  it said in the middle of a stream that it failed; `payload` says how
        └── UpstreamRefused          as the upstream said: a well-formed error answer

Statuses and types of what goes wrong upstream are those that clients of LiteLLM's proxy have always got.
Each carries what https://platform.openai.com/docs/guides/error-codes/api-errors has; a message says what to do.
"""

from collections.abc import Mapping
from typing import ClassVar

Header = tuple[bytes, bytes]


class TianjiError(Exception):
    """The root. `message` is shown to the client, so it never holds a secret or an internal address."""

    status: int = 500
    type: ClassVar[str] = "internal_server_error"
    code: str | None = None
    param: str | None = None
    detail: object = None  # what the body holds instead of an error object, for errors that clients know in that form
    specific: Mapping[str, object] | None = None  # what else the error object holds, as `provider_specific_fields`

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if param is not None:
            self.param = param
        if code is not None:
            self.code = code

    @property
    def headers(self) -> tuple[Header, ...]:
        """Response headers this error asks for, lower-case names."""
        return ()

    @property
    def wire_type(self) -> str:
        """The `type` member of the error object."""
        return self.type


class ConfigurationError(TianjiError):
    """The configuration cannot be used. `problems` lists every finding, one line each."""

    type: ClassVar[str] = "configuration_error"

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class InvalidRequest(TianjiError):
    """The request cannot be understood or is not allowed in this form."""

    status = 400
    type: ClassVar[str] = "invalid_request_error"


class MalformedJSON(InvalidRequest):
    """The body is not the JSON that the route needs. `position` is the byte offset of the first fault."""

    param = "request_body"

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.position = position


class UnsupportedParams(InvalidRequest):
    """A parameter that this model cannot take was sent, and `drop_params` is off."""


class Unacceptable(InvalidRequest):
    """A value has the right form and may not be used."""

    type: ClassVar[str] = "bad_request_error"


class SchemaViolation(InvalidRequest):
    """A field of the body or of the query is missing or has the wrong form."""

    status = 422

    def __init__(self, message: str, place: tuple[str | int, ...], kind: str = "value_error") -> None:
        super().__init__(message)
        self.detail = [{"type": kind, "loc": list(place), "msg": message}]


class TargetTooLong(InvalidRequest):
    """Path and query together are over the limit in force."""

    status = 414


class ExpectationFailed(InvalidRequest):
    """The client expects of this server what it does not do (RFC 9110 section 10.1.1)."""

    status = 417


class NotImplementedHere(InvalidRequest):
    """A method or transfer coding that this server does not know (RFC 9110 section 15.6.2)."""

    status = 501


class VersionNotSupported(InvalidRequest):
    """A protocol version that this port does not speak."""

    status = 505


class AuthenticationFailed(TianjiError):
    """No key, a malformed key, or an unknown key."""

    status = 401
    type: ClassVar[str] = "auth_error"
    param = "None"  # the literal text is what clients of this field have always got


class PermissionDenied(TianjiError):
    """The key is known and may not do this."""

    status = 403
    type: ClassVar[str] = "auth_error"
    param = "None"


class KeyExpired(AuthenticationFailed):
    """The key was valid until some time ago."""

    type: ClassVar[str] = "expired_key"


class RouteRefused(PermissionDenied):
    """The key is confined to routes that this one is not among."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.detail = message


class ModelRefused(PermissionDenied):
    """The key, or somebody above it, may not use the model; `wire_type` says who."""

    param = "model"

    def __init__(self, message: str, wire_type: str) -> None:
        super().__init__(message)
        self._wire_type = wire_type

    @property
    def wire_type(self) -> str:
        """`key_model_access_denied` or another of its kind."""
        return self._wire_type


class ObjectNotFound(TianjiError):
    """A key, user, team or the like that a management request names does not exist."""

    status = 404
    type: ClassVar[str] = "not_found_error"


class Conflict(TianjiError):
    """What a management request would make exists already."""

    status = 409
    type: ClassVar[str] = "bad_request_error"


class StoreUnavailable(TianjiError):
    """The database does not answer, so that it cannot be said what is asked."""

    status = 503
    type: ClassVar[str] = "no_db_connection"


class CacheUnavailable(TianjiError):
    """There is no cache of answers that works, and somebody asked for it itself; requests go on without one."""

    status = 503
    type: ClassVar[str] = "cache_ping_error"


class ProviderUnavailable(TianjiError):
    """The identity provider does not answer, so that it cannot be said whose token this is."""

    status = 503
    type: ClassVar[str] = "auth_provider_unavailable"


class UnknownModel(TianjiError):
    """No deployment, alias or pattern serves this name."""

    status = 404
    type: ClassVar[str] = "invalid_request_error"
    code = "model_not_found"
    param = "model"


class NoDeployment(TianjiError):
    """The model is known, and none of its deployments may serve this request now.

    `reason` is the one of the choice's reasons that decided; `retry_after` the seconds until it may be otherwise, None
    when waiting does not help.
    """

    status = 429
    type: ClassVar[str] = "rate_limit_error"

    def __init__(
        self, message: str, *, reason: str, retry_after: int | None, status: int = 429, wire_type: str | None = None,
        code: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message, code=code)
        self.reason = reason
        self.status = status
        self.retry_after = retry_after
        self._wire_type = wire_type or self.type

    @property
    def headers(self) -> tuple[Header, ...]:
        """`retry-after` in whole seconds, where waiting helps."""
        return () if self.retry_after is None else ((b"retry-after", b"%d" % self.retry_after),)

    @property
    def wire_type(self) -> str:
        """What clients of this field tell cooldown, limit and permission by."""
        return self._wire_type


class RateLimited(TianjiError):
    """The caller, or somebody above him, has used up a limit.

    `limit_type` is requests, tokens, input_tokens, output_tokens or max_parallel_requests; `retry_after` the seconds
    until there is room again, None when waiting does not help, and `reset_at` that moment in words. `of_model`: the
    limit is that of one model, so that another may do.
    """

    status = 429
    type: ClassVar[str] = "throttling_error"

    def __init__(
        self,
        message: str,
        *,
        limit_type: str,
        retry_after: int | None,
        reset_at: str | None,
        quota: tuple[Header, ...] = (),
        of_model: bool = False,
    ) -> None:
        super().__init__(message)
        self.of_model = of_model
        self.limit_type = limit_type
        self.retry_after = retry_after
        self.reset_at = reset_at
        self._quota = quota

    @property
    def headers(self) -> tuple[Header, ...]:
        """What was used up, when there is room, and the `x-ratelimit-*` of the limit."""
        found: list[Header] = [(b"rate_limit_type", self.limit_type.encode())]
        if self.retry_after is not None:
            found.append((b"retry-after", b"%d" % self.retry_after))
        if self.reset_at is not None:
            found.append((b"reset_at", self.reset_at.encode()))
        return (*found, *self._quota)


class BudgetExceeded(TianjiError):
    """The caller, or somebody above him, has spent the budget of the period.

    of_model: that for one model; of_key: that of his key, for all models and without an end or with the usual one
    """

    status = 422
    type: ClassVar[str] = "budget_exceeded"

    def __init__(self, message: str, status: int = 422, *, of_model: bool = False, of_key: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.of_model = of_model
        self.of_key = of_key


class RouteNotFound(TianjiError):
    """No route has this path."""

    status = 404
    type: ClassVar[str] = "not_found_error"
    detail = "Not Found"


class MethodNotAllowed(TianjiError):
    """The path exists, the method does not."""

    status = 405
    type: ClassVar[str] = "invalid_request_error"
    detail = "Method Not Allowed"

    def __init__(self, message: str, allowed: tuple[str, ...]) -> None:
        super().__init__(message)
        self.allowed = allowed

    @property
    def headers(self) -> tuple[Header, ...]:
        """RFC 9110 section 15.5.6 asks for `allow`."""
        return ((b"allow", ", ".join(self.allowed).encode()),)


class RequestTimeout(TianjiError):
    """The client took too long to send its request."""

    status = 408
    type: ClassVar[str] = "invalid_request_error"


class QueueTimeout(TianjiError):
    """The request has waited for a slot as long as it may."""

    status = 408
    type: ClassVar[str] = "timeout_error"

    @property
    def headers(self) -> tuple[Header, ...]:
        """A client that comes back at once would only wait again."""
        return ((b"retry-after", b"1"),)


class PayloadTooLarge(TianjiError):
    """The body is over the limit in force."""

    status = 413
    type: ClassVar[str] = "invalid_request_error"


class InsufficientStorage(TianjiError):
    """The disk has no room for a body that is kept in a file (RFC 4918 section 11.5)."""

    status = 507
    type: ClassVar[str] = "server_error"


class HeadersTooLarge(TianjiError):
    """The header section is over the limit in force."""

    status = 431
    type: ClassVar[str] = "invalid_request_error"


class Overloaded(TianjiError):
    """The gateway takes no more work at the moment, or is draining."""

    status = 503
    type: ClassVar[str] = "overloaded_error"

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    @property
    def headers(self) -> tuple[Header, ...]:
        """`retry-after` in whole seconds."""
        return ((b"retry-after", b"%d" % self.retry_after),)


class ClientGone(TianjiError):
    """The client closed its connection; nobody reads this, it is for logs and metrics."""

    status = 499
    type: ClassVar[str] = "client_disconnect"


class UpstreamFailure(TianjiError):
    """The upstream gave no usable answer. `sent` says whether it may have seen the request."""

    status = 502
    type: ClassVar[str] = "upstream_error"

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class UpstreamConnectFailed(UpstreamFailure):
    """No connection could be had: name resolution, TCP or TLS failed, or the pool's queue was full."""

    status = 500
    type: ClassVar[str] = "internal_server_error"

    def __init__(self, message: str) -> None:
        super().__init__(message, sent=False)


class UpstreamTimeout(UpstreamFailure):
    """A timeout ran out. `phase` is connect, first_byte, between_chunks or total."""

    status = 408
    type: ClassVar[str] = "invalid_request_error"

    def __init__(self, message: str, phase: str, *, sent: bool = True) -> None:
        super().__init__(message, sent=sent)
        self.phase = phase


class UpstreamProtocolError(UpstreamFailure):
    """The upstream broke HTTP/1.1 framing or the dialect it speaks; its connection was closed.

    `excerpt` is the beginning of what it sent, for the client alone: it may quote the prompt, so no log may hold it.
    `told` is the message without it, `payload` what it is an excerpt of, for whoever knows more secrets.
    """

    def __init__(self, message: str, *, excerpt: str = "", payload: bytes = b"") -> None:
        super().__init__(f"{message}. It begins: {excerpt!r}" if excerpt else message)
        self.told = message
        self.payload = payload


class UpstreamDisconnected(UpstreamFailure):
    """The upstream closed its connection before its answer was complete."""


class UpstreamSilent(UpstreamDisconnected):
    """The upstream closed its connection before it answered anything: no broken answer, but none."""

    status = 500
    type: ClassVar[str] = "internal_server_error"


class StreamFailed(UpstreamFailure):
    """The upstream said in the middle of its stream that it failed. `payload` is the JSON that says so."""

    def __init__(self, payload: bytes) -> None:
        super().__init__("the upstream failed in the middle of its stream")
        self.payload = payload


class UpstreamRefused(UpstreamFailure):
    """The upstream answered with an error of its own, handed on in OpenAI's shape; `said` is its message alone."""

    def __init__(
        self, status: int, message: str, wire_type: str, *, code: str | None, param: str | None, said: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.said = said
        self._wire_type = wire_type

    @property
    def wire_type(self) -> str:
        """The upstream's own `type`, or the one its status maps to."""
        return self._wire_type
