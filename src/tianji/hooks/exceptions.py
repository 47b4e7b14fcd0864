"""The errors that files written for LiteLLM raise and ask for, each with the status that a client gets."""

from typing import Any, ClassVar, Final


class LiteLLMError(Exception):
    """The base of them. Whatever else a file gives it is an attribute."""

    status_code: int = 500
    usual: ClassVar[int] = 500

    def __init__(
        self, message: str = "", llm_provider: str | None = None, model: str | None = None, **more: Any
    ) -> None:
        super().__init__(message)
        self.message = message
        self.llm_provider = llm_provider
        self.model = model
        self.status_code = more.pop("status_code", None) or self.usual
        self.__dict__.update(more)


_STATUSES: Final = {
    "BadRequestError": 400,
    "InvalidRequestError": 400,
    "ContextWindowExceededError": 400,
    "ContentPolicyViolationError": 400,
    "UnsupportedParamsError": 400,
    "RejectedRequestError": 400,
    "BudgetExceededError": 400,
    "AuthenticationError": 401,
    "PermissionDeniedError": 403,
    "NotFoundError": 404,
    "Timeout": 408,
    "UnprocessableEntityError": 422,
    "RateLimitError": 429,
    "APIError": 500,
    "APIConnectionError": 500,
    "InternalServerError": 500,
    "ServiceUnavailableError": 503,
}
ERRORS: Final = {name: type(name, (LiteLLMError,), {"usual": status}) for name, status in _STATUSES.items()}
"""All by their names."""
