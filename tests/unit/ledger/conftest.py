"""A database of each engine, brought to the form of this version, and entries to put there."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.unit.storage.conftest import location

from tianji.ledger import reading
from tianji.ledger.entry import Entry, decoded
from tianji.storage.engine import Database
from tianji.storage.location import Location

__all__ = ["location"]

NOON = 1_772_366_400_000_000  # 2026-03-01T12:00:00Z


def entry(number: int, **fields: Any) -> Entry:
    """An entry that has a name for everything; the number makes it unique."""
    usual = {
        "request_id": f"{number:032x}-0",
        "call_id": f"{number:032x}",
        "started_at": NOON + number * 1000,
        "ended_at": NOON + number * 1000 + 250_000,
        "model_group": "gpt",
        "model": "gpt-4o",
        "provider": "openai",
        "key": "k",
        "user_id": "u",
        "team_id": "t",
        "organization_id": "o",
        "end_user": "c",
        "tags": ("a", "b"),
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "cost": 7 + number,
        "items": (("input", 7 + number, 10**9),),
        "factors": ((1, 1, 0), (1, 1, 0)),
    }
    return Entry(**{**usual, **fields})


def everything(folder: Path) -> list[Entry]:
    """All that the journals hold, in order."""
    found: list[Entry] = []
    for file in reading.journals(folder):
        position = 0
        while (batch := reading.fill(file, position, 7)).count:
            found += map(decoded, batch.sheet.bodies)
            position = batch.position
    return found


@pytest.fixture
async def database(migrated: Location) -> AsyncIterator[Database]:
    opened = Database(migrated)
    yield opened
    await opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journals"


async def rows(database: Database, table: sa.Table, *where: Any) -> list[dict[str, Any]]:
    """All rows of a table."""
    async with database.reading() as connection:
        found = await connection.execute(sa.select(table).where(*where))
        return [dict(row) for row in found.mappings()]
