"""What a caller may not do, or no more of."""

from typing import ClassVar

from tianji.errors.root import Header, TianjiError


class AuthenticationFailed(TianjiError):
    """No key, a malformed key, or an unknown key."""

    status = 401
    type: ClassVar[str] = "auth_error"


class PermissionDenied(TianjiError):
    """The key is known and may not do this."""

    status = 403
    type: ClassVar[str] = "auth_error"


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
