"""Reads what is stored of customers and tags. Loads SQLAlchemy."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.auth.compiled import limits
from tianji.auth.models import Groups, Infer, rule
from tianji.auth.tags import tag
from tianji.limiting.named import Kind, Named
from tianji.limiting.rows import Holder
from tianji.storage.engine import Database
from tianji.storage.tables import BUDGETS, CUSTOMERS, TAGS

_STRANGER: dict[str, Any] = {"spend": 0}


async def look_up(
    database: Database, kind: Kind, name: str, usual: str | None, groups: Groups, infer: Infer
) -> Named | None:
    """Return what is stored of a customer or a tag. A customer without a budget has that with the id `usual`.

    Raises StoreUnavailable.
    """
    table, column = (CUSTOMERS, CUSTOMERS.c.user_id) if kind == "customer" else (TAGS, TAGS.c.name)
    async with database.reading() as connection:
        row = await first(connection, sa.select(table).where(column == name))
        budget_id = (row["budget_id"] if row else None) or usual
        budget = await first(connection, sa.select(BUDGETS).where(BUDGETS.c.budget_id == budget_id))
    if row is None and budget is None:
        return None
    row = row or _STRANGER
    made_of = {tag(kind, name)} | ({tag("budget", budget_id)} if budget_id is not None else set())
    return Named(
        holder=Holder(kind, name, limits(row, budget)),
        blocked=bool(row.get("blocked")),
        rule=rule(row.get("models") or [], f"{kind}_model_access_denied", groups=groups, infer=infer),
        tags=frozenset(made_of),
    )


async def first(connection: AsyncConnection, statement: "sa.Select[Any]") -> dict[str, Any] | None:
    """Return the first row that is found, None without one."""
    row = (await connection.execute(statement)).mappings().first()
    return None if row is None else dict(row)
