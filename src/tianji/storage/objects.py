"""What callers have had made at upstreams, so that they can list it: files, batches and their kin."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from tianji.storage.engine import Database
from tianji.storage.tables import OBJECTS

_ORDERED: Final = (OBJECTS.c.created_at, OBJECTS.c.id)


class Kept(Struct, frozen=True, kw_only=True):
    """One object.

    owner: whose it is, in hex; body: the object as its owner saw it last; payer: who pays for it when it is over, None
    once that was done. Both are JSON.
    """

    id: str
    kind: str
    owner: str
    created_at: datetime
    body: str
    payer: str | None = None


async def keep(database: Database, kept: Kept) -> None:
    """Keep an object. Raises StoreUnavailable."""
    async with database.adding() as connection:
        await connection.execute(sa.insert(OBJECTS).values(msgspec.structs.asdict(kept)))


async def find(database: Database, object_id: str) -> Kept | None:
    """Return the object by this id. Raises StoreUnavailable."""
    async with database.reading() as connection:
        found = await connection.execute(sa.select(OBJECTS).filter_by(id=object_id))
        row = found.mappings().one_or_none()
    return None if row is None else Kept(**row)


async def renew(database: Database, object_id: str, body: str) -> None:
    """Note what an object is like now, where it is kept. Raises StoreUnavailable."""
    async with database.adding() as connection:
        await connection.execute(sa.update(OBJECTS).filter_by(id=object_id).values(body=body))


async def settle(database: Database, object_id: str, pay: Callable[[], None]) -> bool:
    """Have an object paid for and note that; False where somebody else has done so. Raises StoreUnavailable.

    What `pay` does is done again after a crash in between, so it must be one thing however often it is done.
    """
    mine = sa.and_(OBJECTS.c.id == object_id, OBJECTS.c.payer.is_not(None))
    async with database.adding() as connection:
        found = bool((await connection.execute(sa.update(OBJECTS).where(mine).values(payer=None))).rowcount)
        if found:
            pay()
    return found


async def forget(database: Database, object_id: str) -> None:
    """Drop an object. Raises StoreUnavailable."""
    async with database.adding() as connection:
        await connection.execute(sa.delete(OBJECTS).filter_by(id=object_id))


async def page(
    database: Database, kind: str, owner: str, *, after: str | None, limit: int, ascending: bool
) -> list[Kept]:
    """Return objects of an owner, the latest first unless `ascending`, behind the one `after`.

    Raises StoreUnavailable.
    """
    order = [column.asc() if ascending else column.desc() for column in _ORDERED]
    statement = sa.select(OBJECTS).filter_by(kind=kind, owner=owner).order_by(*order).limit(limit)
    if after is not None:
        mark = sa.select(*_ORDERED).filter_by(id=after, owner=owner).subquery()
        place, here = sa.tuple_(*_ORDERED), sa.tuple_(mark.c.created_at, mark.c.id)
        statement = statement.where(place > here if ascending else place < here)
    async with database.reading() as connection:
        return [Kept(**row) for row in (await connection.execute(statement)).mappings()]
