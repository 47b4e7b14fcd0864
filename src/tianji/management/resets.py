"""Budgets begin anew: what was spent goes back to nothing, and the next time is set. What was ever spent stays known.

Several machines may do this at once: they take turns, and whoever comes second finds nothing due.
"""

from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.auth.tags import Kind, tag
from tianji.management.administration import Office
from tianji.management.periods import reset_at
from tianji.storage import changes
from tianji.storage.tables import (
    BUDGETS,
    CUSTOMERS,
    KEYS,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    TAGS,
    TEAM_MEMBERS,
    TEAMS,
    USERS,
)

AT_ONCE: Final = 500  # rows of one transaction
_OWN: Final[tuple[tuple[sa.Table, Kind, str], ...]] = (
    (KEYS, "key", "token"),
    (USERS, "user", "user_id"),
    (TEAMS, "team", "team_id"),
)
_LINKED: Final = (KEYS, TEAM_MEMBERS, ORGANIZATIONS, ORGANIZATION_MEMBERS, CUSTOMERS, TAGS)


async def reset_due(office: Office) -> int:
    """Reset everything that is due and return how many budgets that were. Raises StoreUnavailable."""
    total = 0
    while True:
        count = await _reset_some(office)
        total += count
        if count < AT_ONCE:
            return total


async def _reset_some(office: Office) -> int:
    now = datetime.fromtimestamp(office.clock.now(), UTC)
    database = await office.store.open()
    changed: set[int] = set()
    count = 0
    async with database.writing() as connection:
        for table, kind, name in _OWN:
            for row in await _due(connection, table, AT_ONCE - count, now):
                await _reset(connection, office, table, table.c[name] == row[name], row, now)
                changed.add(tag(kind, row[name]))
                count += 1
        for row in await _due(connection, BUDGETS, AT_ONCE - count, now):
            await _reset_linked(connection, office, row)
            moved = {"budget_reset_at": reset_at(office.config(), now, row["budget_duration"])}
            here = BUDGETS.c.budget_id == row["budget_id"]
            await connection.execute(sa.update(BUDGETS).where(here).values(**moved))
            changed.add(tag("budget", row["budget_id"]))
            count += 1
        await changes.record(connection, changed, now)
    for one in changed:
        office.store.revisions.publish(one)
    return count


async def _due(connection: AsyncConnection, table: sa.Table, most: int, now: datetime) -> list[Any]:
    due = sa.select(table).where(table.c.budget_reset_at <= now).order_by(table.c.budget_reset_at).limit(most)
    return list((await connection.execute(due)).mappings())


async def _reset(
    connection: AsyncConnection,
    office: Office,
    table: sa.Table,
    here: "sa.ColumnElement[bool]",
    row: Any,
    now: datetime,
) -> None:
    values = {
        "spend": _left(office, table, row["max_budget"]),
        "budget_reset_at": reset_at(office.config(), now, row["budget_duration"]),
    }
    await connection.execute(sa.update(table).where(here).values(**values))


async def _reset_linked(connection: AsyncConnection, office: Office, budget: Any) -> None:
    """Reset what everybody has spent who has this budget."""
    for table in _LINKED:
        left = _left(office, table, budget["max_budget"])
        here = table.c.budget_id == budget["budget_id"]
        await connection.execute(sa.update(table).where(here).values(spend=left))


def _left(office: Office, table: sa.Table, most: int | None) -> "sa.ColumnElement[int] | int":
    """Return what is still spent afterwards: nothing, or with `budget_rollover` what was spent beyond the budget."""
    if office.config().litellm_settings.budget_rollover is not True or most is None:
        return 0
    return sa.case((table.c.spend > most, table.c.spend - most), else_=0)
