"""Files, vector stores and containers that requests of models name: the upstream is told its own ids of them.

Such a request goes to a deployment at which all of them lie, or whose account they were uploaded with, and to no other.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from tianji._core.bodies.spans import scan
from tianji._core.edges.exchange import Exchange
from tianji.auth.identity import Identity
from tianji.dialects.openai import Dialect
from tianji.edge.answers import openai_error, respond_error
from tianji.edge.routes import Match
from tianji.errors import InvalidRequest, MalformedJSON, TianjiError
from tianji.lazy import load
from tianji.objects.desk import Desk
from tianji.objects.ids import Ref
from tianji.objects.kinds import FILE, MARK, NAMED, SIGN, STORE, Kind
from tianji.objects.places import Place


def _ids(*kinds: Kind) -> bytes:
    """Return an expression for an id of one of these kinds that we gave, to the quote behind it."""
    return rb'((?:%b)%b[A-Za-z0-9_-]+)(?=")' % (b"|".join(kind.prefix.encode() for kind in kinds), MARK.encode())


class _Naming(NamedTuple):
    """What names something: a member whose value is the id that we gave it, and a member whose value is a list of them.

    Both find first what stands before an id, and then the id; `many` finds a whole list.
    """

    one: re.Pattern[bytes]
    many: re.Pattern[bytes] | None = None

    def found(self, body: bytes) -> set[str]:
        """Return the ids that a body names."""
        if SIGN not in body:
            return set()
        several = () if self.many is None else self.many.finditer(body)
        within = (match for whole in several for match in _ITEM.finditer(whole[0]))
        return {match[2].decode() for match in (*self.one.finditer(body), *within)}

    def put(self, body: bytes, ids: Mapping[str, str]) -> bytes:
        """Return a body with other ids."""

        def other(match: re.Match[bytes]) -> bytes:
            return match[1] + ids[match[2].decode()].encode()

        body = self.one.sub(other, body)
        return body if self.many is None else self.many.sub(lambda whole: _ITEM.sub(other, whole[0]), body)


_ITEM: Final = re.compile(rb'(")' + _ids(*NAMED))
_FILES: Final = _Naming(re.compile(rb'("file_id"\s*:\s*")' + _ids(FILE)))
_OTHERS: Final[Mapping[str, _Naming]] = {
    # https://ai.google.dev/api/caching#FileData: an address, whose last segment is the name of the file
    "gemini": _Naming(re.compile(rb'("file_?[uU]ri"\s*:\s*")(?:[^"]*/)?' + _ids(FILE))),
    # https://platform.openai.com/docs/api-reference/responses/create#responses-create-tools
    "responses": _Naming(
        re.compile(rb'("(?:file_id|container)"\s*:\s*")' + _ids(*NAMED)),
        re.compile(rb'"(?:file_ids|vector_store_ids)"\s*:\s*\[[^\[\]]*\]'),
    ),
}
"""What names something, by operation, where it is not `file_id` alone."""


def replace(desk: Callable[[], Desk], dialect: Dialect, exchange: Exchange, match: Match) -> bool:
    """Put the upstream's ids into a request; tell whether to go on: where not, it was answered with an error."""
    try:
        _replace(desk(), _OTHERS.get(dialect.operation, _FILES), exchange, match.params.get("model"))
    except TianjiError as error:
        refuse(dialect, exchange, error)
        return False
    return True


def refuse(dialect: Dialect, exchange: Exchange, error: TianjiError) -> None:
    """Answer with an error in the form of a dialect."""
    own = dialect.codec if dialect.own_errors else None
    respond_error(exchange, error, openai_error if own is None else load(own).error_body)


def looks_itself(desk: Desk, exchange: Exchange, in_path: str | None) -> bool:
    """Tell whether an upstream of the model that a response is asked of can look into all that the request names.

    in_path: see _replace. Raises ObjectNotFound, UnknownModel, and what the caller is refused with.
    """
    asked = _asked(_OTHERS["responses"], exchange, in_path)
    if asked is None:
        return True  # whoever answers says what is wrong with it
    caller, model, named = asked
    refs = {name: _opened(desk, caller, name) for name in named}
    return desk.places.holder(model, caller, refs, exchange.pinned, speaking="responses") is not None


def renamed(desk: Desk, caller: Identity, place: Place, body: bytes) -> bytes:
    """Return a body with a place's own ids of files. Raises ObjectNotFound, and InvalidRequest for one elsewhere."""
    found = _FILES.found(body)
    ids = {name: desk.places.called(_opened(desk, caller, name), place) for name in found}
    if not all(ids.values()):
        raise InvalidRequest(
            "a file of this batch does not lie where its models are; upload it with target_model_names", param="file_id"
        )
    return _FILES.put(body, ids) if ids else body


def _opened(desk: Desk, caller: Identity, name: str) -> Ref:
    kind = next(kind for kind in NAMED if name.startswith(kind.prefix))
    return desk.seal.open(kind, name, caller)


def _replace(desk: Desk, naming: _Naming, exchange: Exchange, in_path: str | None) -> None:
    """Replace what `naming` finds. in_path: the model that the path names, which counts where the body names none."""
    asked = _asked(naming, exchange, in_path)
    if asked is None:
        return
    caller, model, named = asked
    refs = {name: _opened(desk, caller, name) for name in named}
    stores = any(name.startswith(STORE.prefix) for name in named)
    deployment, ids = desk.places.holding(
        model, caller, refs, exchange.pinned, speaking="responses" if stores else None
    )
    exchange.body = naming.put(exchange.body, ids)
    exchange.pinned = deployment


def _asked(naming: _Naming, exchange: Exchange, in_path: str | None) -> tuple[Identity, str, set[str]] | None:
    """Return who asks which model, and what the request names; None where it names nothing, or cannot be read."""
    caller, named = exchange.identity, naming.found(exchange.body)
    if not named or not isinstance(caller, Identity):
        return None
    try:
        model = scan(exchange.body).string(b"model") or in_path
    except MalformedJSON:
        return None  # whoever answers says so
    return None if model is None else (caller, model, named)
