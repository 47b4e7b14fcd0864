"""What those are called whom events name by their ids."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.unit.ledger.conftest import entry

from tianji._core.sharing.revision import Revisions
from tianji.callbacks import people
from tianji.callbacks.event import NOBODY, Called
from tianji.callbacks.making import event_of
from tianji.callbacks.people import FRESH, People
from tianji.storage.location import parse
from tianji.storage.store import Store
from tianji.storage.tables import TEAMS, USERS

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TIMES = {"created_at": NOW, "updated_at": NOW}


class World:
    def __init__(self, folder: Path) -> None:
        self.now = 0.0
        self.store = Store(parse(f"sqlite:///{folder}/t.db"), Revisions())
        self.people = People(self.store, lambda: self.now)

    async def call(self, team: str) -> None:
        database = await self.store.open()
        async with database.writing() as connection:
            await connection.execute(sa.delete(TEAMS))
            await connection.execute(sa.insert(TEAMS).values(team_id="t", team_alias=team, **TIMES))
            await connection.execute(sa.delete(USERS))
            await connection.execute(sa.insert(USERS).values(user_id="u", user_email="u@example.com", **TIMES))

    async def met(self) -> Called:
        await self.people.meet([entry(1), entry(2, team_id=None, user_id=None, organization_id=None)])
        return self.people.called(entry(1))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await asyncio.to_thread(World, tmp_path)
    yield made
    await made.store.close()


async def test_an_event_says_what_those_are_called_whom_it_names(world: World) -> None:
    await world.call("first")
    called = await world.met()
    assert called == Called("first", None, "u@example.com")
    event = event_of(entry(1), called=called)
    assert event is not None
    names = [event.metadata[f"user_api_key_{name}"] for name in ("team_alias", "org_alias", "user_email")]
    assert names == ["first", None, "u@example.com"]
    assert world.people.called(entry(1, team_id=None, user_id=None, organization_id=None)) is NOBODY


async def test_a_new_name_is_heard_of_after_a_while_and_not_asked_for_before(world: World) -> None:
    await world.call("first")
    await world.met()
    await world.call("second")
    world.now = FRESH
    assert (await world.met()).team == "first"
    world.now = FRESH + 1
    assert (await world.met()).team == "second"


async def test_nobody_waits_for_a_database_that_is_away(world: World, tmp_path: Path) -> None:
    await world.store.close()
    away = People(Store(parse("postgresql://127.0.0.1:1/none"), Revisions()), lambda: world.now)
    await away.meet([entry(1)])
    assert away.called(entry(1)) == Called()
    await away._store.close()


async def test_so_many_are_remembered_and_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "MOST", 4)
    await world.call("first")
    await world.met()
    await world.people.meet([entry(1, team_id="other", user_id="other")])
    assert len(world.people._names) == 2
    for number in range(9):
        world.people.called(entry(1, team_id=str(number)))
    assert len(world.people._called) <= people.MOST
