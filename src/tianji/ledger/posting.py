"""The transaction that takes a batch into the database: rows, sums and the journal's position, all or nothing.

A batch counts once. The position moves in the same transaction, and only from where the batch began; a request that
has a row already, out of a copy of a journal, say, adds nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji._core.journal.sheet import Sheet
from tianji.lazy import load
from tianji.ledger import periods
from tianji.ledger.entry import Entry, decoded
from tianji.ledger.rows import COLUMNS, GROUPS, SUMS, daily, payload, spent
from tianji.storage.tables import DAILY, JOURNALS, LEDGER_ACCOUNTS, LEDGER_ROWS, PAYLOADS

_DIALECTS: Final[dict[str, sa.Dialect]] = {
    "postgresql": asyncpg.dialect(),  # type: ignore[no-untyped-call]
    "sqlite": sqlite.dialect(),
}
TOGETHER: Final = 40  # rows of a statement on SQLite, which then opens its indexes once; it takes 999 values at least
_Insert = sqlite.Insert | postgresql.Insert
_Sums = Mapping[tuple[str, ...], int]
_Driven = tuple[str, Callable[[dict[str, Any]], tuple[Any, ...]]]
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


def whole(entry: Entry) -> Entry:
    """Keep all of an entry."""
    return entry


async def post(
    connection: AsyncConnection, sheet: Sheet, *, logged: bool = True, kept: Callable[[Entry], Entry] = whole
) -> Sheet:
    """Take entries in and let whoever they are of have spent it. Returns the new ones. See `keep`."""
    fresh = await keep(connection, sheet, logged=logged, kept=kept)
    if not len(fresh):
        return fresh
    named = await periods.heirs(connection, fresh)
    over = await periods.late(connection, fresh, named)
    for table, columns, sums in spent(fresh.sums, named):
        await _spend(connection, table, columns, sums, over.get(table, {}))
    return fresh


async def keep(
    connection: AsyncConnection, sheet: Sheet, *, logged: bool, kept: Callable[[Entry], Entry] = whole
) -> Sheet:
    """Take entries into rows and sums by day and return the new ones; `logged` False keeps their sums only.

    kept: is told each entry that has a payload, and returns what of it is kept
    The connection is alone among writers (`Database.writing`): what is not there now is not there when it is written.
    """
    said = [kept(decoded(body)) for body in sheet.said]
    fresh = await _add_rows(connection, sheet) if logged else sheet.without(await _known(connection, sheet))
    if not len(fresh):
        return fresh
    if logged and said:
        await _keep_said(connection, said, set(fresh.names))
    await add(connection, daily(fresh.sums, logged=logged))
    return fresh


async def _keep_said(connection: AsyncConnection, entries: Iterable[Entry], names: set[str]) -> None:
    rows = [made for entry in entries if (made := payload(entry)) is not None and made["request_id"] in names]
    if rows:
        await connection.execute(_insert(connection, PAYLOADS).on_conflict_do_nothing(), rows)


async def add(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Add rows to the sums by day."""
    text, order = _adding(connection.dialect.name)
    await connection.exec_driver_sql(text, [order(row) for row in rows])


@cache
def _adding(dialect: str) -> _Driven:
    """Return the statement, and what puts a row into its order."""
    fresh = _dialect_insert(dialect, DAILY)
    grown = {figure: DAILY.c[figure] + fresh.excluded[figure] for figure in SUMS}
    return _driven(dialect, fresh.on_conflict_do_update(index_elements=list(_KEY), set_=grown), (*_KEY, *SUMS))


def _driven(dialect: str, statement: Any, columns: Sequence[str]) -> _Driven:
    """Return a statement for the driver itself: to look at each value takes longer than all that the driver does."""
    compiled = statement.compile(dialect=_DIALECTS[dialect], column_keys=list(columns))
    return compiled.string, itemgetter(*compiled.positiontup)


async def _add_rows(connection: AsyncConnection, sheet: Sheet) -> Sheet:
    """Insert the rows of all requests that have none yet, and return those."""
    if len(set(sheet.names)) < len(sheet):
        sheet = sheet.without(set())
    if not len(sheet):
        return sheet
    await _number(connection, sheet)
    if connection.dialect.name == "postgresql":
        return await _copied(connection, sheet)
    return await _inserted(connection, sheet)


async def _copied(connection: AsyncConnection, sheet: Sheet) -> Sheet:
    if await _copy(connection, sheet):
        return sheet
    fresh = sheet.without(await _known(connection, sheet))
    await _number(connection, fresh)
    await _copy(connection, fresh)
    return fresh


async def _copy(connection: AsyncConnection, sheet: Sheet) -> bool:
    """Insert all rows; none of them, and False, where one of the requests has one."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    attempt = await connection.begin_nested()
    try:
        await driver.copy_records_to_table(LEDGER_ROWS.name, records=sheet.rows(), columns=COLUMNS)
    except load("asyncpg").UniqueViolationError:
        await attempt.rollback()
        return False
    await attempt.commit()
    return True


async def _inserted(connection: AsyncConnection, sheet: Sheet) -> Sheet:
    last = (await connection.execute(sa.select(sa.func.max(LEDGER_ROWS.c.id)))).scalar() or 0
    added = 0
    for places, count, rows in sheet.parts(TOGETHER):
        added += (await connection.exec_driver_sql(_inserting(tuple(places), count), rows)).rowcount
    return sheet if added == len(sheet) else sheet.without(await _known(connection, sheet, LEDGER_ROWS.c.id <= last))


@cache
def _inserting(places: tuple[int, ...], count: int) -> str:
    """Return the statement for so many rows of these columns; the table has them in the order of rows.

    `ON CONFLICT DO NOTHING` would leave other faults to an error, for which SQLite copies each page that a statement
    of several rows changes.
    """
    row = dict.fromkeys(COLUMNS[place] for place in places)
    several = sqlite.insert(LEDGER_ROWS).prefix_with("OR IGNORE").values([row] * count)
    return several.compile(dialect=_DIALECTS["sqlite"]).string


async def _known(connection: AsyncConnection, sheet: Sheet, *where: Any) -> set[str]:
    """Return the requests that have rows."""
    here = LEDGER_ROWS.c.request_id
    return set((await connection.execute(sa.select(here).where(here.in_(sheet.names), *where))).scalars())


async def _number(connection: AsyncConnection, sheet: Sheet) -> None:
    """Give each account its number. One that is new is made; whoever drops those without rows is a writer, too."""
    common = {account.shared.row["digest"]: account.shared.row for account in sheet.accounts}
    known = await _numbers(connection, common)
    if len(known) < len(common):
        await connection.execute(sa.insert(LEDGER_ACCOUNTS), [row for name, row in common.items() if name not in known])
        known = await _numbers(connection, common)
    for account in sheet.accounts:
        account.id = known[account.shared.row["digest"]]


async def _numbers(connection: AsyncConnection, digests: Iterable[str]) -> dict[str, int]:
    columns = (LEDGER_ACCOUNTS.c.digest, LEDGER_ACCOUNTS.c.id)
    found = await connection.execute(sa.select(*columns).where(columns[0].in_(list(digests))))
    return dict(found.all())


async def _spend(
    connection: AsyncConnection, table: sa.Table, columns: tuple[str, ...], sums: _Sums, over: _Sums
) -> None:
    """Let rows of a table have spent this; `over`: what of it belongs to periods that are over."""
    text, order = _spending(connection.dialect.name, table, columns)
    names = tuple(f"of_{column}" for column in columns)
    rows = [
        order({"ever": ever, "more": ever - over.get(found, 0), **dict(zip(names, found, strict=True))})
        for found, ever in sums.items()
    ]
    await connection.exec_driver_sql(text, rows)


@cache
def _spending(dialect: str, table: sa.Table, columns: tuple[str, ...]) -> _Driven:
    named = {"spend": "more", "total_spend": "ever"}
    grown = {column: table.c[column] + sa.bindparam(name) for column, name in named.items() if column in table.c}
    here = [table.c[column] == sa.bindparam(f"of_{column}") for column in columns]
    return _driven(dialect, sa.update(table).where(*here).values(grown), ())


def _insert(connection: AsyncConnection, table: sa.Table) -> _Insert:
    return _dialect_insert(connection.dialect.name, table)


def _dialect_insert(dialect: str, table: sa.Table) -> _Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
