"""Rows that are older than the operator wants them go, a few at a time; the sums by day stay."""

from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa

from tianji.ledger import books
from tianji.storage.engine import Database
from tianji.storage.tables import LEDGER_ACCOUNTS, LEDGER_ROWS, PAYLOADS

SIZE: Final = 1000  # rows of a transaction
BATCHES: Final = 500  # transactions of a run


async def expire(database: Database, before: datetime, *, size: int = SIZE, batches: int = BATCHES) -> int:
    """Drop the rows of the days that ended before `before`, and return how many those were. Raises StoreUnavailable.

    The books say first that those days are no longer whole, so that they can be proved right at any time.
    """
    day = before.astimezone(UTC).strftime("%Y-%m-%d")
    async with database.writing() as connection:
        await books.set_horizon(connection, day)
        day = await books.horizon(connection)
    old = sa.select(LEDGER_ROWS.c.request_id).where(LEDGER_ROWS.c.started_at < books.microseconds(day))
    total = 0
    for _ in range(batches):
        async with database.writing() as connection:
            names = list((await connection.execute(old.order_by(LEDGER_ROWS.c.started_at).limit(size))).scalars())
            for table in (LEDGER_ROWS, PAYLOADS):
                await connection.execute(sa.delete(table).where(table.c.request_id.in_(names)))
        total += len(names)
        if len(names) < size:
            await _forget(database)
            break
    return total


async def _forget(database: Database) -> None:
    """Drop the accounts that have no rows any more."""
    used = sa.select(LEDGER_ROWS.c.id).where(LEDGER_ROWS.c.account == LEDGER_ACCOUNTS.c.id).limit(1)
    async with database.writing() as connection:
        await connection.execute(sa.delete(LEDGER_ACCOUNTS).where(~used.exists()))
