"""The transaction that takes a batch into the database: rows, sums and the journal's position, all or nothing.

A batch counts once. The position moves in the same transaction, and only from where the batch began; a request that
has a row already, out of a copy of a journal, say, adds nothing.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.ledger.entry import Entry
from tianji.ledger.names import name
from tianji.ledger.rows import GROUPS, SUMS, bounded, daily, payload, row, spent
from tianji.storage.tables import DAILY, JOURNALS, LEDGER, PAYLOADS

_Insert = sqlite.Insert | postgresql.Insert
_KEY: Final = (*GROUPS, "logged")


async def position(connection: AsyncConnection, journal: str) -> int:
    """Return how far a journal is in the ledger."""
    found = sa.select(JOURNALS.c.position).where(JOURNALS.c.name == journal)
    return (await connection.execute(found)).scalar() or 0


async def move(connection: AsyncConnection, journal: str, start: int, end: int, now: datetime) -> bool:
    """Move a journal's position; False when it does not stand at `start`, because somebody else moved it."""
    if await position(connection, journal) != start:
        return False
    fresh = _insert(connection, JOURNALS).values(name=journal, position=end, moved_at=now)
    await connection.execute(
        fresh.on_conflict_do_update(index_elements=["name"], set_={"position": end, "moved_at": now})
    )
    return True


async def forget(connection: AsyncConnection, journals: Iterable[str], before: datetime) -> None:
    """Forget journals that are gone, and those that have not moved for long."""
    gone = sa.or_(JOURNALS.c.name.in_(list(journals)), JOURNALS.c.moved_at < before)
    await connection.execute(sa.delete(JOURNALS).where(gone))


async def post(connection: AsyncConnection, entries: Sequence[Entry], *, logged: bool = True) -> int:
    """Take entries in and let whoever they are of have spent it. Returns how many were new. See `keep`."""
    fresh = await keep(connection, entries, logged=logged)
    for table, columns, sums in spent(fresh):
        await _spend(connection, table, columns, sums)
    return len(fresh)


async def keep(connection: AsyncConnection, entries: Sequence[Entry], *, logged: bool) -> list[Entry]:
    """Take entries into rows and sums by day and return the new ones; `logged` False keeps their sums only.

    The connection is alone among writers (`Database.writing`): what is not there now is not there when it is written.
    """
    unique = {name(entry.request_id): bounded(entry) for entry in entries}
    found = sa.select(LEDGER.c.request_id).where(LEDGER.c.request_id.in_(list(unique)))
    for known in (await connection.execute(found)).scalars():
        del unique[known]
    fresh = list(unique.values())
    if not fresh:
        return []
    if logged:
        await _keep(connection, LEDGER, [row(entry) for entry in fresh])
        await _keep(connection, PAYLOADS, [made for entry in fresh if (made := payload(entry)) is not None])
    await add(connection, daily(fresh, logged=logged))
    return fresh


async def add(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Add rows to the sums by day."""
    fresh = _insert(connection, DAILY)
    grown = {figure: DAILY.c[figure] + fresh.excluded[figure] for figure in SUMS}
    await connection.execute(fresh.on_conflict_do_update(index_elements=list(_KEY), set_=grown), rows)


async def _keep(connection: AsyncConnection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows whose values are as drivers take them: to look at each of them takes a third of a drain's time."""
    if not rows:
        return
    compiled = (
        _insert(connection, table)
        .on_conflict_do_nothing()
        .compile(dialect=connection.dialect, column_keys=list(rows[0]))
    )
    order = itemgetter(*(compiled.positiontup or ()))
    await connection.exec_driver_sql(compiled.string, [order(row) for row in rows])


async def _spend(
    connection: AsyncConnection, table: sa.Table, columns: tuple[str, ...], sums: dict[tuple[str, ...], int]
) -> None:
    grown = {column: table.c[column] + sa.bindparam("more") for column in ("spend", "total_spend") if column in table.c}
    here = [table.c[column] == sa.bindparam(f"of_{column}") for column in columns]
    rows = [
        {"more": more, **{f"of_{column}": value for column, value in zip(columns, names, strict=True)}}
        for names, more in sums.items()
    ]
    await connection.execute(sa.update(table).where(*here).values(grown), rows)


def _insert(connection: AsyncConnection, table: sa.Table) -> _Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
