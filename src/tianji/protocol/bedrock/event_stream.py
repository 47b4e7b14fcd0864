"""The AWS event stream: bytes in, events out.

https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html: a message is its length, the length of its
headers and a checksum of both, headers, payload, and a checksum of all of it; numbers are big-endian.
"""

import struct
import zlib
from collections.abc import Iterator

import msgspec

from tianji.errors import UpstreamProtocolError

EXCEPTION = "exception:"  # before the name of an event that reports one
_LONGEST = 25 << 20  # bytes of a message; AWS sends 24 MiB of payload at the most
_PRELUDE = 12
_AROUND = _PRELUDE + 4
_TEXT = 7
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}  # of header values, by their type
_COUNTED = frozenset({6, _TEXT})  # these say their length themselves
_NUMBERS = struct.Struct(">III")
_LENGTH = struct.Struct(">H")
_CHECKSUM = struct.Struct(">I")


class EventStream:
    """Cuts one body into events. After an error it is of no more use."""

    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def waiting(self) -> bool:
        """Whether part of a message was received."""
        return bool(self._held)

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """Take the next bytes; yield name and payload of the events that are whole, which must all be taken.

        The name is the event's type; that of an exception or error stands behind `exception:`. Raises
        UpstreamProtocolError at a wrong checksum or length, after the events before it.
        """
        self._held += data
        return self._whole()

    def _whole(self) -> Iterator[tuple[str, bytes]]:
        at = 0
        held = self._held
        while len(held) - at >= _PRELUDE:
            total, headers, checksum = _NUMBERS.unpack_from(held, at)
            if zlib.crc32(held[at : at + 8]) != checksum:
                raise _broken("the checksum of a prelude is wrong")
            if total > _LONGEST or headers + _AROUND > total:
                raise _broken(f"a message says that it has {total} bytes, {headers} of them headers")
            if len(held) - at < total:
                break
            message = bytes(held[at : at + total])
            at += total
            if zlib.crc32(message[:-4]) != _CHECKSUM.unpack_from(message, total - 4)[0]:
                raise _broken("the checksum of a message is wrong")
            yield _event(read_headers(message[_PRELUDE : _PRELUDE + headers]), message[_PRELUDE + headers : -4])
        del held[:at]


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


def _event(headers: dict[str, str], payload: bytes) -> tuple[str, bytes]:
    kind = headers.get(":message-type", "event")
    if kind == "exception":
        return EXCEPTION + headers.get(":exception-type", ""), payload
    if kind == "error":  # it has no payload: what it says stands in its headers
        said = {"message": headers.get(":error-message", "")}
        return EXCEPTION + headers.get(":error-code", ""), msgspec.json.encode(said)
    return headers.get(":event-type", ""), payload


def _broken(why: str) -> UpstreamProtocolError:
    return UpstreamProtocolError(f"the upstream's event stream is broken: {why}")
