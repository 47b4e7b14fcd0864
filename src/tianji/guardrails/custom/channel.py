"""What a worker and a process of a guardrail say to each other: JSON, each document behind its length."""

import asyncio
import json
import socket
import struct
from typing import Any, Final

Document = dict[str, Any]
CALL: Final = "call"
"""The action of a document by which a process asks its worker for a call to somebody else."""

_LENGTH: Final = struct.Struct("!I")
_LONGEST: Final = 256 << 20  # bytes; what claims to be longer is no document


class Broken(Exception):  # noqa: N818 - what happened to it
    """The other side is gone, or says what is no document."""


def encoded(document: Document) -> bytes:
    """Return a document as it goes over the line; half a surrogate pair survives."""
    data = json.dumps(document, separators=(",", ":")).encode("ascii")
    return _LENGTH.pack(len(data)) + data


class Channel:
    """The end of the process, which does one thing after another."""

    def __init__(self, line: socket.socket) -> None:
        self._file = line.makefile("rwb")

    def read(self) -> Document | None:
        """Wait for the next document; None when the worker is gone."""
        head = self._file.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack(head)
        return _decoded(self._file.read(length))

    def ask(self, document: Document) -> Document:
        """Say something and return what the worker answers. Raises EOFError where it is gone."""
        self.write(document)
        answer = self.read()
        if answer is None:
            raise EOFError
        return answer

    def write(self, document: Document) -> None:
        """Say something."""
        self._file.write(encoded(document))
        self._file.flush()


async def read(reader: asyncio.StreamReader) -> Document:
    """Return the next document that a process says. Raises Broken."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > _LONGEST:
            raise Broken("it says too much")
        return _decoded(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        raise Broken("its process ended") from None
    except (ValueError, RecursionError):
        raise Broken("what it says is no JSON") from None


def _decoded(data: bytes) -> Document:
    document = json.loads(data)
    if not isinstance(document, dict):
        raise ValueError("no object")
    return document
