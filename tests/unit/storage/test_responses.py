"""Stored responses, on both engines."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tianji.storage.engine import Database
from tianji.storage.location import Location
from tianji.storage.responses import Kept, conversation, end, find, forget, forget_older, keep, keep_all, still_wanted

INPUT = r'[{"role":"user","content":"\u0000 NAME"}]'
RESPONSE = '{"id":"NAME","output":[{"type":"message"}]}'
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def database(migrated: Location) -> AsyncIterator[Database]:
    made = Database(migrated)
    yield made
    await made.close()


def kept(name: str, previous: str | None = None, *, age: int = 0, key: str = "k") -> Kept:
    return Kept(
        id=name,
        created_at=NOW - timedelta(days=age),
        key=key,
        user_id=None,
        team_id="t",
        previous_id=previous,
        input=INPUT.replace("NAME", name),
        response=RESPONSE.replace("NAME", name),
    )


async def test_what_is_kept_is_found_and_forgotten(database: Database) -> None:
    one = kept("a")
    await keep(database, one)
    assert await find(database, "a") == one
    assert one.items() == [{"role": "user", "content": "\0 a"}, {"type": "message"}]
    await forget(database, "a")
    assert await find(database, "a") is None


async def test_of_two_with_one_id_the_first_stays(database: Database) -> None:
    await keep(database, kept("a", key="first"))
    await keep(database, kept("a", key="second"))
    found = await find(database, "a")
    assert found is not None
    assert found.key == "first"


async def test_many_are_kept_at_once(database: Database) -> None:
    await keep(database, kept("b", key="first"))
    rows = [kept("a"), kept("b", key="second"), kept("c"), kept("c", key="third")]
    assert await keep_all(database, rows) == {"a", "c"}
    assert [one.key for name in "abc" if (one := await find(database, name)) is not None] == ["k", "first", "k"]


async def test_one_that_cannot_be_kept_keeps_no_other_from_it(database: Database) -> None:
    wrong = msgspec.structs.replace(kept("wrong"), created_at=None)  # a column that has to be there
    assert await keep_all(database, [kept("a"), wrong, kept("b")]) == {"a", "b"}
    assert await find(database, "wrong") is None
    assert await find(database, "b") == kept("b")


async def test_a_conversation_is_found_by_its_end(database: Database) -> None:
    for name, previous in (("a", None), ("b", "a"), ("other", "a"), ("c", "b")):
        await keep(database, kept(name, previous))
    assert [one.id for one in await conversation(database, "c")] == ["a", "b", "c"]
    assert [one.id for one in await conversation(database, "other")] == ["a", "other"]
    assert await conversation(database, "nobody") == []
    await forget(database, "a")
    assert [one.id for one in await conversation(database, "c")] == ["b", "c"]


async def test_a_circle_ends(database: Database) -> None:
    await keep(database, kept("a", "b"))
    await keep(database, kept("b", "a"))
    assert {one.id for one in await conversation(database, "a")} == {"a", "b"}


async def test_what_is_old_goes(database: Database) -> None:
    await keep(database, kept("old", age=31))
    await keep(database, kept("new", age=29))
    assert await forget_older(database, NOW - timedelta(days=30)) == 1
    assert await find(database, "old") is None
    assert await find(database, "new") is not None


async def test_what_ended_has_ended(database: Database) -> None:
    for name in ("a", "b"):
        await keep(database, msgspec.structs.replace(kept(name), running=True, seen_at=NOW))
    await keep(database, kept("c"))
    later = NOW + timedelta(seconds=2)
    assert await still_wanted(database, ["a", "b", "c", "d"], later) == {"a", "b"}
    assert await end(database, "a", "first")
    assert not await end(database, "a", "second")
    assert not await end(database, "c", "second")
    found = await find(database, "a")
    assert found is not None
    assert (found.running, found.seen_at, found.response) == (False, later, "first")
    assert await still_wanted(database, ["a", "b"], later) == {"b"}
