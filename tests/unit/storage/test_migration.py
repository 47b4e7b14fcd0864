"""Every migration, from an empty database and from each earlier one, on both engines."""

import asyncio
import importlib.util
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from tests.unit.core.processes import together

from tianji.errors import ConfigurationError, StoreUnavailable
from tianji.storage import migration, tables
from tianji.storage.engine import PATIENCE, Database
from tianji.storage.location import Location, parse
from tianji.storage.migration import migrate, revisions
from tianji.storage.migrations import HEAD
from tianji.storage.tables import CHANGES, METADATA


def differences(location: Location) -> list[object]:
    """What is not in the database as tables.py has it."""

    def compare(connection: sa.Connection) -> list[object]:
        return compare_metadata(MigrationContext.configure(connection), METADATA)

    async def ask() -> list[object]:
        database = Database(location)
        try:
            async with database.reading() as connection:
                return await connection.run_sync(compare)
        finally:
            await database.close()

    return asyncio.run(ask())


def test_this_version_works_with_the_last_revision() -> None:
    assert revisions()[-1] == HEAD


@pytest.mark.parametrize("steps", [("head",), (*revisions(), "head")], ids=["at once", "from every revision"])
def test_a_database_comes_up(location: Location, steps: tuple[str, ...]) -> None:
    """A step at a time it is once at every revision, and comes up from there; the last time there is nothing to do."""
    for revision in steps:
        migrate(location, revision)
    assert differences(location) == []
    migrate(location)
    assert differences(location) == []


async def test_ids_of_stores_are_written_anew_wherever_they_stand(location: Location) -> None:
    await asyncio.to_thread(migrate, location, "0019")
    made = {"owner": "o", "created_at": datetime(2026, 11, 26, tzinfo=UTC)}
    rows = [
        {"id": "vs_tjA_b", "kind": "store", "body": '{"id": "vs_tjA_b", "name": "n"}', **made},
        {"id": "asst_tjvs_tj", "kind": "assistant", "body": '{"vector_store_ids":["vs_tjA_b"],"x":"vs_1"}', **made},
        {"id": "vs_x", "kind": "store", "body": "{}", **made},
    ]
    database = Database(location)
    async with database.writing() as connection:
        await connection.execute(sa.insert(tables.OBJECTS), rows)
    await asyncio.to_thread(migrate, location)
    async with database.reading() as connection:
        found = await connection.execute(sa.select(tables.OBJECTS.c.id, tables.OBJECTS.c.body))
    await database.close()
    assert {tuple(row) for row in found} == {
        ("vs-tjA_b", '{"id": "vs-tjA_b", "name": "n"}'),
        ("asst_tjvs_tj", '{"vector_store_ids":["vs-tjA_b"],"x":"vs_1"}'),
        ("vs_x", "{}"),
    }


async def test_entries_of_before_are_found_by_their_team(location: Location) -> None:
    await asyncio.to_thread(migrate, location, "0017")
    values: list[tuple[Any, Any]] = [
        (None, {"team_id": "a"}), ({"team_id": "a"}, {"x": 1}), ({"team_id": "a"}, {"team_id": "b"}),
        ({"team_id": "a"}, {"team_id": None}), ({"team_id": "a"}, None), (None, {"x": 1}), (None, None),
    ]  # fmt: skip
    columns = [column for column in tables.AUDIT_LOG.c if column.name not in tables.ABOUT]
    old = sa.table("audit_log", *(sa.column(column.name, column.type) for column in columns))
    rows = [
        {
            "id": str(number), "updated_at": datetime(2026, 11, 26, tzinfo=UTC), "action": "updated",
            "table_name": "t", "object_id": "o", "before_value": before, "updated_values": after,
        }
        for number, (before, after) in enumerate(values)
    ]  # fmt: skip
    database = Database(location)
    async with database.writing() as connection:
        await connection.execute(sa.insert(old), rows)
    await asyncio.to_thread(migrate, location)
    async with database.reading() as connection:
        log = tables.AUDIT_LOG.c
        found = await connection.execute(sa.select(log.object_team_id, log.former_team_id).order_by(log.number))
    await database.close()
    assert [tuple(row) for row in found] == [
        ("a", None), ("a", None), ("b", "a"), ("a", None), ("a", None), (None, None), (None, None),
    ]  # fmt: skip


def test_a_step_that_fails_leaves_nothing(location: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("pulled")

    with monkeypatch.context() as patch:
        patch.setattr("alembic.operations.Operations.create_index", fail)
        with pytest.raises(StoreUnavailable):
            migrate(location)
    migrate(location)
    assert differences(location) == []


def test_several_migrate_at_once(location: Location) -> None:
    together(3, lambda _: migrate(location))
    assert differences(location) == []


def test_a_database_of_a_newer_version_is_left_alone(location: Location) -> None:
    migrate(location)

    async def age() -> None:
        database = Database(location)
        async with database.writing() as connection:
            await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        await database.close()

    asyncio.run(age())
    with pytest.raises(ConfigurationError, match="newer version"):
        migrate(location)


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="TIANJI_DATA_DIR"):
        migrate(parse(f"sqlite:///{tmp_path}/file/a.db"))


def test_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    migrate(parse(f"sqlite:///{tmp_path}/new/a.db"))
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in (tmp_path / "new").iterdir())


def test_steps_are_in_the_package() -> None:
    assert importlib.util.find_spec("tianji.storage.migrations.versions.v0001_keys") is not None


async def test_a_migration_leaves_the_locks_of_open_connections(tmp_path: Path) -> None:
    location = parse(f"sqlite:///{tmp_path / 'test.db'}")
    await asyncio.to_thread(migrate, location)
    database = Database(location)
    async with database.writing() as connection:
        await connection.execute(sa.insert(CHANGES).values(tag=1, made_at=datetime(2026, 1, 1, tzinfo=UTC)))
    await asyncio.to_thread(migrate, location)
    # another process that closes the last connection, as it thinks, takes the journal along
    other = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
        "print(*c.execute('SELECT COUNT(*) FROM changes').fetchone())"
    )
    assert await _said(other, location) == "1"
    async with database.writing() as connection:
        await connection.execute(sa.insert(CHANGES).values(tag=2, made_at=datetime(2026, 1, 1, tzinfo=UTC)))
    assert await _said(other, location) == "2"
    await database.close()


async def _said(program: str, location: Location) -> str:
    command = [sys.executable, "-c", f"{program}; c.close()", str(location.file)]
    return (await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)).stdout.strip()


def test_a_step_may_take_longer_than_a_request(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: list[float] = []

    class Watched(Database):
        def __init__(self, location: Location, *, pool: int = 10, patience: float = PATIENCE) -> None:
            given.append(patience)
            super().__init__(location, pool=pool, patience=patience)

    monkeypatch.setattr(migration, "Database", Watched)
    migrate(parse(f"sqlite:///{tmp_path}/t.db"), "0001")
    assert given[0] > 10 * PATIENCE
