"""A request for pictures or sound and its answer, between OpenAI's form and those of vendors.

https://platform.openai.com/docs/api-reference/images and .../audio. A module of a vendor has `outbound(asked)`, which
returns an `Outbound`; it does no input or output. Files are handed on as they lie, and nobody here reads them.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.errors import Header, InvalidRequest, PayloadTooLarge, UnsupportedParams
from tianji.protocol.chat.seam import Target
from tianji.protocol.loose import list_of
from tianji.protocol.multipart import Piece, written

Json = dict[str, Any]
File = Piece[Any]
Form = tuple[bytes, list[Any], int]
"""A body in pieces, which are bytes or places of files: its type, they, and its length."""
JSON: Final = b"application/json"


class Asked(Struct, frozen=True):
    """What is asked. members: the fields of a form, or of a JSON object, the model apart; files: of a form."""

    operation: str
    target: Target
    members: Mapping[str, Any]
    files: tuple[tuple[str, File], ...] = ()

    def text(self, name: str) -> str | None:
        """Return a member that is text, None for none."""
        value = self.members.get(name)
        return value if isinstance(value, str) and value else None

    def number(self, name: str) -> float | None:
        """Return a member that is a number, also as the text of a form's field."""
        value = self.members.get(name)
        if value is None:
            return None
        try:
            found = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            found = math.nan
        if not math.isfinite(found):
            raise InvalidRequest(f"{name}: expected a number", param=name, code="invalid_type")
        return found

    def texts(self, name: str) -> list[str]:
        """Return a member that is a list of texts, also as the text of a form's field: JSON, or words and commas."""
        value = self.members.get(name)
        if isinstance(value, str):
            try:
                value = msgspec.json.decode(value) if value.lstrip().startswith("[") else value.split(",")
            except (msgspec.DecodeError, RecursionError):
                value = None
            if value is None:
                raise InvalidRequest(f"{name}: expected a list of texts", param=name, code="invalid_type")
        return [text.strip() for text in list_of(value) if isinstance(text, str) and text.strip()]

    def count(self) -> int:
        """Return how many pictures are wanted."""
        return max(1, int(self.number("n") or 1))

    def file(self, name: str) -> File:
        """Return the first file of a name. Raises InvalidRequest where there is none, since nobody fetches any."""
        found = next((file for own, file in self.files if own == name), None)
        if found is None:
            raise InvalidRequest(
                f"{name}: {self.target.provider} takes a file; send a form (multipart/form-data) with one.", param=name
            )
        return found

    def beyond(self, known: Iterable[str]) -> Json:
        """Return the members that OpenAI's form has no place for: they go to the vendor as they are."""
        files, names = {name for name, _ in self.files}, set(known)
        return {name: value for name, value in self.members.items() if name not in names and name not in files}


class Outbound:
    """One request in the form of a vendor.

    body: bytes of JSON, or pieces of a form with `length`. read: makes an answer OpenAI's. shown: the type of what the
    client gets of that and what makes it, where either side has no JSON. sound: the type of what `convert` makes of an
    answer in JSON, where that holds sound; None where the sound comes as it is.
    """

    def __init__(
        self,
        suffix: str,
        body: Json | bytes | Form,
        *,
        read: Callable[[bytes], Json] | None = None,
        shown: tuple[bytes, Callable[[Json], bytes]] | None = None,
        sound: tuple[bytes, Callable[[bytes], bytes]] | None = None,
        content_type: bytes = JSON,
        headers: tuple[Header, ...] = (),
    ) -> None:
        self.suffix = suffix
        self.headers = headers
        if isinstance(body, tuple):
            self.content_type, self.parts, self.length = body
        else:
            whole = body if isinstance(body, bytes) else msgspec.json.encode(body)
            self.content_type, self.parts, self.length = content_type, [whole], len(whole)
        self.sound = sound
        self.shown = shown
        self._read = read

    def answer(self, body: bytes) -> bytes:
        """Return an answer in OpenAI's form. Raises UpstreamProtocolError."""
        return body if self._read is None else msgspec.json.encode(self._read(body))


def content_of(file: File, most: int) -> bytes:
    """Return what a file holds, for a request in JSON. Raises PayloadTooLarge for more than `most` bytes."""
    if file.size > most:
        raise PayloadTooLarge(f"{file.name}: what becomes part of a request in JSON may have {most} bytes")
    content: Any = file.content
    found: bytes = content if isinstance(content, bytes) else content.spool.read(content.at, content.size)
    return found


def as_file(file: File) -> Form:
    """Return a file as a body of its own."""
    return file.content_type or b"application/octet-stream", [file.content], file.size


def as_form(fields: Mapping[str, Any], files: Iterable[tuple[str, File]] = ()) -> Form:
    """Return a form as a body: fields that have a value, and files under names of the vendor's."""
    pieces = [Piece[Any](name, _said(value)) for name, value in fields.items() if value is not None]
    renamed = [Piece[Any](name, f.content, f.size, f.filename or name, f.content_type) for name, f in files]
    return written([*pieces, *renamed])


def lacking(asked: Asked, name: str, why: str) -> None:
    """Refuse a member, unless what a vendor lacks is dropped."""
    target = asked.target
    if not target.drop_params:
        raise UnsupportedParams(
            f"{target.provider} model {target.model!r} does not take this {name!r}: {why}. "
            "Change it, or set drop_params: true to have it left out.",
            param=name,
        )


def _said(value: Any) -> str:
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
