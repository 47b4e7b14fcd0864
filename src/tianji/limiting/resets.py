"""Budgets begin anew: what was spent goes back to nothing, and the next time is set. What was ever spent stays known.

Spend belongs to the period in which its request began, whenever its entry comes into the database: rows say since when
their spend counts (`spend_since`), and no entry is posted before everything is reset whose period it is beyond
(`tianji.ledger.drain`). With `budget_rollover`, what an entry of the period before adds later is not carried over.

Several machines may do this at once: they take turns, and whoever comes second finds nothing due.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji._core.sharing.revision import Revisions
from tianji.auth.tags import Kind, tag
from tianji.config.schema import Config
from tianji.errors import Unacceptable
from tianji.ledger import periods
from tianji.limiting.rules import rules_of
from tianji.storage import changes
from tianji.storage.engine import Database
from tianji.storage.tables import (
    BUDGETS,
    CUSTOMERS,
    KEYS,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    PROJECTS,
    TAGS,
    TEAM_MEMBERS,
    TEAMS,
    USERS,
)

AT_ONCE: Final = 500  # rows of one transaction
log = logging.getLogger(__name__)
_OWN: Final[tuple[tuple[sa.Table, Kind, str], ...]] = (
    (KEYS, "key", "token"),
    (USERS, "user", "user_id"),
    (TEAMS, "team", "team_id"),
)
_LINKED: Final = (KEYS, TEAM_MEMBERS, ORGANIZATIONS, ORGANIZATION_MEMBERS, PROJECTS, CUSTOMERS, TAGS)


async def reset_due(database: Database, revisions: Revisions, config: Config, now: float) -> int:
    """Reset everything whose period is over at `now`, seconds since 1970, and return how many budgets that were.

    Raises StoreUnavailable, and ZoneInfoNotFoundError for a time zone that there is not.
    """
    work = _Work(config, datetime.fromtimestamp(now, UTC))
    total = 0
    while True:
        count = await work.some(database, revisions)
        total += count
        if count < AT_ONCE:
            return total


class _Work:
    def __init__(self, config: Config, now: datetime) -> None:
        self._now = now
        self._rules = rules_of(config)
        self._carries = config.litellm_settings.budget_rollover is True

    async def some(self, database: Database, revisions: Revisions) -> int:
        changed: set[int] = set()
        count = 0
        async with database.writing() as connection:
            for table, kind, name in _OWN:
                for row in await self._due(connection, table, AT_ONCE - count):
                    begins, ends = self._following(row)
                    values = {**self._left(table, row["max_budget"], begins), "budget_reset_at": ends}
                    await connection.execute(sa.update(table).where(table.c[name] == row[name]).values(**values))
                    changed.add(tag(kind, row[name]))
                    count += 1
            for row in await self._due(connection, BUDGETS, AT_ONCE - count):
                await self._reset_linked(connection, row)
                changed.add(tag("budget", row["budget_id"]))
                count += 1
            if count:
                await periods.begin(connection, self._now)
                await changes.record(connection, changed, self._now)
        for one in changed:
            revisions.publish(one)
        return count

    async def _due(self, connection: AsyncConnection, table: sa.Table, most: int) -> list[Mapping[str, Any]]:
        due = sa.select(table).where(table.c.budget_reset_at <= self._now).order_by(table.c.budget_reset_at).limit(most)
        return [dict(row) for row in (await connection.execute(due)).mappings()]

    async def _reset_linked(self, connection: AsyncConnection, budget: Mapping[str, Any]) -> None:
        """Reset what everybody has spent who has this budget."""
        begins, ends = self._following(budget)
        for table in _LINKED:
            here = table.c.budget_id == budget["budget_id"]
            values = self._left(table, budget["max_budget"], begins)
            await connection.execute(sa.update(table).where(here).values(**values))
        here = BUDGETS.c.budget_id == budget["budget_id"]
        await connection.execute(sa.update(BUDGETS).where(here).values(budget_reset_at=ends))

    def _following(self, row: Mapping[str, Any]) -> tuple[datetime, datetime | None]:
        """Return when the period under way began, and when it ends: never where it has no length any more."""
        ended: datetime = row["budget_reset_at"]
        if row["budget_duration"] is None:
            return ended, None
        try:
            begins, ends = self._rules.following(row["budget_duration"], ended.timestamp(), self._now.timestamp())
        except Unacceptable as error:  # nobody can say when, and no entry may wait for that
            log.error("a budget does not begin anew any more: %s", error.message)
            return ended, None
        return datetime.fromtimestamp(begins, UTC), datetime.fromtimestamp(ends, UTC)

    def _left(self, table: sa.Table, most: int | None, begins: datetime) -> dict[str, Any]:
        """Return what is still spent: nothing, or with `budget_rollover` what was spent beyond the budget."""
        left: Any = 0
        if self._carries and most is not None:
            left = sa.case((table.c.spend > most, table.c.spend - most), else_=0)
        return {"spend": left, "spend_since": begins}
