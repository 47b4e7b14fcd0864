"""Rows read in whole, in the order in which requests began, and from which day on there are any."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.storage.tables import LEDGER, LEDGER_STATE

AT_ONCE: Final = 2000  # rows of one query
DAY: Final = 86_400_000_000  # microseconds
_HORIZON: Final = "horizon"


async def horizon(connection: AsyncConnection) -> str:
    """Return the first day, YYYY-MM-DD, whose rows were not dropped for their age; empty when none were."""
    found = sa.select(LEDGER_STATE.c.value).where(LEDGER_STATE.c.name == _HORIZON)
    return (await connection.execute(found)).scalar() or ""


async def set_horizon(connection: AsyncConnection, day: str) -> None:
    """Say that rows of earlier days are dropped. The horizon never goes back."""
    known = await horizon(connection)
    if not known:
        await connection.execute(sa.insert(LEDGER_STATE).values(name=_HORIZON, value=day))
    elif known < day:
        await connection.execute(sa.update(LEDGER_STATE).where(LEDGER_STATE.c.name == _HORIZON).values(value=day))


def microseconds(day: str) -> int:
    """Return when a day, YYYY-MM-DD, begins, in microseconds since 1970. Raises ValueError for what is none."""
    return int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()) * 1_000_000


async def pages(
    connection: AsyncConnection, start: int = 0, end: int = 2**63 - 1
) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield the rows of requests that began from `start` on and before `end`, the oldest first."""
    place: tuple[int, int] = (start, 0)
    order = (LEDGER.c.started_at, LEDGER.c.id)
    while True:
        later = sa.tuple_(*order) > sa.tuple_(*place)
        wanted = sa.select(LEDGER).where(LEDGER.c.started_at < end, later).order_by(*order).limit(AT_ONCE)
        rows = [dict(row) for row in (await connection.execute(wanted)).mappings()]
        if not rows:
            return
        yield rows
        place = (rows[-1]["started_at"], rows[-1]["id"])
