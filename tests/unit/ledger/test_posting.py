"""What is posted counts once, and what it has in common is kept once."""

from tests.unit.ledger.conftest import entry, rows

from tianji.ledger import posting
from tianji.ledger.rows import sheet_of
from tianji.storage.engine import Database
from tianji.storage.tables import DAILY, LEDGER, LEDGER_ACCOUNTS


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
