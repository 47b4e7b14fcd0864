"""Which rows of the ledger a list shows, found without reading rows that it does not show.

What rows have in common is looked for among the accounts, which are few. From there an index leads to the rows of
those, as long as they are not many; else, and where nothing else narrows the search, the index that has whatever lists
are ordered and filtered by is walked in the order of the list, until there are enough.
"""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct, field

from tianji.ledger.entry import FAILURE
from tianji.management.desk import Call, Row
from tianji.storage.tables import LEDGER, LEDGER_ACCOUNTS, LEDGER_ROWS

CHOSEN: Final = 1000  # accounts that are named one by one
MANY: Final = 20_000  # rows of the accounts: from here on a walk meets enough of them
CACHE_HIT: Final = 2  # its bit among the flags

Conditions = list["sa.ColumnElement[bool]"]


class Wanted(Struct, kw_only=True):
    """What is looked for: conditions for accounts, for the time, and for rows.

    narrow: one of those for rows has an index of its own, where rows are few
    """

    accounts: Conditions = field(default_factory=list)
    span: Conditions = field(default_factory=list)
    rows: Conditions = field(default_factory=list)
    narrow: bool = False


def failed() -> "sa.ColumnElement[bool]":
    """Return the condition that a request failed, written such that its index is used."""
    return LEDGER_ROWS.c.status == sa.literal(FAILURE, literal_execute=True)


def hit(yes: bool) -> "sa.ColumnElement[bool]":
    """Return the condition that an answer came out of a cache, or that it did not, written as its index has it."""
    bit, said = (sa.literal(value, literal_execute=True) for value in (CACHE_HIT, CACHE_HIT if yes else 0))
    return LEDGER_ROWS.c.flags.bitwise_and(bit) == said


async def condition(call: Call, wanted: Wanted) -> "sa.ColumnElement[bool]":
    """Return the condition for all that is wanted."""
    where = [*wanted.span, *wanted.rows]
    if wanted.accounts:
        accounts = sa.select(LEDGER_ACCOUNTS.c.id).where(*wanted.accounts)
        chosen = [row["id"] for row in await call.all(accounts.limit(CHOSEN + 1))]
        where.append(await _of(call, wanted, chosen if len(chosen) <= CHOSEN else accounts))
    return sa.and_(sa.true(), *where)


async def ids(
    call: Call, where: "sa.ColumnElement[bool]", order: Sequence["sa.ColumnElement[Any]"], most: int, start: int = 0
) -> list[int]:
    """Return the ids of the first rows in an order, `most` at most, from the one with the number `start` on."""
    found = sa.select(LEDGER_ROWS.c.id).where(where).order_by(*order).limit(most).offset(start)
    return [row["id"] for row in await call.all(found)]


async def count(call: Call, where: "sa.ColumnElement[bool]", most: int) -> int:
    """Count rows, up to `most`."""
    return await call.count(sa.select(LEDGER_ROWS.c.started_at).where(where).limit(most))


async def rows(call: Call, numbers: Sequence[int]) -> list[Row]:
    """Return rows in the order of their ids."""
    found = {row["id"]: row for row in await call.all(sa.select(LEDGER).where(LEDGER.c.id.in_(list(numbers))))}
    return [found[number] for number in numbers if number in found]


async def _of(call: Call, wanted: Wanted, accounts: Any) -> "sa.ColumnElement[bool]":
    """Return the condition that rows are of these accounts, and say by its form whether their index leads there."""
    index, walk = LEDGER_ROWS.c.account.in_(accounts), (LEDGER_ROWS.c.account + 0).in_(accounts)
    if wanted.narrow:
        return walk
    return walk if await count(call, sa.and_(index, *wanted.span), MANY + 1) > MANY else index
