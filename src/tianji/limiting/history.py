"""What was spent so far, as the database knows it: read when a machine hears of a budget for the first time.

Loads SQLAlchemy. What a machine counts itself goes before; this is where its count begins.
"""

from collections.abc import Collection
from typing import Final, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.ledger.books import DAY
from tianji.ledger.periods import MICROSECONDS
from tianji.ledger.rows import day
from tianji.limiting.holding import Held
from tianji.limiting.lookup import first
from tianji.limiting.model_budgets import Entries
from tianji.storage.engine import Database
from tianji.storage.tables import (
    BUDGETS,
    CUSTOMERS,
    DAILY,
    DEPRECATED_KEYS,
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

Server = Literal["deployment", "provider"]
"""What serves requests and has a budget."""

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
    "project": ("project_id",),
    "customer": ("end_user",),
}


async def spent(database: Database, held: Held, now: float) -> Spent:
    """Return what was spent of a budget in the period that is under way at `now`, seconds since 1970.

    Raises StoreUnavailable.
    """
    async with database.reading() as connection:
        if held.kind == "proxy":
            return await _by_day(connection, held, now)
        if held.part:
            return await _of_part(connection, held, now)
        return await _of_holder(connection, held, now)


async def _of_holder(connection: AsyncConnection, held: Held, now: float) -> Spent:
    """Read the row of the holder; of a period that is over nothing counts, although nobody has reset it yet."""
    table, columns = _WHERE[held.kind]
    names = dict(zip(columns, held.id.split(":", len(columns) - 1), strict=True))
    row = await first(connection, sa.select(table).filter_by(**names))
    if row is None:
        return await _by_day(connection, held, now)
    ends = row.get("budget_reset_at")
    if ends is None and row.get("budget_id") is not None:
        budget = await first(connection, sa.select(BUDGETS).where(BUDGETS.c.budget_id == row["budget_id"]))
        ends = None if budget is None else budget["budget_reset_at"]
    if held.span is None:
        return row["spend"], None
    if ends is None:  # nobody resets the row, such as that of a customer who has the usual budget
        return await _by_day(connection, held, now)
    return (row["spend"], ends.timestamp()) if ends.timestamp() > now else (0, _end(held, now))


async def _of_part(connection: AsyncConnection, held: Held, now: float) -> Spent:
    if held.span is None:
        return 0, None
    begins, ends = held.span(now)
    sums = await sums_since(connection, held.kind, held.id, begins)
    if held.governs is None:
        return sum(cost for _, _, cost in sums), ends
    of_keys = await entries_of_keys(connection, {key for key, _, _ in sums}) if held.kind == "team" else {}
    return held.governs.spent(sums, of_keys), ends


async def _by_day(connection: AsyncConnection, held: Held, now: float) -> Spent:
    """Sum up what a caller spent who has no row of his own, or what all did."""
    sums = await sums_since(connection, held.kind, held.id, 0.0 if held.span is None else held.span(now)[0])
    return sum(cost for _, _, cost in sums), _end(held, now)


async def sums_since(connection: AsyncConnection, kind: str, holder: str, begins: float) -> list[tuple[str, str, int]]:
    """Return what somebody spent since a moment, seconds since 1970: by key and by what was asked for.

    Whole days are in the sums by day; of the day in which the moment is, only what has rows in the ledger is known.
    """
    columns = _ROWS.get(kind, ())
    names = dict(zip(columns, holder.split(":", len(columns) - 1), strict=True)) if columns else {}
    start, parts = int(begins * MICROSECONDS), []
    by_day = _by_days(kind, holder)
    midnight = start if by_day is None else -(-start // DAY) * DAY
    keys = await _secrets(connection, holder) if kind == "key" else []
    if by_day is not None:
        first = day(midnight)
        parts.append(
            sa.select(DAILY.c.key, DAILY.c.model_group, sa.func.sum(DAILY.c.spend))
            .where(*by_day, *([DAILY.c.key.in_(keys)] if keys else []), DAILY.c.day >= first)
            .group_by(DAILY.c.key, DAILY.c.model_group)
        )
    if (start < midnight and (names or kind == "proxy")) or by_day is None:
        rows = sa.select(LEDGER.c.key, LEDGER.c.model_group, sa.func.sum(LEDGER.c.cost))
        rows = rows.where(LEDGER.c.key.in_(keys)) if keys else rows.filter_by(**names)
        rows = rows.where(LEDGER.c.started_at >= start).group_by(LEDGER.c.key, LEDGER.c.model_group)
        parts.append(rows if by_day is None else rows.where(LEDGER.c.started_at < midnight))
    return [(key, asked, int(cost)) for part in parts for key, asked, cost in await connection.execute(part)]


def _by_days(kind: str, holder: str) -> "list[sa.ColumnElement[bool]] | None":
    """Return where sums by day are those of somebody; None where there are none of his."""
    if kind in ("key", "proxy"):
        return [DAILY.c.kind == "all", DAILY.c.entity == ""]
    return None if kind == "team_member" else [DAILY.c.kind == kind, DAILY.c.entity == holder]


async def _secrets(connection: AsyncConnection, key: str) -> list[str]:
    """Return what a key is called, and was before its secret was replaced."""
    earlier = sa.select(DEPRECATED_KEYS.c.token).where(DEPRECATED_KEYS.c.active_token == key)
    return [key, *(await connection.execute(earlier)).scalars()]


async def entries_of_keys(connection: AsyncConnection, keys: Collection[str]) -> dict[str, Entries]:
    """Return `model_max_budget` of those keys that have one, by what they are or were called."""
    named, earlier = sorted(keys), DEPRECATED_KEYS.c
    found = sa.select(KEYS.c.token, KEYS.c.model_max_budget).where(KEYS.c.token.in_(named))
    replaced = sa.select(earlier.token, KEYS.c.model_max_budget).where(earlier.token.in_(named))
    both = (found, replaced.join(KEYS, KEYS.c.token == earlier.active_token))
    return {token: entries for part in both for token, entries in await connection.execute(part) if entries}


async def of_server(database: Database, kind: Server, name: str, begins: float, until: float) -> int:
    """Return what a deployment or a provider cost, nano-dollars, by requests that began within two moments.

    Of a provider whole days are in the sums by day; of the rest only what has rows in the ledger is known. Moments are
    seconds since 1970. Raises StoreUnavailable.
    """
    start, end = int(begins * MICROSECONDS), int(until * MICROSECONDS)
    first, last = -(-start // DAY) * DAY, end // DAY * DAY
    whole = kind == "provider" and first < last
    column = LEDGER.c.provider if kind == "provider" else LEDGER.c.deployment_id
    total = 0
    async with database.still() as connection:
        for since, before in ((start, first), (last, end)) if whole else ((start, end),):
            rows = sa.select(sa.func.sum(LEDGER.c.cost)).where(column == name)
            rows = rows.where(LEDGER.c.started_at >= since, LEDGER.c.started_at < before)
            total += int((await connection.execute(rows)).scalar() or 0)
        if whole:
            days = sa.select(sa.func.sum(DAILY.c.spend)).where(DAILY.c.kind == "all", DAILY.c.entity == "")
            days = days.where(DAILY.c.provider == name, DAILY.c.day >= day(first), DAILY.c.day < day(last))
            total += int((await connection.execute(days)).scalar() or 0)
    return total


def _end(held: Held, now: float) -> float | None:
    return None if held.span is None else held.span(now)[1]
