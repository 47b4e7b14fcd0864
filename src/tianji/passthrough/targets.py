"""From the path that a client sent to one at the upstream, which it cannot leave.

A path is judged decoded, as often as it can be, since nobody knows how often those behind the gateway decode; what goes
on is what was sent.
"""

from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from tianji.errors import InvalidRequest

_MOST_DECODINGS: Final = 5
_DOTS: Final = frozenset({b".", b".."})
_BEFORE_MODELS: Final = frozenset({b"deployments", b"engines", b"model", b"models"})
_CONTROLS: Final = bytes(range(0x20)) + b"\x7f"


def below(raw: bytes, depth: int) -> bytes:
    """Return what of a path lies below its first `depth` parts: b"", or a slash and more.

    raw: the path as it was sent. Raises InvalidRequest for one that may lead elsewhere than it says.
    """
    parts = raw.split(b"/")[depth + 1 :]
    for number, part in enumerate(parts):
        _require_plain(part, last=number == len(parts) - 1)
    return b"".join(b"/" + part for part in parts)


def join(base: bytes, tail: bytes) -> bytes:
    """Return the path of a request: below `base`, which has no slash at its end.

    A version that both of them name, as in `https://host/v1` and `/v1/models`, is said once.
    """
    first, _, rest = tail[1:].partition(b"/")
    if rest and first[:1] == b"v" and first[1:2].isdigit() and base.endswith(b"/" + first):
        tail = b"/" + rest
    return base + tail or b"/"


def _require_plain(part: bytes, *, last: bool) -> None:
    if not part and not last:
        raise InvalidRequest("the path holds an empty part; leave it out")
    for _ in range(_MOST_DECODINGS):
        pieces = part.replace(b"\\", b"/").split(b"/")
        if any(piece.partition(b";")[0] in _DOTS for piece in pieces) or any(byte in _CONTROLS for byte in part):
            raise InvalidRequest("the path holds dot segments or control characters; write it without them")
        decoded = unquote_to_bytes(part)
        if decoded == part:
            return
        if b"//" in decoded or decoded[:1] == b"/":
            raise InvalidRequest("the path holds empty parts; leave them out")
        part = decoded
    raise InvalidRequest("the path is encoded too often; encode it once")


def model_in(path: bytes) -> str | None:
    """Return the model that a path names, as `/models/NAME:method`, `/model/NAME/action` or `/deployments/NAME/...`."""
    found = _place_of_model(path.split(b"/"))
    return None if found is None else found[1]


def with_model(path: bytes, model: str) -> bytes:
    """Return a path that names a model with another one in its place."""
    parts = path.split(b"/")
    found = _place_of_model(parts)
    if found is not None:
        number, _, method = found
        parts[number] = quote(model, safe="").encode() + method
    return b"/".join(parts)


def _place_of_model(parts: list[bytes]) -> tuple[int, str, bytes] | None:
    """Return the number of the part, the name in it, and what follows in the same part."""
    for number in range(1, len(parts)):
        if parts[number - 1] not in _BEFORE_MODELS or not parts[number]:
            continue
        name, method = parts[number], b""
        if number == len(parts) - 1:
            head, colon, tail = name.rpartition(b":")
            if head and tail.isalpha():
                name, method = head, colon + tail
        return number, unquote_to_bytes(name).decode("utf-8", "replace"), method
    return None


class Query:
    """What goes on of a query.

    without: names that do not; own: pairs of the target's, which stand where the client sends none, or beside his where
    they are `merged`; defaults: pairs that are added where nobody says anything of the name.
    """

    def __init__(
        self,
        *,
        without: Iterable[bytes] = (),
        own: bytes = b"",
        merged: bool = False,
        defaults: Iterable[tuple[str, str]] = (),
    ) -> None:
        self._without = frozenset(without)
        self._own = own
        self._merged = merged
        self._defaults = tuple(defaults)

    def __call__(self, query: bytes) -> bytes:
        """Return the query of the request that goes on; what the client wrote stands as he wrote it."""
        pieces = [piece for piece in query.split(b"&") if piece and _name(piece) not in self._without]
        if self._own and (self._merged or not pieces):
            said = {_name(piece) for piece in pieces}
            pieces += [piece for piece in self._own.split(b"&") if piece and _name(piece) not in said]
        said = {_name(piece) for piece in pieces}
        for name, value in self._defaults:
            if name.encode() not in said:
                pieces.append(f"{quote(name, safe='')}={quote(value, safe='')}".encode())
        return b"&".join(pieces)


def _name(piece: bytes) -> bytes:
    pairs = parse_qsl(piece, keep_blank_values=True)
    return pairs[0][0] if pairs else b""
