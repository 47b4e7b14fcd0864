"""What each key spent on a day with each model, with the names of whoever stands above it now."""

from datetime import date
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.callbacks.billing.charge import Charge
from tianji.money import to_dollars
from tianji.storage.tables import DAILY, KEYS, ORGANIZATIONS, TEAMS, USERS

MOST: Final = 500_000  # charges of a day
_TOKENS: Final = ("prompt_tokens", "completion_tokens", "cached_tokens", "written_tokens")
_FIGURES: Final = tuple(sa.func.sum(DAILY.c[name]).label(name) for name in ("spend", "requests", *_TOKENS))


async def sums(connection: AsyncConnection, first: date, last: date) -> dict[date, str]:
    """Return what there is of each day on which anything was asked, the oldest first: two are the same if it is."""
    days = (
        sa.select(DAILY.c.day, *_FIGURES)
        .where(DAILY.c.kind == "all", DAILY.c.day.between(first.isoformat(), last.isoformat()))
        .group_by(DAILY.c.day)
        .order_by(DAILY.c.day)
    )
    return {
        date.fromisoformat(day): " ".join(str(int(figure)) for figure in figures)
        for day, *figures in await connection.execute(days)
    }


async def charges(connection: AsyncConnection, day: date) -> list[Charge]:
    """Return the charges of a day, those with the highest cost alone where there are too many."""
    parts = [DAILY.c[name] for name in ("day", "key", "model", "model_group", "provider")]
    summed = (
        sa.select(*parts, *_FIGURES)
        .where(DAILY.c.kind == "all", DAILY.c.day == day.isoformat())
        .group_by(*parts)
        .order_by(sa.desc("spend"))
        .limit(MOST)
        .subquery()
    )
    above = [
        KEYS.c.key_alias, KEYS.c.team_id, TEAMS.c.team_alias, KEYS.c.organization_id,
        ORGANIZATIONS.c.organization_alias, KEYS.c.user_id, USERS.c.user_email,
    ]  # fmt: skip
    joined = (
        summed.outerjoin(KEYS, KEYS.c.token == summed.c.key)
        .outerjoin(TEAMS, TEAMS.c.team_id == KEYS.c.team_id)
        .outerjoin(ORGANIZATIONS, ORGANIZATIONS.c.organization_id == KEYS.c.organization_id)
        .outerjoin(USERS, USERS.c.user_id == KEYS.c.user_id)
    )
    rows = (await connection.execute(sa.select(*summed.c, *above).select_from(joined))).mappings()
    found = [
        Charge(**{
            **row,
            **{name: int(row[name]) for name in ("requests", *_TOKENS)},
            "day": date.fromisoformat(row["day"]),
            "spend": to_dollars(int(row["spend"])),
        })
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.key, one.model, one.model_group, one.provider))
