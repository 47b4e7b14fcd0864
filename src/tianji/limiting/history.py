"""What was spent so far, as the database knows it: read when a machine hears of a budget for the first time.

Loads SQLAlchemy. What a machine counts itself goes before; this is where its count begins.
"""

from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.limiting.holding import Held
from tianji.storage.engine import Database
from tianji.storage.tables import (
    BUDGETS,
    CUSTOMERS,
    DAILY,
    KEYS,
    LEDGER,
    ORGANIZATIONS,
    PROJECTS,
    TAGS,
    TEAM_MEMBERS,
    TEAMS,
    USERS,
)

Spent = tuple[int, float | None]
"""Nano-dollars, and the end of the period, seconds since 1970 or None for one that never ends."""

MICROSECONDS: Final = 1_000_000  # of a second: the unit of the ledger's times

_WHERE: Final[dict[str, tuple[sa.Table, tuple[str, ...]]]] = {
    "key": (KEYS, ("token",)),
    "team": (TEAMS, ("team_id",)),
    "team_member": (TEAM_MEMBERS, ("user_id", "team_id")),
    "user": (USERS, ("user_id",)),
    "organization": (ORGANIZATIONS, ("organization_id",)),
    "project": (PROJECTS, ("project_id",)),
    "customer": (CUSTOMERS, ("user_id",)),
    "tag": (TAGS, ("name",)),
}
_ROWS: Final[dict[str, tuple[str, ...]]] = {  # columns of the ledger that name a holder
    "key": ("key",),
    "team": ("team_id",),
    "team_member": ("user_id", "team_id"),
    "user": ("user_id",),
    "organization": ("organization_id",),
    "customer": ("end_user",),
}


async def spent(database: Database, held: Held, now: float) -> Spent:
    """Return what was spent of a budget in the period that is under way at `now`, seconds since 1970.

    Raises StoreUnavailable.
    """
    async with database.reading() as connection:
        if held.kind == "proxy":
            return await _by_day(connection, held, "all", "", now)
        if held.part:
            return await _of_part(connection, held, now)
        return await _of_holder(connection, held, now)


async def _of_holder(connection: AsyncConnection, held: Held, now: float) -> Spent:
    """Read the row of the holder; of a period that is over nothing counts, although nobody has reset it yet."""
    table, columns = _WHERE[held.kind]
    names = dict(zip(columns, held.id.split(":", len(columns) - 1), strict=True))
    row = await _first(connection, sa.select(table).filter_by(**names))
    if row is None:
        return await _by_day(connection, held, held.kind, held.id, now)
    ends = row.get("budget_reset_at")
    if ends is None and row.get("budget_id") is not None:
        budget = await _first(connection, sa.select(BUDGETS).where(BUDGETS.c.budget_id == row["budget_id"]))
        ends = None if budget is None else budget["budget_reset_at"]
    if ends is None:
        return row["spend"], held.period_end
    return (row["spend"], ends.timestamp()) if ends.timestamp() > now else (0, held.period_end)


async def _of_part(connection: AsyncConnection, held: Held, now: float) -> Spent:
    """Sum the rows of the ledger. A period that begins when it is first used began with the first of them."""
    columns = _ROWS.get(held.kind)
    if columns is None or held.period is None:
        return 0, held.period_end
    names = dict(zip(columns, held.id.split(":", len(columns) - 1), strict=True))
    begins = (held.period_end or now) - held.period if held.part == "window" else now - held.period
    rows = sa.select(sa.func.min(LEDGER.c.started_at), sa.func.sum(LEDGER.c.cost)).filter_by(**names)
    rows = rows.where(LEDGER.c.started_at >= int(begins * MICROSECONDS))
    if held.part == "model":
        rows = rows.where(LEDGER.c.model_group == held.of)
    first, cost = (await connection.execute(rows)).one()
    if cost is None:
        return 0, held.period_end
    return int(cost), held.period_end if held.part == "window" else first / MICROSECONDS + held.period


async def _by_day(connection: AsyncConnection, held: Held, kind: str, entity: str, now: float) -> Spent:
    """Sum the days of the period: those of a caller who has no row of his own, and those of all."""
    sums = sa.select(sa.func.sum(DAILY.c.spend)).where(DAILY.c.kind == kind, DAILY.c.entity == entity)
    if held.period is not None:
        begins = datetime.fromtimestamp(now - held.period, UTC)
        sums = sums.where(DAILY.c.day >= begins.date().isoformat())
    return int((await connection.execute(sums)).scalar() or 0), held.period_end


async def _first(connection: AsyncConnection, statement: "sa.Select[Any]") -> dict[str, Any] | None:
    row = (await connection.execute(statement)).mappings().first()
    return None if row is None else dict(row)
