"""Requests whose body is a form with files: read into what their fields say as JSON, and written again.

Everything that steers a request reads the JSON: a field is a member, fields of one name (or `name[]`) are an array, a
file is an object with its name and size. `true`, `false` and JSON objects stand as such; written again they are the
same text. What the files hold stays where the edge has put it.
"""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.forward import Endpoint
from tianji._core.upstreams.spool import Extent
from tianji.errors import InvalidRequest, PayloadTooLarge
from tianji.protocol.multipart import Part, Piece, Reader, boundary_of, written

READ: Final = 64 * 1024  # bytes of a body that are looked at together
TURN: Final = 64  # reads before others have their turn
File = Piece[bytes | Extent]
_FILES: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Form(Struct, frozen=True):
    """The files of a form, under the names of the members that stand for them."""

    files: tuple[tuple[str, File], ...]

    def content(self, name: str) -> bytes | Extent | None:
        """Return what the first file of a name holds."""
        return next(
            (file.content for own, file in self.files if own == name and not isinstance(file.content, str)), None
        )


class FormEndpoint:
    """Reads forms, and hands them on as requests.

    `most`: bytes of a body in JSON, which is held in memory. `compares`: whether requests are to be told apart by what
    their files hold, so that each file's SHA-256 stands beside its name.
    """

    def __init__(self, endpoint: Endpoint, most: int, compares: Callable[[], bool] = lambda: False) -> None:
        self._endpoint = endpoint
        self._most = most
        self._compares = compares

    def __call__(self, exchange: Exchange, match: object) -> Coroutine[Any, Any, None] | None:
        """Answer a request. Raises InvalidRequest where its form is malformed."""
        boundary = boundary_of(exchange.header(b"content-type"))
        if boundary is None:
            take_json(exchange, self._most)
        elif exchange.spool is None:
            reader = Reader(boundary)
            for at in range(0, exchange.size, READ):
                reader.feed(exchange.read(at, READ))
            parts = reader.close()
            adopt(exchange, parts, digests(exchange, parts) if self._compares() else {})
        else:
            return self._read(exchange, match, Reader(boundary))
        self._endpoint(exchange, match)
        return None

    async def _read(self, exchange: Exchange, match: object, reader: Reader) -> None:
        """Read a form that is in a file, with others between."""
        for number, at in enumerate(range(0, exchange.size, READ)):
            reader.feed(exchange.read(at, READ))
            if number % TURN == TURN - 1:
                await asyncio.sleep(0)
        parts = reader.close()
        # a file is not held by the loop, so a thread may read it
        found = await asyncio.to_thread(digests, exchange, parts) if self._compares() else {}
        adopt(exchange, parts, found)
        self._endpoint(exchange, match)


def take_json(exchange: Exchange, most: int) -> None:
    """Take a body that is no form into memory. Raises PayloadTooLarge, and InvalidRequest for what is not JSON."""
    if exchange.size > most:
        raise PayloadTooLarge(f"a body in JSON may have {most} bytes; send what is larger as multipart/form-data")
    kind = exchange.header(b"content-type") or b"application/json"
    if b"json" not in kind.lower():
        raise InvalidRequest("the body is neither multipart/form-data nor JSON; set the content-type to one of them")
    if exchange.spool is not None:
        exchange.body = exchange.spool.read(0, exchange.size)
        exchange.spool = None


def digests(exchange: Exchange, parts: Iterable[Part]) -> dict[int, str]:
    """Return the SHA-256 of the files of a form, by where they begin in the body."""
    return {part.at: _digest(exchange, part) for part in parts if part.text is None}


def _digest(exchange: Exchange, part: Part) -> str:
    found, end = hashlib.sha256(), part.at + part.size
    for at in range(part.at, end, READ):
        found.update(exchange.read(at, min(READ, end - at)))
    return found.hexdigest()


def adopt(exchange: Exchange, parts: Iterable[Part], known: Mapping[int, str] = {}) -> None:
    """Put what a form's fields say in the place of the body, and the places of its files beside it.

    `known`: digests of files, see `digests`
    """
    found = tuple(parts)
    files = tuple((member(part.name), file_of(exchange, part)) for part in found if part.text is None)
    exchange.form = Form(files)
    exchange.body = as_json(found, known)
    exchange.spool = None  # the files refer to it


def file_of(exchange: Exchange, part: Part) -> File:
    """Return a part of the body that is a file."""
    return Piece(part.name, exchange.extent(part.at, part.size), part.size, part.filename, part.content_type)


def member(name: str) -> str:
    """Return the member that stands for a field."""
    return name.removesuffix("[]")


def as_json(parts: Iterable[Part], known: Mapping[int, str] = {}) -> bytes:
    """Return what the fields of a form say as a JSON object. `known`: digests of its files, by where they begin."""
    members: dict[str, Any] = {}
    for part in parts:
        value = raw(part.text) if part.text is not None else _named(part, known.get(part.at))
        name = member(part.name)
        if name in members or name != part.name:
            before = members.get(name, [])
            members[name] = [*(before if isinstance(before, list) else [before]), value]
        else:
            members[name] = value
    return msgspec.json.encode(members)


def _named(part: Part, digest: str | None) -> dict[str, Any]:
    """Return what stands for a file."""
    told = {"filename": part.filename, "bytes": part.size}
    return told if digest is None else {**told, "sha256": digest}


def raw(text: str) -> str | msgspec.Raw:
    """Return a field's text, as JSON where it is a boolean or an object."""
    if text in ("true", "false"):
        return msgspec.Raw(text.encode())
    if text.startswith("{"):
        try:
            msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, RecursionError):
            return text
        return msgspec.Raw(text.encode())
    return text


def form_of(form: Form, body: bytes) -> tuple[bytes, list[bytes | Extent], int]:
    """Write a form: content-type, body in pieces, length. `body` says as JSON which members it has."""
    members = _FILES.decode(body)
    return written([*fields(form, members), *(file for name, file in form.files if name in members)])


def fields(form: Form, members: Mapping[str, msgspec.Raw]) -> Iterator[File]:
    """Yield the fields that members stand for, the files apart."""
    files = {name for name, _ in form.files}
    for name, value in members.items():
        if name in files:
            continue
        if bytes(value).startswith(b"["):
            for item in msgspec.json.decode(value, type=list[msgspec.Raw]):
                yield Piece(f"{name}[]", text_of(item))
        elif bytes(value) != b"null":
            yield Piece(name, text_of(value))


def text_of(value: msgspec.Raw) -> str:
    """Return a member as a field has it: a string's text, and everything else as JSON."""
    text = bytes(value)
    return msgspec.json.decode(text, type=str) if text.startswith(b'"') else text.decode()
