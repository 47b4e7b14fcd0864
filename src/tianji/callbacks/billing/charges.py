"""What each key spent on a day with each model, with the names of whoever stands above it now."""

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.callbacks.billing.charge import Charge
from tianji.money import to_dollars
from tianji.storage.tables import DAILY, KEYS, ORGANIZATIONS, TEAMS, USERS

MOST = 50_000  # rows of one export


async def charges(connection: AsyncConnection, days: Sequence[date]) -> list[Charge]:
    """Return the charges of some days, those with the highest cost first where there are too many."""
    names = [day.isoformat() for day in days]
    figures = [sa.func.sum(DAILY.c[name]).label(name) for name in ("spend", "requests")]
    tokens = sa.func.sum(DAILY.c.prompt_tokens + DAILY.c.completion_tokens).label("tokens")
    parts = [DAILY.c[name] for name in ("day", "key", "model", "model_group", "provider")]
    summed = (
        sa.select(*parts, *figures, tokens)
        .where(DAILY.c.kind == "all", DAILY.c.day.in_(names))
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
        Charge(**{**row, "day": date.fromisoformat(row["day"]), "spend": to_dollars(row["spend"])}) for row in rows
    ]
    return sorted(found, key=lambda one: (one.day, one.key, one.model, one.model_group, one.provider))
