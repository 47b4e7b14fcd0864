"""What is posted counts once, and what it has in common is kept once."""

import hashlib
from datetime import UTC, datetime, timedelta

import msgspec
import sqlalchemy as sa
from tests.unit.ledger.conftest import NOON, entry, rows

from tianji.ledger import periods, posting
from tianji.ledger.proof import rebuild, verify
from tianji.ledger.rows import entry_of, sheet_of
from tianji.ledger.standing import standings
from tianji.storage.engine import Database
from tianji.storage.tables import DAILY, DEPRECATED_KEYS, KEYS, LEDGER, LEDGER_ACCOUNTS, PROJECTS, USERS

NOW = datetime(2026, 3, 1, tzinfo=UTC)


async def spend(database: Database) -> int:
    """What the sums by day say that all of it cost."""
    return sum(row["spend"] for row in await rows(database, DAILY, DAILY.c.kind == "all"))


async def test_requests_that_have_rows_add_nothing(database: Database) -> None:
    """Not out of the copy of a journal, and not by being there twice; those between them count."""
    for numbers, new in (((1, 2), [1, 2]), ((2, 3, 3, 1, 4), [3, 4]), ((4, 1), []), ((), [])):
        async with database.writing() as connection:
            fresh = await posting.post(connection, sheet_of(entry(number) for number in numbers))
        assert fresh.names == [entry(number).request_id for number in new]
    truth = sum(entry(number).cost for number in range(1, 5))
    assert (len(await rows(database, LEDGER)), await spend(database)) == (4, truth)


async def test_one_request_that_is_told_twice_is_what_it_was_first(database: Database) -> None:
    other = entry(1, cost=0, status="failure", error_code="500", end_user=None)
    async with database.writing() as connection:
        await posting.post(connection, sheet_of([entry(2), entry(1), other]))
    (row,) = await rows(database, LEDGER, LEDGER.c.request_id == entry(1).request_id)
    assert (row["cost"], row["status"]) == (entry(1).cost, "success")
    assert await spend(database) == entry(1).cost + entry(2).cost


async def test_rows_with_much_in_common_share_an_account(database: Database) -> None:
    given = [entry(number, user_id=f"u{number % 3}", items=(("input", number, 5),)) for number in range(30)]
    for part in (given[:10], given[10:]):
        async with database.writing() as connection:
            await posting.post(connection, sheet_of(part))
    assert len(await rows(database, LEDGER_ACCOUNTS)) == 3
    found = {row["request_id"]: row for row in await rows(database, LEDGER)}
    assert [found[one.request_id]["user_id"] for one in given] == [one.user_id for one in given]
    assert [found[one.request_id]["quantities"] for one in given] == [f"[{number}]" for number in range(30)]


async def test_a_project_is_named_by_what_was_spent_for_it(database: Database) -> None:
    """Whatever becomes of the key: it may be another project's by now, or gone."""
    made = {"created_at": NOW, "updated_at": NOW}
    async with database.writing() as connection:
        for name in ("p", "q"):
            await connection.execute(sa.insert(PROJECTS).values(project_id=name, team_id="t", **made))
        await connection.execute(sa.insert(KEYS).values(token="k", project_id="q", **made))
        given = [entry(1, project_id="p"), entry(2), entry(3, project_id="q", key="gone")]
        await posting.post(connection, sheet_of(given))
    assert {row["project_id"]: row["spend"] for row in await rows(database, PROJECTS)} == {"p": 8, "q": 10}
    daily = await rows(database, DAILY, DAILY.c.kind == "project")
    assert {row["entity"]: row["spend"] for row in daily} == {"p": 8, "q": 10}
    found = await rows(database, LEDGER)
    assert [entry_of(row).project_id for row in found] == ["p", None, "q"]
    async with database.reading() as connection:
        assert (await verify(connection)).wrong == ()
    async with database.writing() as connection:
        await rebuild(connection)
    again = await rows(database, DAILY, DAILY.c.kind == "project")
    assert {row["entity"]: row["spend"] for row in again} == {"p": 8, "q": 10}


async def test_an_account_without_a_project_is_as_old_as_it_was(database: Database) -> None:
    """Or rows of the same kind would have two accounts, one before an update and one after it."""
    plain, of_project, of_agent, of_both = (
        sheet_of([entry(1, project_id=project, user_agent=agent)]).accounts[0].shared.row
        for agent in (None, "a")
        for project in (None, "p")
    )
    values = [value for name, value in plain.items() if name not in ("digest", "project_id", "user_agent")]
    for row, later in ((plain, []), (of_project, ["p"]), (of_agent, [None, "a"]), (of_both, ["p", "a"])):
        assert row["digest"] == hashlib.sha256(msgspec.json.encode([*values, *later])).hexdigest()[:32]
        assert (row["project_id"], row["user_agent"]) == tuple([*later, None, None][:2])


async def test_a_row_has_the_client_program_and_what_is_noted_of_its_spend(database: Database) -> None:
    given = [
        entry(1, user_agent="app/1", spend_logs_metadata='{"a":1}'),
        entry(2, user_agent="app/1", project_id="p"),
        entry(3, spend_logs_metadata='{"a":"\\u0000"}'),
        entry(4),
    ]
    async with database.writing() as connection:
        await posting.post(connection, sheet_of(given))
    found = [entry_of(row) for row in await rows(database, LEDGER)]
    assert sorted(found, key=lambda one: one.request_id) == given


async def test_what_began_before_a_spend_counts_is_not_in_it(database: Database) -> None:
    made = {"created_at": NOW, "updated_at": NOW}
    since = datetime.fromtimestamp(NOON / 1_000_000, UTC) + timedelta(milliseconds=3)
    async with database.writing() as connection:
        await connection.execute(sa.insert(KEYS).values(token="k", spend_since=since, **made))
        await connection.execute(sa.insert(USERS).values(user_id="u", **made))
        await periods.begin(connection, since)
        await periods.begin(connection, since - timedelta(days=1))  # that of others, which is no later
        fresh = await posting.post(connection, sheet_of(entry(number) for number in range(1, 6)))
        assert await periods.late(connection, fresh, {}) == {KEYS: {("k",): 8 + 9}}
    (key,), (user,) = await rows(database, KEYS), await rows(database, USERS)
    assert (key["spend"], key["total_spend"], user["spend"]) == (10 + 11 + 12, 50, 50)


async def test_what_was_asked_for_with_a_secret_that_was_replaced_is_spend_of_the_key(database: Database) -> None:
    made = {"created_at": NOW, "updated_at": NOW}
    async with database.writing() as connection:
        await connection.execute(sa.insert(KEYS).values(token="new", max_budget=5, **made))
        await connection.execute(sa.insert(DEPRECATED_KEYS).values(token="k", active_token="new", revoke_at=NOW))
        fresh = await posting.post(connection, sheet_of([entry(1), entry(2, key="new"), entry(3, key="other")]))
        found = [standing async for standing in standings(connection, fresh)]
    assert [row["spend"] for row in await rows(database, KEYS)] == [8 + 9]
    assert found == [("key", "new", 17, None)]
