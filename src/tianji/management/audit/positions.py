"""How far each destination was told of the log, over all machines that share the database.

Whoever tells a destination takes it for a while, so that nobody else does; whoever dies meanwhile lets it go by that.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from tianji.storage.engine import Database
from tianji.storage.tables import AUDIT_DESTINATIONS, AUDIT_LOG

LEASE: Final = timedelta(minutes=2)  # for which one is taken; longer than any batch is under way

Row = Mapping[Any, Any]
_OWN: Final = AUDIT_DESTINATIONS.c
_LAST: Final = sa.func.max(AUDIT_LOG.c.number)


async def waiting(database: Database, since: Mapping[str, datetime], now: datetime) -> list[str]:
    """Return those that are due and were not told everything. Raises StoreUnavailable, here and below.

    since: from when on one is told that is met for the first time, by name
    """
    async with database.reading() as connection:
        last = (await connection.execute(sa.select(_LAST))).scalar() or 0
        rows = (await connection.execute(sa.select(AUDIT_DESTINATIONS).where(_OWN.name.in_(since)))).mappings().all()
    known = {row["name"]: row for row in rows}
    fresh = {name: at for name, at in since.items() if name not in known}
    if fresh:
        await _begin(database, fresh, now)
    due = [name for name, row in known.items() if row["position"] < last and row["due_at"] <= now]
    return [*due, *fresh]


async def _begin(database: Database, since: Mapping[str, datetime], now: datetime) -> None:
    async with database.writing() as connection:
        known = set((await connection.execute(sa.select(_OWN.name).where(_OWN.name.in_(since)))).scalars())
        for name in since.keys() - known:
            before = sa.select(_LAST).where(AUDIT_LOG.c.updated_at < since[name])
            position = (await connection.execute(before)).scalar() or 0
            await connection.execute(sa.insert(AUDIT_DESTINATIONS).values(name=name, position=position, due_at=now))


async def take(database: Database, name: str, now: datetime) -> int | None:
    """Return the number of the last entry that one was told; None where somebody else tells it, or it is not due."""
    free = sa.update(AUDIT_DESTINATIONS).where(_OWN.name == name, _OWN.due_at <= now).values(due_at=now + LEASE)
    async with database.adding() as connection:
        found: int | None = (await connection.execute(free.returning(_OWN.position))).scalar()
    return found


async def keep(database: Database, name: str, position: int, due_at: datetime) -> None:
    """Note how far one was told, and from when on it may be told more."""
    told = sa.update(AUDIT_DESTINATIONS).where(_OWN.name == name).values(position=position, due_at=due_at)
    async with database.adding() as connection:
        await connection.execute(told)


async def after(database: Database, position: int, count: int) -> Sequence[Row]:
    """Return so many entries behind a number, in their order."""
    later = sa.select(AUDIT_LOG).where(AUDIT_LOG.c.number > position).order_by(AUDIT_LOG.c.number).limit(count)
    async with database.reading() as connection:
        return (await connection.execute(later)).mappings().all()
