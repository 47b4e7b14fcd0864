"""Budgets begin anew: what was spent goes back to nothing, and the next time is set. What was ever spent stays known.

What was spent after the period's end, before anybody came to reset it, belongs to the period that began then.

Several machines may do this at once: they take turns, and whoever comes second finds nothing due.
"""

from collections.abc import Mapping
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
    LEDGER,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    PROJECTS,
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
_IN_LEDGER: Final[Mapping[sa.Table, tuple[tuple[str, str], ...]]] = {  # columns, and those of the ledger they stand in
    KEYS: (("token", "key"),),
    USERS: (("user_id", "user_id"),),
    TEAMS: (("team_id", "team_id"),),
    TEAM_MEMBERS: (("user_id", "user_id"), ("team_id", "team_id")),
    ORGANIZATIONS: (("organization_id", "organization_id"),),
    ORGANIZATION_MEMBERS: (("organization_id", "organization_id"), ("user_id", "user_id")),
    CUSTOMERS: (("user_id", "end_user"),),
}
MICROSECONDS: Final = 1_000_000  # of a second: the unit of the ledger's times
_LINKED: Final = (KEYS, TEAM_MEMBERS, ORGANIZATIONS, ORGANIZATION_MEMBERS, PROJECTS, CUSTOMERS, TAGS)


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
        "spend": _left(office, table, row["max_budget"]) + _since(table, row["budget_reset_at"]),
        "budget_reset_at": reset_at(office.config(), now, row["budget_duration"]),
    }
    await connection.execute(sa.update(table).where(here).values(**values))


async def _reset_linked(connection: AsyncConnection, office: Office, budget: Any) -> None:
    """Reset what everybody has spent who has this budget."""
    for table in _LINKED:
        left = _left(office, table, budget["max_budget"]) + _since(table, budget["budget_reset_at"])
        here = table.c.budget_id == budget["budget_id"]
        await connection.execute(sa.update(table).where(here).values(spend=left))


def _since(table: sa.Table, ended: datetime) -> "sa.ColumnElement[int]":
    """Return what the ledger says of requests that began when the period had ended."""
    pairs = _IN_LEDGER.get(table)
    if pairs is None:
        return sa.literal(0)
    own = (LEDGER.c[theirs] == table.c[ours] for ours, theirs in pairs)
    spent = sa.func.coalesce(sa.func.sum(LEDGER.c.cost), 0)
    later = LEDGER.c.started_at >= int(ended.timestamp() * MICROSECONDS)
    return sa.cast(sa.select(spent).where(*own, later).scalar_subquery(), sa.BigInteger)


def _left(office: Office, table: sa.Table, most: int | None) -> "sa.ColumnElement[int]":
    """Return what is still spent afterwards: nothing, or with `budget_rollover` what was spent beyond the budget."""
    if office.config().litellm_settings.budget_rollover is not True or most is None:
        return sa.literal(0)
    return sa.case((table.c.spend > most, table.c.spend - most), else_=0)
