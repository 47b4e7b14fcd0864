"""What all errors have in common."""

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
