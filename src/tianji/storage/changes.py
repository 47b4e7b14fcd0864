"""The log of what changed, by which machines that share a database tell each other what to forget.

A change is in the log when it is in the database, and ids become visible in their order (see engine.py), so whoever
has read up to an id never has to look below it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji._core.sharing.revision import EVERYTHING, Revisions
from tianji.storage.engine import Database
from tianji.storage.tables import CHANGES

KEPT: Final = timedelta(hours=1)  # how long a machine may be unable to read and still miss nothing
AT_ONCE: Final = 1000  # rows of one reading


async def record(connection: AsyncConnection, tags: Iterable[int], now: datetime) -> None:
    """Write into the log, in the transaction of the change itself, and drop what is old."""
    rows = [{"tag": tag, "made_at": now} for tag in sorted(set(tags))]
    if rows:
        await connection.execute(sa.insert(CHANGES), rows)
        await connection.execute(sa.delete(CHANGES).where(CHANGES.c.made_at < now - KEPT))


async def begin(database: Database, revisions: Revisions) -> None:
    """Begin to follow the log: what was written before cannot be remembered by anybody on this machine."""
    if revisions.position == 0:
        async with database.reading() as connection:
            last = (await connection.execute(sa.select(sa.func.max(CHANGES.c.id)))).scalar()
        revisions.advance((last or 0) + 1)


async def follow(database: Database, revisions: Revisions) -> None:
    """Publish what changed since the last time. Positions are ids plus one: 0 means not yet begun.

    What this machine changed itself is published again: its worker may have been killed before it told the others.
    """
    while True:
        seen = revisions.position
        later = sa.select(CHANGES.c.id, CHANGES.c.tag).where(CHANGES.c.id >= seen)
        async with database.reading() as connection:
            rows = (await connection.execute(later.order_by(CHANGES.c.id).limit(AT_ONCE))).all()
        for _, tag in rows:
            revisions.publish(tag)
        if not rows:
            return
        revisions.advance(rows[-1][0] + 1)
        if len(rows) < AT_ONCE:
            return


def miss(revisions: Revisions) -> None:
    """Say that the log may have gone on without this machine: nothing that is remembered can be relied on."""
    revisions.publish(EVERYTHING)
