"""Tasks: one request begins them, others look until they are done, and what they leave behind is removed.

Nothing here waits or asks: the module of a vendor, which has its provider's name, has `begun(asked)`, whose `Task`
`providers.tasks` carries out.
"""

from collections.abc import Generator, Iterable
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tianji.errors import StreamFailed, UpstreamProtocolError
from tianji.lazy import load
from tianji.protocol.chat.seam import Target
from tianji.protocol.media.form import JSON, Asked, File, Form, Json, Outbound
from tianji.protocol.media.transcripts import SPOKEN, printed

_REGIONAL: Final = ".bfl.ai"  # whose hosts are of regions, which the address to look at names
_LONGEST: Final = 8192  # characters of a place that is asked
_STORES: Final = (".amazonaws.com", ".reducto.ai")  # where what is too large for an answer lies


class Call(Struct, frozen=True):
    """One request: to a path behind the base address, or to an address.

    body: JSON, or a body in pieces; None for one that has none, which is a look where no `method` is given. The same
    look twice is one that waits for something. bare: whether it shows no key, and so may go to a store, too.
    """

    where: str
    body: Json | Form | None = None
    method: str = ""
    bare: bool = False


class Left(Struct, frozen=True):
    """What lies at the vendor from now on, by the call that removes it; nobody waits for that.

    done: whether it lies there also when the task is done
    """

    call: Call
    done: bool = True


Task = Generator[Call | Left, bytes, Json]
"""Yields calls, is sent the bodies of their answers, and returns an answer in OpenAI's form. Says what it leaves."""


class _Noted(Struct, omit_defaults=True):
    where: str
    method: str = ""
    bare: bool = False
    body: Json | None = None


class _File(Struct):
    field: str
    name: str | None
    kind: str | None
    size: int


class _Request(Struct):
    operation: str
    model: str
    members: Json
    files: list[_File]


def begun(asked: Asked) -> Task:
    """Return the task of a provider; what cannot be said to it is refused with the first call."""
    made: Task = load(f"{__package__}.{asked.target.provider}").begun(asked)
    return made


def outbound(asked: Asked) -> Outbound:
    """Write a request for `providers.tasks`, which reads it by `received`: files lie behind it as they are."""
    next(begun(asked))
    files = [
        _File(
            field, file.filename, None if file.content_type is None else file.content_type.decode("latin-1"), file.size
        )
        for field, file in asked.files
    ]
    said = msgspec.json.encode(_Request(asked.operation, asked.target.model, dict(asked.members), files))
    contents = [file.content for _, file in asked.files if file.size]
    length = len(said) + sum(file.size for _, file in asked.files)
    shown = printed(asked, SPOKEN) if asked.operation in ("transcription", "translation") else None
    return Outbound(f"/{asked.operation}", (JSON, [said, *contents], length), shown=shown)


def received(target: Target, said: bytes, contents: Iterable[Any] = ()) -> Asked:
    """Read a request that `outbound` wrote, which names the model. contents: of the files that are not empty."""
    request = msgspec.json.decode(said, type=_Request)
    rest = iter(contents)
    files = tuple(
        (
            file.field,
            File(
                file.field,
                next(rest) if file.size else b"",
                file.size,
                file.name,
                None if file.kind is None else file.kind.encode("latin-1"),
            ),
        )
        for file in request.files
    )
    return Asked(request.operation, replace(target, model=request.model), request.members, files)


def noted(call: Call) -> str:
    """Write down a call that removes something, for `read_note`. It holds no credentials."""
    if isinstance(call.body, tuple):
        raise TypeError("what is sent in pieces removes nothing")
    return msgspec.json.encode(_Noted(call.where, call.method, call.bare, call.body)).decode()


def read_note(text: str) -> Call:
    """Return the call that `noted` has written down."""
    told = msgspec.json.decode(text, type=_Noted)
    return Call(told.where, told.body, told.method, told.bare)


def place_of(call: Call, base: str) -> str:
    """Return where a call goes: nowhere but to the vendor's own hosts. Raises UpstreamProtocolError."""
    if not call.where.isprintable() or len(call.where) > _LONGEST:
        raise UpstreamProtocolError("the upstream names a place that is no address")
    if call.where.startswith("/"):
        return base + call.where
    if not _is_own(call.where, base) and not (call.bare and _is_stored(call.where)):
        raise UpstreamProtocolError("the upstream names no place of its own where its task can be looked at")
    return call.where


def _is_stored(where: str) -> bool:
    try:
        there = urlsplit(where)
        return there.scheme == "https" and (there.hostname or "").endswith(_STORES) and there.port is None
    except ValueError:
        return False


def _is_own(where: str, base: str) -> bool:
    try:
        home, there = urlsplit(base), urlsplit(where)
        if there.scheme != home.scheme or "@" in there.netloc:
            return False
        if (there.hostname, there.port) == (home.hostname, home.port):
            return True
        return all((part.hostname or "").endswith(_REGIONAL) and part.port is None for part in (home, there))
    except ValueError:
        return False


def failed(asked: Asked, why: str | None) -> StreamFailed:
    """Make the error of a task that came to nothing, as the vendor's answer says it with status 200."""
    message = f"{asked.target.provider}: the task failed: {why or 'it says no reason'}"
    return StreamFailed(msgspec.json.encode({"error": {"message": message, "code": "500"}}))
