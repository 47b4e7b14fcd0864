"""Rows of theirs as rows of ours, as often as one likes: what is here already stays as it is."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.takeover.report import Part

AT_ONCE: Final = 500  # rows of one statement


async def insert_new(
    connection: AsyncConnection, table: sa.Table, rows: Sequence[Mapping[str, Any]], part: Part
) -> None:
    """Insert the rows that are not here."""
    key = [column.name for column in table.primary_key]
    known = {tuple(row) for row in await connection.execute(sa.select(*(table.c[name] for name in key)))}
    fresh: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for row in rows:
        fresh.setdefault(tuple(row[name] for name in key), row)
    new = [row for place, row in fresh.items() if place not in known]
    part.known += len(rows) - len(new)
    part.taken += len(new)
    for start in range(0, len(new), AT_ONCE):
        await connection.execute(sa.insert(table), new[start : start + AT_ONCE])
