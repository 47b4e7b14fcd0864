"""What callers have taken of limits that count for a day, or until a batch is over: too long for a worker's memory."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from tianji.storage.allowances import KEPT, Allowance, Lack
from tianji.storage.engine import Database
from tianji.storage.tables import ALLOTMENTS

_COLUMNS: Final = ALLOTMENTS.c


async def take(database: Database, name: str, amount: int, wanted: Sequence[Allowance], now: datetime) -> Lack | None:
    """Take `amount` of each under one name; of none of them, where one lacks it. Raises StoreUnavailable."""
    async with database.writing() as connection:
        holders = [allowance.holder for allowance in wanted]
        old = sa.and_(_COLUMNS.holder.in_(holders), _COLUMNS.taken_at <= now - KEPT)
        await connection.execute(sa.delete(ALLOTMENTS).where(old))
        for allowance in wanted:
            counts = [_COLUMNS.holder == allowance.holder, _COLUMNS.taken_at > now - allowance.window]
            if allowance.while_in_use:
                counts.append(_COLUMNS.in_use)
            sums = sa.select(sa.func.coalesce(sa.func.sum(_COLUMNS.amount), 0), sa.func.min(_COLUMNS.taken_at))
            taken, oldest = (await connection.execute(sums.where(*counts))).one()
            if taken + amount > allowance.limit:
                return Lack(allowance, max(0, allowance.limit - int(taken)), oldest)
        rows = [{"name": name, "holder": one, "amount": amount, "taken_at": now, "in_use": True} for one in holders]
        await connection.execute(sa.insert(ALLOTMENTS), rows)
    return None


async def give_back(database: Database, name: str) -> None:
    """Let what was taken under a name count no more. Raises StoreUnavailable."""
    async with database.adding() as connection:
        await connection.execute(sa.delete(ALLOTMENTS).filter_by(name=name))


async def rename(database: Database, name: str, other: str) -> None:
    """Call what was taken under a name by another one. Raises StoreUnavailable."""
    async with database.adding() as connection:
        await connection.execute(sa.update(ALLOTMENTS).filter_by(name=name).values(name=other))


async def end(database: Database, name: str) -> None:
    """Say that what was taken under a name is used no more. Raises StoreUnavailable."""
    async with database.adding() as connection:
        await connection.execute(sa.update(ALLOTMENTS).filter_by(name=name).values(in_use=False))
