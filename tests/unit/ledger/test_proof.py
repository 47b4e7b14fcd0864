"""The books are right until somebody changes them; then it is said where, and the sums can be made anew."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ledger.conftest import NOON, entry, rows

from tianji.ledger import books, posting, proof
from tianji.ledger.books import DAY
from tianji.ledger.entry import Entry, Payload
from tianji.ledger.proof import Proof
from tianji.ledger.retention import expire
from tianji.ledger.rows import COLUMNS, GROUPS, LONGEST_RUNS, SUMS, daily, entry_of, sheet_of, spent
from tianji.storage.engine import Database
from tianji.storage.tables import DAILY, LEDGER_ACCOUNTS, LEDGER_ROWS, PAYLOADS


def entries() -> list[Entry]:
    """Three days, some without an owner, some failed, one believed."""
    made = [
        entry(n, started_at=NOON + n % 3 * DAY, ended_at=NOON + n % 3 * DAY + 5, tags=("a",) * (n % 2))
        for n in range(30)
    ]
    made[4] = entry(4, status="failure", cost=0, items=(), user_id=None, team_id=None)
    made[5] = entry(5, cost=123, reported=True, end_user=None)
    made[6] = entry(6, cost=21, factors=((3, 2, 1), (1, 1, 0)), items=(("input", 13, 10**9),))
    made[7] = entry(7, cost=1, items=(), factors=None)
    return made


async def post(database: Database, *given: Entry, logged: bool = True) -> None:
    async with database.writing() as connection:
        await posting.post(connection, sheet_of(given), logged=logged)


async def verify(database: Database) -> Proof:
    async with database.still() as connection:
        return await proof.verify(connection)


async def test_what_was_posted_is_right(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "AT_ONCE", 7)
    await post(database, *entries())
    await post(database, entry(100), logged=False)
    assert await verify(database) == Proof(30, sum(one.cost for one in entries()), (), 0)


@pytest.mark.parametrize("table", [LEDGER_ROWS, DAILY], ids=["rows", "sums"])
@pytest.mark.parametrize("figure", ["tokens", "money"])
async def test_what_was_changed_is_found(database: Database, table: sa.Table, figure: str) -> None:
    await post(database, *entries())
    column = "prompt_tokens" if figure == "tokens" else "cost" if table is LEDGER_ROWS else "spend"
    async with database.writing() as connection:
        only = table.c.request_id == entry(1).request_id if table is LEDGER_ROWS else table.c.kind == "team"
        await connection.execute(sa.update(table).where(only).values({column: table.c[column] + 1}))
    found = await verify(database)
    assert found.count > 0
    if table is DAILY:
        assert all("kind team" in text and "entity t" in text for text in found.wrong)
    if table is LEDGER_ROWS and figure == "money":
        assert (
            f"request {entry(1).request_id} cost 9 nano-dollars, but input 8 * 0.000000001 = 0.000000008" in found.wrong
        )


@pytest.mark.parametrize("change", [sa.delete(LEDGER_ROWS), sa.delete(DAILY)], ids=["rows", "sums"])
async def test_what_is_gone_is_found(database: Database, change: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await post(database, *entries())
    async with database.writing() as connection:
        await connection.execute(change)
    monkeypatch.setattr(proof, "MOST", 3)
    found = await verify(database)
    assert (found.count > 3, len(found.wrong)) == (True, 3)


async def test_sums_are_made_anew(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "AT_ONCE", 7)
    await post(database, *entries())
    await post(database, entry(100), logged=False)
    order = [DAILY.c[name] for name in (*GROUPS, "logged")]

    async def sums() -> list[Any]:
        async with database.reading() as connection:
            return list(await connection.execute(sa.select(DAILY).order_by(*order)))

    before = await sums()
    async with database.writing() as connection:
        await connection.execute(sa.delete(DAILY).where(DAILY.c.kind == "user", DAILY.c.logged))
        await connection.execute(sa.update(DAILY).where(DAILY.c.logged).values(spend=1))
    async with database.writing() as connection:
        assert await proof.rebuild(connection) == sum(bool(one.logged) for one in before)
    assert await sums() == before


async def test_old_rows_go_by_whole_days_and_the_books_stay_right(database: Database) -> None:
    await post(database, *entries())
    before = await rows(database, DAILY)
    when = datetime(2026, 3, 2, 23, 59, tzinfo=UTC)
    old = [one for one in entries() if one.started_at < NOON + DAY / 2]
    assert await expire(database, when, size=4, batches=1) == 4
    assert (await verify(database)).count == 0  # in the middle of it
    assert await expire(database, when, size=4) == len(old) - 4
    assert await expire(database, when) == 0
    assert await rows(database, DAILY) == before
    found = await verify(database)
    assert (found.rows, found.count) == (30 - len(old), 0)
    async with database.writing() as connection:
        await proof.rebuild(connection)
    order = [tuple(sorted(map(str, one.items()))) for one in await rows(database, DAILY)]
    assert sorted(order) == sorted(tuple(sorted(map(str, one.items()))) for one in before)
    assert await expire(database, when.replace(day=1)) == 0  # it never goes back
    async with database.reading() as connection:
        assert await books.horizon(connection) == "2026-03-02"


async def test_what_no_row_has_any_more_goes_with_the_last_of_them(database: Database) -> None:
    await post(database, entry(1), entry(2, key="other"), entry(3, started_at=NOON + 3 * DAY))
    assert len(await rows(database, LEDGER_ACCOUNTS)) == 2
    await expire(database, datetime(2026, 3, 2, tzinfo=UTC))
    (left,) = await rows(database, LEDGER_ACCOUNTS)
    (row,) = await rows(database, LEDGER_ROWS)
    assert row["account"] == left["id"]


async def test_what_was_said_goes_with_its_row(database: Database) -> None:
    await post(database, *(entry(n, payload=Payload(messages=b"[]")) for n in range(3)))
    assert len(await rows(database, PAYLOADS)) == 3
    await expire(database, datetime(2026, 3, 2, tzinfo=UTC))
    assert await rows(database, PAYLOADS) == []


def test_days_are_days() -> None:
    assert books.microseconds("2026-03-01") == NOON - DAY // 2
    with pytest.raises(ValueError, match="does not match"):
        books.microseconds("1st of March")


COUNTS = st.integers(0, 10**6)
NAMES = st.sampled_from(["", "x", "y", "\0x", "z" * 300])
SOME = st.none() | NAMES
ENTRIES = st.lists(
    st.builds(
        entry,
        st.integers(0, 10**6),
        cost=COUNTS,
        started_at=st.integers(NOON, NOON + 3 * DAY),
        user_id=SOME,
        team_id=SOME,
        end_user=SOME,
        model=NAMES,
        key=NAMES,
        status=st.sampled_from(["success", "failure"]),
        stream=st.booleans(),
        suspect=st.booleans(),
        tags=st.lists(NAMES, max_size=4).map(tuple),
    ),
    max_size=12,
)


def summed(entries: list[Entry]) -> list[dict[str, Any]]:
    return daily(sheet_of(entries).sums, logged=True)


def flags(bits: int) -> dict[str, bool]:
    return {name: bool(bits >> at & 1) for at, name in enumerate(("stream", "cache_hit", "estimated", "suspect"))}


def viewed(entries: list[Entry]) -> list[dict[str, Any]]:
    """The rows of entries as the view shows them."""
    sheet = sheet_of(entries)
    for number, account in enumerate(sheet.accounts):
        account.id = number
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in sheet.rows()]
    return [{**row, **flags(row["flags"]), **sheet.accounts[row["account"]].shared.row} for row in rows]


@given(ENTRIES)
def test_sums_are_the_sum_of_the_rows(given: list[Entry]) -> None:
    """Money is neither made nor lost, whoever it is summed for; and rows say as much as entries."""
    sums = summed(given)
    for kind, field in (("all", None), ("user", "user_id"), ("team", "team_id"), ("customer", "end_user")):
        mine = [one for one in given if field is None or getattr(one, field)]
        kinds = [one for one in sums if one["kind"] == kind]
        assert sum(one["spend"] for one in kinds) == sum(one.cost for one in mine)
        assert sum(one["requests"] for one in kinds) == len(mine)
        assert sum(one["successes"] + one["failures"] for one in kinds) == len(mine)
    groups = [tuple(one[name] for name in GROUPS) for one in sums]
    assert len(set(groups)) == len(groups)
    assert summed([entry_of(one) for one in viewed(given)]) == sums
    assert [(one.stream, one.suspect) for one in map(entry_of, viewed(given))] == [
        (one.stream, one.suspect) for one in given
    ]
    assert all(len(part) <= 120 and "\0" not in part for group in groups for part in group)


@given(ENTRIES, st.integers(0, 12))
def test_sums_of_parts_are_the_sum(given: list[Entry], cut: int) -> None:
    whole: proof._Sums = {}
    parts: proof._Sums = {}
    proof._add(whole, summed(given))
    for part in (given[:cut], given[cut:]):
        proof._add(parts, summed(part))
    assert whole == parts
    assert all(len(figures) == len(SUMS) for figures in whole.values())


@given(ENTRIES)
def test_whoever_spends_spends_all_of_it(given: list[Entry]) -> None:
    found = {table.name: sums for table, _, sums in spent(sheet_of(given).sums)}
    truth = sum(one.cost for one in given if one.user_id)
    named = {name: cost for (name, *_), cost in found.get("users", {}).items()}
    assert sum(named.values()) == truth


def test_a_row_says_what_guardrails_did_and_no_more_than_there_is_room_for() -> None:
    runs = [
        {"guardrail_name": f"g{at}", "guardrail_status": "success", "guardrail_response": "x" * at} for at in (1, 9)
    ]
    one = Entry(request_id="r", call_id="r", started_at=1, ended_at=2, guardrails=msgspec.json.encode(runs))
    kept = entry_of(*viewed([one])).guardrails
    assert msgspec.json.decode(kept) == runs
    runs[1]["guardrail_response"] = "x" * LONGEST_RUNS
    kept = entry_of(*viewed([msgspec.structs.replace(one, guardrails=msgspec.json.encode(runs))])).guardrails
    assert msgspec.json.decode(kept) == [{"guardrail_name": f"g{at}", "guardrail_status": "success"} for at in (1, 9)]
    assert viewed([msgspec.structs.replace(one, guardrails=b"")])[0]["guardrails"] is None
