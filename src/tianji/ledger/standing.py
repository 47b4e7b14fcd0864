"""How much those have spent now whose spend a batch has raised, where they have a budget."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji._core.journal.sheet import Sheet
from tianji.ledger import periods
from tianji.ledger.rows import spent
from tianji.storage.tables import BUDGETS, CUSTOMERS, KEYS, ORGANIZATIONS, PROJECTS, TAGS, TEAM_MEMBERS, TEAMS, USERS

if TYPE_CHECKING:
    from datetime import datetime

_KINDS: Final = (
    (KEYS, "key"), (TEAMS, "team"), (TEAM_MEMBERS, "team_member"), (USERS, "user"), (ORGANIZATIONS, "organization"),
    (PROJECTS, "project"), (CUSTOMERS, "customer"), (TAGS, "tag"),
)  # fmt: skip
_IDS: Final = {"team_member": ("user_id", "team_id")}  # of those that are named by more than one column

Standing = tuple[str, str, int, float | None]
"""Kind and id, as limits name them, nano-dollars, and the end of the period they were spent in, seconds since 1970."""


async def standings(connection: AsyncConnection, sheet: Sheet) -> AsyncIterator[Standing]:
    """Yield what those have spent who paid for entries."""
    kinds = dict(_KINDS)
    for table, columns, grown in spent(sheet.sums, await periods.heirs(connection, sheet)):
        kind = kinds.get(table)
        if kind is not None:
            async for standing in _of(connection, kind, table, columns, list(grown)):
                yield standing


async def _of(
    connection: AsyncConnection, kind: str, table: sa.Table, columns: tuple[str, ...], names: list[tuple[str, ...]]
) -> AsyncIterator[Standing]:
    ids = [table.c[column].label(column) for column in _IDS.get(kind, columns)]
    ends: list[sa.ColumnElement[datetime | None]] = []
    held: list[sa.ColumnElement[bool]] = []
    source: sa.FromClause = table
    if "budget_id" in table.c:
        source = table.outerjoin(BUDGETS, BUDGETS.c.budget_id == table.c.budget_id)
        held.append(table.c.budget_id.is_not(None))
        ends.append(BUDGETS.c.budget_reset_at)
    if "max_budget" in table.c:
        held.append(table.c.max_budget.is_not(None))
        ends.insert(0, table.c.budget_reset_at)
    end = ends[0] if len(ends) == 1 else sa.func.coalesce(*ends)
    here = sa.tuple_(*(table.c[column] for column in columns)).in_(names)
    rows = sa.select(*ids, table.c.spend, end.label("ends")).select_from(source).where(here, sa.or_(*held))
    for row in (await connection.execute(rows)).mappings():
        moment = row["ends"]
        name = ":".join(row[column.key] for column in ids)
        yield kind, name, row["spend"], None if moment is None else moment.timestamp()
