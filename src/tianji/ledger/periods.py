"""Since when what is spent counts: entries of a period that is over belong to none of the sums that budgets go by.

A row says so for itself (`spend_since`); the latest moment of all is kept apart, so that a batch whose entries all
began later, which is nearly every one, is looked at no further.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji._core.journal.sheet import Sheet
from tianji.ledger.rows import spent
from tianji.storage.tables import BUDGETS, DEPRECATED_KEYS, KEYS, LEDGER_STATE, TEAMS, USERS

MICROSECONDS: Final = 1_000_000  # of a second: the unit of the ledger's times
_LATEST: Final = "spend_since"
_STARTED: Final = 3  # the place of `started_at` in a row

Grown = Mapping[tuple[str, ...], int]


async def begin(connection: AsyncConnection, moment: datetime) -> None:
    """Take that the spend of some rows counts since `moment` at the latest."""
    known, written = await _latest(connection), LEDGER_STATE.c.name == _LATEST
    if known is None:
        await connection.execute(sa.insert(LEDGER_STATE).values(name=_LATEST, value=str(microseconds(moment))))
    elif known < microseconds(moment):
        await connection.execute(sa.update(LEDGER_STATE).where(written).values(value=str(microseconds(moment))))


async def first_end(connection: AsyncConnection) -> datetime | None:
    """Return when the first period ends of all that are under way; what is due has an end that is over."""
    tables = (KEYS, USERS, TEAMS, BUDGETS)
    ends = sa.select(*(sa.select(sa.func.min(table.c.budget_reset_at)).scalar_subquery() for table in tables))
    return min((end for end in (await connection.execute(ends)).one() if end is not None), default=None)


async def heirs(connection: AsyncConnection, sheet: Sheet) -> dict[str, str]:
    """Return what keys are called now that entries know by a secret which was replaced since."""
    keys, earlier = sorted({account.shared.terms.key for account in sheet.accounts}), DEPRECATED_KEYS.c
    found = sa.select(earlier.token, earlier.active_token).where(earlier.token.in_(keys))
    return dict((await connection.execute(found)).all())


async def late(
    connection: AsyncConnection, sheet: Sheet, named: Mapping[str, str]
) -> dict[sa.Table, dict[tuple[str, ...], int]]:
    """Return what of the spend of entries belongs to periods that are over, by table and by the names of its rows.

    named: the heirs of keys
    """
    latest = await _latest(connection)
    if latest is None or sheet.first >= latest:
        return {}
    before = _began_before(sheet, latest)
    found: dict[sa.Table, dict[tuple[str, ...], int]] = {}
    sums: dict[datetime, dict[sa.Table, Grown]] = {}
    for table, columns, grown in spent(before.sums, named):
        names = [table.c[column] for column in columns]
        since = datetime.fromtimestamp(before.first / MICROSECONDS, UTC)
        known = sa.select(*names, table.c.spend_since).where(sa.tuple_(*names).in_(list(grown)))
        for *name, moment in await connection.execute(known.where(table.c.spend_since > since)):
            if moment not in sums:
                earlier = _began_before(before, microseconds(moment))
                sums[moment] = {other: more for other, _, more in spent(earlier.sums, named)}
            cost = sums[moment].get(table, {}).get(tuple(name), 0)
            found.setdefault(table, {})[tuple(name)] = cost
    return found


def microseconds(moment: datetime) -> int:
    """Return a moment as the ledger has it: microseconds since 1970."""
    passed = moment - datetime.fromtimestamp(0, UTC)
    return (passed.days * 86_400 + passed.seconds) * MICROSECONDS + passed.microseconds


def _began_before(sheet: Sheet, moment: int) -> Sheet:
    """Return a sheet with the entries that began before a moment."""
    return sheet.without({str(row[0]) for row in sheet.rows() if int(str(row[_STARTED])) >= moment})


async def _latest(connection: AsyncConnection) -> int | None:
    found = (await connection.execute(sa.select(LEDGER_STATE.c.value).where(LEDGER_STATE.c.name == _LATEST))).scalar()
    return None if found is None else int(found)
