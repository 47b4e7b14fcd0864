"""Proof that the books are right: each cost against what it comes of, and the sums by day against the rows."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji.accounting.prices.explain import explanation
from tianji.ledger import books, posting
from tianji.ledger.entry import Entry
from tianji.ledger.rows import GROUPS, SUMS, daily, entry_of, sheet_of
from tianji.storage.tables import DAILY

MOST: Final = 100  # differences that are told one by one

_Sums = dict[tuple[str, ...], tuple[int, ...]]


class Proof(msgspec.Struct, frozen=True):
    """What was looked at, and what is wrong with it. `cost` is nano-dollars."""

    rows: int
    cost: int
    wrong: tuple[str, ...]  # the first ones, in words
    count: int  # of all that is wrong


async def verify(connection: AsyncConnection) -> Proof:
    """Compare rows, what they cost and the sums by day, without changing anything.

    Days whose rows were dropped for their age are left out, and so are requests that never had rows. The connection
    has to show one state of the database throughout (`Database.still`).
    """
    first = await books.horizon(connection)
    wrong: list[str] = []
    kept: _Sums = {}
    rows = cost = count = 0
    async for entries in _entries(connection, first):
        rows += len(entries)
        cost += sum(entry.cost for entry in entries)
        _add(kept, daily(sheet_of(entries).sums, logged=True))
        for text in _misjudged(entries):
            count += 1
            wrong += [text] if len(wrong) < MOST else []
    for text in _differences(kept, await _sums(connection, first)):
        count += 1
        wrong += [text] if len(wrong) < MOST else []
    return Proof(rows, cost, tuple(wrong), count)


async def rebuild(connection: AsyncConnection) -> int:
    """Make the sums by day anew from the rows, and return how many sums that are. What has no rows stays as it is.

    The connection is alone among writers; requests go on meanwhile, in the journals.
    """
    first = await books.horizon(connection)
    kept: _Sums = {}
    async for entries in _entries(connection, first):
        _add(kept, daily(sheet_of(entries).sums, logged=True))
    await connection.execute(sa.delete(DAILY).where(DAILY.c.logged, DAILY.c.day >= first))
    made = [_row(group, kept[group]) for group in sorted(kept)]
    for start in range(0, len(made), books.AT_ONCE):
        await posting.add(connection, made[start : start + books.AT_ONCE])
    return len(made)


async def _entries(connection: AsyncConnection, first: str) -> Any:
    start = books.microseconds(first) if first else 0
    async for page in books.pages(connection, start):
        yield [entry_of(row) for row in page]


async def _sums(connection: AsyncConnection, first: str) -> _Sums:
    wanted = sa.select(DAILY).where(DAILY.c.logged, DAILY.c.day >= first)
    found: _Sums = {}
    _add(found, (await connection.execute(wanted)).mappings())
    return found


def _add(sums: _Sums, rows: Iterable[Any]) -> None:
    for row in rows:
        group = tuple(row[name] for name in GROUPS)
        figures = tuple(row[name] for name in SUMS)
        known = sums.get(group)
        sums[group] = figures if known is None else tuple(map(int.__add__, known, figures))


def _row(group: tuple[str, ...], figures: tuple[int, ...]) -> dict[str, Any]:
    return {**dict(zip(GROUPS, group, strict=True)), "logged": True, **dict(zip(SUMS, figures, strict=True))}


def _misjudged(entries: Iterable[Entry]) -> Iterator[str]:
    for entry in entries:
        if entry.factors is None or entry.reported:
            continue
        told = explanation(entry.items, entry.factors)
        if told.total != entry.cost:
            yield f"request {entry.request_id} cost {entry.cost} nano-dollars, but {told.formula}"


def _differences(kept: _Sums, sums: _Sums) -> Iterator[str]:
    nothing = (0,) * len(SUMS)
    for group in sorted(kept.keys() | sums.keys()):
        for name, rows, said in zip(SUMS, kept.get(group, nothing), sums.get(group, nothing), strict=True):
            if rows != said:
                place = ", ".join(f"{part} {value}" for part, value in zip(GROUPS, group, strict=True) if value)
                yield f"{name}: the rows make {rows}, the sum by day says {said} ({place})"
