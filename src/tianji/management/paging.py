"""Lists, a page at a time."""

from typing import Any, Final

import sqlalchemy as sa

from tianji.errors import SchemaViolation
from tianji.management.desk import Call, Row

LARGEST: Final = 100  # rows of a page


async def paged(
    call: Call, wanted: "sa.Select[Any]", page: int, size: int, *, largest: int = LARGEST
) -> tuple[list[Row], Row]:
    """Return the rows of one page, and the numbers that go with it. Raises SchemaViolation (422)."""
    for name, value, most in (("page", page, 2**31), ("size", size, largest)):
        if not 1 <= value <= most:
            raise SchemaViolation(f"Input should be from 1 to {most}", ("query", name))
    total = await call.count(wanted.order_by(None))
    rows = await call.all(wanted.limit(size).offset((page - 1) * size))
    return rows, {"total_count": total, "current_page": page, "total_pages": -(-total // size)}


def ordered(
    table: sa.Table, name: str, direction: str, last: "sa.ColumnElement[Any]"
) -> "tuple[sa.ColumnElement[Any], ...]":
    """Return what to order by; `last` decides between equals, so that no row is on two pages."""
    column = table.c[name]
    return (column.desc() if direction == "desc" else column.asc(), last)


def contains(column: "sa.ColumnElement[Any]", text: str) -> "sa.ColumnElement[bool]":
    """Return the condition that a text stands in a column, in any case; `%` and `_` mean themselves."""
    return column.icontains(text, autoescape=True)
