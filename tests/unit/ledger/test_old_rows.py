"""Rows that an earlier release wrote are the same in the tables of this one."""

import asyncio
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from tests.unit.ledger.conftest import NOON, entry, rows

from tianji.ledger import books, posting
from tianji.ledger.entry import Entry
from tianji.ledger.proof import verify
from tianji.ledger.rows import daily, entry_of, sheet_of
from tianji.storage.engine import Database
from tianji.storage.location import Location
from tianji.storage.migration import migrate
from tianji.storage.migrations.versions import v0012_ledger_accounts as step
from tianji.storage.tables import DAILY, LEDGER, LEDGER_ACCOUNTS, LEDGER_ROWS, METADATA

TEXTS = ("call_type", "model_group", "model", "provider", "deployment_id", "api_base", "key", "key_alias", "user_id",
         "team_id", "organization_id", "agent_id")  # fmt: skip


def entries() -> list[Entry]:
    """Of three accounts, one without anything."""
    return [
        *(entry(number, user_id=f"u{number % 2}", stream=number == 3, suspect=number == 4) for number in range(7)),
        Entry(
            request_id="bare-0",
            call_id="bare",
            started_at=NOON,
            ended_at=NOON + 5,
            reported=True,
            guardrails=b'[{"guardrail_name":"g"}]',
        ),
        entry(
            8, user_id="u0", status="failure", error_code="429", cache_hit=True, session_id="s\u2028é", cost=0, items=()
        ),
    ]


def old_row(one: Entry) -> dict[str, Any]:
    """The row of an entry as revision 0011 of the tables had it."""
    facts: dict[str, Any] = {name: getattr(one, name) for name in ("items", "factors", "catalogue", "reported")}
    if one.guardrails:
        facts["guardrails"] = msgspec.Raw(one.guardrails)
    own = {name: getattr(one, name) for name in (*step.OWN, *step.FLAGS, *TEXTS)}
    return {**own, "tags": msgspec.json.encode(one.tags).decode(), "facts": msgspec.json.encode(facts).decode()}


async def old(location: Location, given: list[Entry]) -> Database:
    """A database of revision 0011 with these rows."""
    await asyncio.to_thread(migrate, location, "0011")
    database = Database(location)
    table = sa.table("ledger", *(sa.column(name) for name in old_row(given[0])))
    async with database.writing() as connection:
        await connection.execute(sa.insert(table), [old_row(one) for one in given])
    return database


async def test_rows_are_taken_over(location: Location) -> None:
    given = entries()
    database = await old(location, given)
    await asyncio.to_thread(migrate, location)
    async with database.reading() as connection:
        found = [entry_of(row) async for page in books.pages(connection) for row in page]
    expected = sorted(given, key=lambda one: (one.started_at, one.request_id))
    assert sorted(found, key=lambda one: (one.started_at, one.request_id)) == expected
    assert len(await rows(database, LEDGER_ACCOUNTS)) == 4
    async with database.writing() as connection:  # nothing is taken twice, and what is alike has the same account
        assert (
            len(await posting.post(connection, sheet_of([*given, entry(10, user_id="u0"), entry(11, key="new")]))) == 2
        )
    assert len(await rows(database, LEDGER_ACCOUNTS)) == 5
    assert len(await rows(database, LEDGER_ROWS)) == len(await rows(database, LEDGER)) == len(given) + 2
    assert {row["requests"] for row in await rows(database, DAILY, DAILY.c.kind == "all")} == {1}
    await database.close()


async def test_sums_by_day_are_those_of_the_rows_afterwards(location: Location) -> None:
    given = entries()
    database = await old(location, given)
    sums = daily(sheet_of(given).sums, logged=True)
    assert sum(row.pop("spared_tokens") for row in sums if row["kind"] == "all") == given[-1].completion_tokens
    before = sa.table("daily_spend", *(sa.column(name) for name in sums[0] if name != "spared_tokens"))
    async with database.writing() as connection:
        kept = [{name: value for name, value in row.items() if name != "spared_tokens"} for row in sums]
        await connection.execute(sa.insert(before), kept)
    await asyncio.to_thread(migrate, location)
    async with database.reading() as connection:
        assert (await verify(connection)).wrong == ()
    await database.close()


async def test_many_are_taken_over_in_parts(location: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "AT_ONCE", 4)
    monkeypatch.setattr(step, "REMEMBERED", 1)
    given = entries()
    database = await old(location, given)

    def fill(connection: sa.Connection) -> None:
        METADATA.create_all(connection, [LEDGER_ACCOUNTS, LEDGER_ROWS])
        step.fill(connection, LEDGER_ACCOUNTS, LEDGER_ROWS)

    async with database.writing() as connection:
        await connection.run_sync(fill)
    found = {row["request_id"]: row for row in await rows(database, LEDGER_ROWS)}
    assert found.keys() == {one.request_id for one in given}
    held = {row["id"]: row for row in await rows(database, LEDGER_ACCOUNTS)}
    assert len(held) == 4
    assert all(held[found[one.request_id]["account"]]["user_id"] == one.user_id for one in given)
    await database.close()


async def test_an_empty_ledger_is_taken_over(location: Location) -> None:
    await asyncio.to_thread(migrate, location, "0011")
    await asyncio.to_thread(migrate, location)
    database = Database(location)
    async with database.writing() as connection:
        assert len(await posting.post(connection, sheet_of([entry(1)]))) == 1
    assert [row["id"] for row in await rows(database, LEDGER_ACCOUNTS)] == [1]
    await database.close()
