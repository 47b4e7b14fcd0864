"""From a client's body to a typed request, or an error that says where it went wrong."""

from typing import Any, TypeVar

import msgspec

from tianji.errors import InvalidRequest, MalformedJSON
from tianji.protocol.openai.requests import mistyped

T = TypeVar("T")


def members(body: bytes) -> dict[str, Any]:
    """Decode a body. Raises MalformedJSON for what is no JSON, InvalidRequest for what is no object."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJSON(f"The body is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidRequest("The body must be a JSON object.", code="invalid_type")
    return value


def typed(value: object, kind: type[T], place: str = "") -> T:
    """Return `value` as a `kind`. Raises InvalidRequest; `place` is where the value stands in the body."""
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise mistyped(str(error), place) from None


def needed(value: str | None, place: str) -> str:
    """Return a text that has to be there. Raises InvalidRequest; `place` is where it stands in the body."""
    if not value:
        raise InvalidRequest(f"{place}: expected a string", param=place, code="missing_required_parameter")
    return value
