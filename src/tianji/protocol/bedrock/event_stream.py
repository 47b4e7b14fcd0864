"""What stands in a message of the AWS event stream, which `tianji._core.streams.aws_events` cuts out.

https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html
"""

import functools
import struct
from typing import Final

import msgspec

from tianji.errors import UpstreamProtocolError

EXCEPTION = "exception:"  # before the name of an event that reports one
_TEXT = 7
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}  # of header values, by their type
_COUNTED = frozenset({6, _TEXT})  # these say their length themselves
_LENGTH = struct.Struct(">H")
_USUAL: Final = 512  # bytes of headers; longer ones are not remembered


def event_of(raw_headers: bytes, payload: bytes) -> tuple[str, bytes]:
    """Return name and payload of a message. Raises UpstreamProtocolError for headers that do not add up.

    The name is the event's type; that of an exception or error stands behind `exception:`.
    """
    headers = _known(raw_headers) if len(raw_headers) <= _USUAL else read_headers(raw_headers)
    kind = headers.get(":message-type", "event")
    if kind == "exception":
        return EXCEPTION + headers.get(":exception-type", ""), payload
    if kind == "error":  # it has no payload: what it says stands in its headers
        said = {"message": headers.get(":error-message", "")}
        return EXCEPTION + headers.get(":error-code", ""), msgspec.json.encode(said)
    return headers.get(":event-type", ""), payload


def read_headers(raw: bytes) -> dict[str, str]:
    """Return the headers whose value is text. Raises UpstreamProtocolError when they do not add up."""
    found: dict[str, str] = {}
    at = 0
    while at < len(raw):
        after_name = at + 1 + raw[at]
        if after_name >= len(raw):
            raise _broken("a header is cut short")
        kind = raw[after_name]
        start = after_name + 1
        if kind in _COUNTED:
            if start + 2 > len(raw):
                raise _broken("a header is cut short")
            size = _LENGTH.unpack_from(raw, start)[0]
            start += 2
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            raise _broken(f"a header has the unknown type {kind}")
        end = start + size
        if end > len(raw):
            raise _broken("a header is cut short")
        if kind == _TEXT:
            found[raw[at + 1 : after_name].decode("utf-8", "replace")] = raw[start:end].decode("utf-8", "replace")
        at = end
    return found


_known: Final = functools.lru_cache(64)(read_headers)  # all events of a type have the same


def _broken(why: str) -> UpstreamProtocolError:
    return UpstreamProtocolError(f"the upstream's event stream is broken: {why}")
