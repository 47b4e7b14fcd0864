"""Members that the operator demands of every request (`general_settings.enforced_params`)."""

from collections.abc import Iterable

from tianji._core.spans import ObjectSpans
from tianji.errors import InvalidRequest, MalformedJSON


def enforce(members: Iterable[str], body: ObjectSpans) -> None:
    """Raise InvalidRequest for the first that is missing; `metadata.team` is a member of a member."""
    for name in members:
        outer, _, inner = name.partition(".")
        if not _has(body, outer) or (inner and not _within(body, outer, inner)):
            raise InvalidRequest(f"`{name}` is missing: the operator of this gateway demands it", param=name)


def _has(body: ObjectSpans, name: str) -> bool:
    return (body.get(name.encode()) or b"null") != b"null"


def _within(body: ObjectSpans, outer: str, inner: str) -> bool:
    try:
        nested = body.nested(outer.encode())
    except MalformedJSON:  # a name stands twice
        return False
    return nested is not None and _has(nested, inner)
