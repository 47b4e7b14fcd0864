"""JSON as requests bring it and answers say it, whosever form it is in."""

from typing import Any, TypeVar

import msgspec

from tianji.errors import InvalidRequest, MalformedJSON
from tianji.mock.http import Request
from tianji.mock.script import Answer

CREATED = 1_700_000_000  # a fixed moment, so that equal requests get equal answers
encode = msgspec.json.encode
Json = dict[str, Any]
T = TypeVar("T")
_NOTED = frozenset({"files", "messages", "runs"})  # what the mock notes of its objects, and says nothing of


def decode(body: bytes, kind: type[T]) -> T:
    """Read a request's body. Raises InvalidRequest and MalformedJSON."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"The request does not fit: {error}") from error
    except msgspec.DecodeError as error:
        raise MalformedJSON(f"The body is not JSON: {error}") from error


def body_of(request: Request) -> Json:
    """Return the members of a request, none for one without a body. Raises InvalidRequest and MalformedJSON."""
    return decode(request.body or b"{}", Json)


def said(body: Json) -> Answer:
    """Answer with an object."""
    return Answer(body=encode({name: value for name, value in body.items() if name not in _NOTED}))


def text_of(content: Any) -> str:
    """Return the text in a message's content: a string, or parts with `text`."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return " ".join(text_of(part.get("text") if isinstance(part, dict) else part) for part in content)
    return ""


def event(kind: str, **members: Any) -> bytes:
    """Frame one event of a stream whose name stands in the frame and in the payload."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), encode({"type": kind} | members))
