"""What the gateway cannot do, or not now."""

from typing import ClassVar

from tianji.errors.root import Header, TianjiError


class ConfigurationError(TianjiError):
    """The configuration cannot be used. `problems` lists every finding, one line each."""

    type: ClassVar[str] = "configuration_error"

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


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


class QueueTimeout(TianjiError):
    """The request has waited for a slot as long as it may."""

    status = 408
    type: ClassVar[str] = "timeout_error"

    @property
    def headers(self) -> tuple[Header, ...]:
        """A client that comes back at once would only wait again."""
        return ((b"retry-after", b"1"),)


class InsufficientStorage(TianjiError):
    """The disk has no room for a body that is kept in a file (RFC 4918 section 11.5)."""

    status = 507
    type: ClassVar[str] = "server_error"


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
