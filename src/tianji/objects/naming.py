"""Ids in requests and answers: those of clients on one side, those of the upstream on the other."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.auth.identity import Identity
from tianji.errors import InvalidRequest
from tianji.objects.ids import Copy, Ref, Seal
from tianji.objects.kinds import BY_OBJECT, BY_TYPE, MEMBERS, OWN_MEMBERS, Kind

_LONGEST: Final = 8 << 20  # bytes of an event
_DEEPEST: Final = 32  # levels of an answer that are looked at
Json = Any


class Named(Struct, frozen=True):
    """An id that a request named, opened."""

    kind: Kind
    id: str
    ref: Ref


class Asking:
    """The ids of one request. All that it names must lie at one place."""

    def __init__(self, seal: Seal, caller: Identity) -> None:
        self._seal = seal
        self._caller = caller
        self.named: list[Named] = []

    def take(self, kind: Kind, text: str) -> None:
        """Note an id. Raises ObjectNotFound for one that is not the caller's."""
        self.named.append(Named(kind, text, self._seal.open(kind, text, self._caller)))

    def look_into(self, value: Json) -> None:
        """Note all ids in the members of a request, at any depth. Raises ObjectNotFound."""
        _walk(value, self._note, 0)

    def _note(self, kind: Kind, value: str) -> str:
        self.take(kind, value)
        return value

    def places(self) -> set[bytes]:
        """Return the digests of the places at which everything lies that was named. Raises InvalidRequest for none."""
        found: set[bytes] | None = None
        for named in self.named:
            own = {copy.place for copy in named.ref.copies}
            found = own if found is None else found & own
        if found is not None and not found:
            raise InvalidRequest("what this request names does not lie at one provider; upload it to the same")
        return found or set()

    def at(self, place: bytes, kind: Kind, text: str) -> str:
        """Return what a place calls something that the request named."""
        ref = next(named.ref for named in self.named if named.kind is kind and named.id == text)
        return next(copy.id for copy in ref.copies if copy.place == place)

    def said_to(self, place: bytes, value: Json) -> Json:
        """Return the members of a request with the ids of a place."""
        return _walk(value, lambda kind, text: self.at(place, kind, text), 0)


def shown(seal: Seal, place: bytes, owner: bytes, answer: Json) -> Json:
    """Return what an upstream says with the ids that clients see."""

    def name(kind: Kind, text: str) -> str:
        return seal.close(kind, Ref(owner, (Copy(place, text),))) if text else text

    found = _walk(answer, name, 0)
    if isinstance(found, dict) and found.get("object") == "list" and isinstance(found.get("data"), list):
        for member, one in (("first_id", found["data"][:1]), ("last_id", found["data"][-1:])):
            if member in found:
                found[member] = one[0].get("id") if one and isinstance(one[0], dict) else None
    return found


class Events:
    """Renames what the events of a stream say. It is fed with pieces, cut anywhere, and None at the end."""

    def __init__(self, rename: Callable[[Json], Json]) -> None:
        self._rename = rename
        self._held = b""

    def __call__(self, data: bytes | None) -> bytes:
        """Return the events that are whole, renamed; nothing more once one is too long to be held."""
        if data is None:
            rest, self._held = self._held, b""
            return self._event(rest)
        *whole, self._held = (self._held + data).replace(b"\r\n", b"\n").split(b"\n\n")
        if len(self._held) > _LONGEST:
            self._held = b""
        return b"".join(self._event(event) + b"\n\n" for event in whole)

    def _event(self, event: bytes) -> bytes:
        return b"\n".join(self._line(line) for line in event.split(b"\n"))

    def _line(self, line: bytes) -> bytes:
        if not line.startswith(b"data:") or b"{" not in line:
            return line
        try:
            return b"data: " + msgspec.json.encode(self._rename(msgspec.json.decode(line[5:])))
        except (msgspec.DecodeError, RecursionError):
            return b"data: {}"  # what nobody can read may say anything


def _walk(value: Json, name: Callable[[Kind, str], str], depth: int) -> Json:
    """Return a value with each id renamed."""
    if depth > _DEEPEST:
        return value
    if isinstance(value, list):
        return [_walk(item, name, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    said = str(value.get("object"))
    kind = BY_OBJECT.get(said) or BY_TYPE.get(str(value.get("type")))
    found = {member: _walk(item, name, depth + 1) for member, item in value.items()}
    if kind is not None and isinstance(value.get("id"), str):
        found["id"] = name(kind, value["id"])
    members = OWN_MEMBERS.get(said, MEMBERS)
    for member in members.keys() & value.keys():
        found[member] = _renamed(value[member], members[member], name)
    return found


def _renamed(value: Json, kind: Kind, name: Callable[[Kind, str], str]) -> Json:
    if isinstance(value, str):
        return name(kind, value)
    if isinstance(value, list):
        return [name(kind, item) if isinstance(item, str) else item for item in value]
    return value
