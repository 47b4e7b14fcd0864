"""Lists a part at a time, and what requests about users and groups have in common (RFC 7644 sections 3.4.2, 3.5)."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from tianji.management.desk import Call, Row
from tianji.scim.filters import Condition, parse
from tianji.scim.patching import Operation, Resource
from tianji.scim.resources import LIST

if TYPE_CHECKING:
    import sqlalchemy as sa

MOST: Final = 100  # resources of an answer
_USUAL: Final = 10


class Wish(Struct, rename="camel"):
    """Which part of which list."""

    start_index: int = 1
    count: int = _USUAL
    filter: str | None = None
    attributes: str = ""
    excluded_attributes: str = ""


class Patch(Struct):
    """Operations on a resource, in this order."""

    Operations: list[Operation]


async def found_page(
    call: Call,
    wanted: "sa.Select[Any]",
    wish: Wish,
    condition: Callable[[Condition], "sa.ColumnElement[bool]"],
    told: Callable[[Row], Awaitable[Resource]],
) -> Resource:
    """Return the part of a list that is asked for."""
    if wish.filter:
        wanted = wanted.where(*(condition(one) for one in parse(wish.filter)))
    start, count = max(1, wish.start_index), min(max(0, wish.count), MOST)
    total = await call.count(wanted.order_by(None))
    rows = await call.all(wanted.limit(count).offset(start - 1)) if count and start <= total else []
    found = [chosen(await told(row), wish.attributes, wish.excluded_attributes) for row in rows]
    return {
        "schemas": [LIST],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": len(found),
        "Resources": found,
    }


def chosen(resource: Resource, attributes: str, excluded: str) -> Resource:
    """Leave out of a resource what was not asked for (RFC 7644 section 3.9); its id and its schemas stay."""
    always = {"id", "schemas", "meta"}
    if attributes:
        named = {name.strip().lower().partition(".")[0] for name in attributes.split(",")} | always
        return {name: value for name, value in resource.items() if name.lower() in named}
    unwanted = {name.strip().lower() for name in excluded.split(",")} - always
    return {name: value for name, value in resource.items() if name.lower() not in unwanted}
