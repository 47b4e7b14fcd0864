"""What is to be removed at upstreams: noted by the process that had it made, done by another should that end."""

from collections.abc import Collection
from datetime import datetime

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from tianji.storage.engine import Database
from tianji.storage.tables import REMOVALS

_COLUMNS = REMOVALS.c


class Removal(Struct, frozen=True, kw_only=True):
    """One thing. See tables.py."""

    name: str
    deployment_id: str
    call: str
    holder: str
    noted_at: datetime
    due_at: datetime


async def note(database: Database, removal: Removal) -> None:
    """Note something. Raises StoreUnavailable, here and below."""
    async with database.adding() as connection:
        await connection.execute(sa.insert(REMOVALS).values(msgspec.structs.asdict(removal)))


async def forget(database: Database, name: str) -> None:
    """Forget something: it is gone."""
    async with database.adding() as connection:
        await connection.execute(sa.delete(REMOVALS).filter_by(name=name))


async def hold(database: Database, holder: str, until: datetime) -> None:
    """Say until when whatever a process has noted is its own to remove."""
    async with database.adding() as connection:
        await connection.execute(sa.update(REMOVALS).filter_by(holder=holder).values(due_at=until))


async def holders(database: Database) -> set[str]:
    """Return the processes that have something to remove."""
    async with database.reading() as connection:
        return set((await connection.execute(sa.select(_COLUMNS.holder).distinct())).scalars())


async def take(
    database: Database, holder: str, now: datetime, until: datetime, deployments: Collection[str], most: int
) -> list[Removal]:
    """Take over what is due at some deployments, `most` things at once, and hold it.

    A transaction alone among writers, so nothing is taken by two.
    """
    due = sa.select(REMOVALS).where(_COLUMNS.due_at <= now, _COLUMNS.deployment_id.in_(deployments))
    async with database.writing() as connection:
        rows = (await connection.execute(due.order_by(_COLUMNS.due_at).limit(most))).mappings().all()
        mine = sa.update(REMOVALS).where(_COLUMNS.name.in_([row["name"] for row in rows]))
        await connection.execute(mine.values(holder=holder, due_at=until))
    return [Removal(**row) for row in rows]


async def drop(database: Database, before: datetime) -> list[Removal]:
    """Forget what was noted before, and return it: nobody has removed it in all that time."""
    old = _COLUMNS.noted_at < before
    async with database.adding() as connection:
        rows = (await connection.execute(sa.select(REMOVALS).where(old))).mappings().all()
        await connection.execute(sa.delete(REMOVALS).where(old))
    return [Removal(**row) for row in rows]
