"""What is wrong with a request itself, whoever sends it."""

from typing import ClassVar

from tianji.errors.root import Header, TianjiError


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


class PayloadTooLarge(TianjiError):
    """The body is over the limit in force."""

    status = 413
    type: ClassVar[str] = "invalid_request_error"


class HeadersTooLarge(TianjiError):
    """The header section is over the limit in force."""

    status = 431
    type: ClassVar[str] = "invalid_request_error"
