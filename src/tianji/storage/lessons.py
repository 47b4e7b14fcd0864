"""What adaptive routers have learnt: a row of the ledger's notes for each, which all machines add to."""

from collections.abc import Mapping

import msgspec
import sqlalchemy as sa

from tianji.storage.engine import Database
from tianji.storage.tables import LEDGER_STATE

Counts = tuple[int, int]
"""How often a model was good at a kind of request, and how often bad."""
_counts = msgspec.json.Decoder(dict[str, dict[str, Counts]])


async def exchanged(
    database: Database, router: str, given: Mapping[tuple[str, str], Counts]
) -> dict[tuple[str, str], Counts]:
    """Add counts by kind and model to those of a router, and return all of them. Raises StoreUnavailable.

    A transaction alone among writers, so nothing that two machines add at the same time is lost.
    """
    here = LEDGER_STATE.c.name == f"adaptive router {router}"
    if not given:
        async with database.reading() as connection:
            return _flat((await connection.execute(sa.select(LEDGER_STATE.c.value).where(here))).scalar())
    async with database.writing() as connection:
        known = _flat((await connection.execute(sa.select(LEDGER_STATE.c.value).where(here))).scalar())
        for cell, (good, bad) in given.items():
            before = known.get(cell, (0, 0))
            known[cell] = before[0] + good, before[1] + bad
        nested: dict[str, dict[str, Counts]] = {}
        for (kind, group), counts in known.items():
            nested.setdefault(kind, {})[group] = counts
        value = msgspec.json.encode(nested).decode()
        changed = await connection.execute(sa.update(LEDGER_STATE).where(here).values(value=value))
        if not changed.rowcount:
            name = f"adaptive router {router}"
            await connection.execute(sa.insert(LEDGER_STATE).values(name=name, value=value))
    return known


def _flat(value: str | None) -> dict[tuple[str, str], Counts]:
    nested = {} if value is None else _counts.decode(value)
    return {(kind, group): counts for kind, groups in nested.items() for group, counts in groups.items()}
