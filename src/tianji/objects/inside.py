"""Files that requests of models name: the upstream is told its own ids of them.

Such a request goes to a deployment at which all of them lie, or whose account they were uploaded with, and to no other.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from tianji._core.bodies.spans import scan
from tianji._core.edges.exchange import Exchange
from tianji.auth.identity import Identity
from tianji.dialects.openai import Dialect
from tianji.edge.answers import openai_error, respond_error
from tianji.edge.routes import Match
from tianji.errors import InvalidRequest, MalformedJSON, TianjiError
from tianji.lazy import load
from tianji.objects.desk import Desk
from tianji.objects.kinds import FILE, MARK, SIGN
from tianji.objects.places import Place

_ID: Final = rb'(%b[A-Za-z0-9_-]+)(?=")' % f"{FILE.prefix}{MARK}".encode()
_USUAL: Final = re.compile(rb'("file_id"\s*:\s*")' + _ID)
_NAMED: Final[Mapping[str, re.Pattern[bytes]]] = {
    # https://ai.google.dev/api/caching#FileData: an address, whose last segment is the name of the file
    "gemini": re.compile(rb'("file_?[uU]ri"\s*:\s*")(?:[^"]*/)?' + _ID),
}
"""What names a file, by operation, where it is not `file_id`: what stands before, and the id that we gave it."""


def replace(desk: Callable[[], Desk], dialect: Dialect, exchange: Exchange, match: Match) -> bool:
    """Put the upstream's ids into a request; tell whether to go on: where not, it was answered with an error."""
    try:
        _replace(desk(), _NAMED.get(dialect.operation, _USUAL), exchange, match.params.get("model"))
    except TianjiError as error:
        own = dialect.codec if dialect.own_errors else None
        respond_error(exchange, error, openai_error if own is None else load(own).error_body)
        return False
    return True


def renamed(desk: Desk, caller: Identity, place: Place, body: bytes) -> bytes:
    """Return a body with a place's own ids of files. Raises ObjectNotFound, and InvalidRequest for one elsewhere."""
    ids = {name: desk.places.called(desk.seal.open(FILE, name, caller), place) for name in _named(_USUAL, body)}
    if not all(ids.values()):
        raise InvalidRequest(
            "a file of this batch does not lie where its models are; upload it with target_model_names", param="file_id"
        )
    return _USUAL.sub(lambda match: match[1] + ids[match[2].decode()].encode(), body) if ids else body


def _named(naming: re.Pattern[bytes], body: bytes) -> set[str]:
    return {match[2].decode() for match in naming.finditer(body)} if SIGN in body else set()


def _replace(desk: Desk, naming: re.Pattern[bytes], exchange: Exchange, in_path: str | None) -> None:
    """Replace what `naming` finds. in_path: the model that the path names, which counts where the body names none."""
    caller, body = exchange.identity, exchange.body
    named = _named(naming, body)
    if not named or not isinstance(caller, Identity):
        return
    try:
        model = scan(body).string(b"model") or in_path
    except MalformedJSON:
        return  # whoever answers says so
    if model is None:
        return
    refs = {name: desk.seal.open(FILE, name, caller) for name in named}
    deployment, ids = desk.places.holding(model, caller, refs, exchange.pinned)
    exchange.body = naming.sub(lambda match: match[1] + ids[match[2].decode()].encode(), body)
    exchange.pinned = deployment
