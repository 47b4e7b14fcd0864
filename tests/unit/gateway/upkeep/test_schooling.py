"""Lessons over restarts and machines, on both engines."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from tests.unit.storage.conftest import location

from tianji._core.edges.attempts import AttemptTable
from tianji._core.sharing.revision import Revisions
from tianji._core.sharing.shm import SharedCounters
from tianji.config.schema.auto_router import AdaptiveWeights
from tianji.gateway.upkeep.schooling import Schooling
from tianji.routing.auto.adaptive import AdaptiveRouter, Answered, Arm
from tianji.routing.auto.lessons import Lessons, Score
from tianji.storage.location import Location, parse
from tianji.storage.migration import migrate
from tianji.storage.store import Store

__all__ = ["location"]

GROUPS = ("a", "b")


class Machine:
    """A gateway with memory of its own."""

    def __init__(self, store: Store, groups: tuple[str, ...] = GROUPS) -> None:
        self.lessons = Lessons("auto", groups, SharedCounters())
        answered = Answered("auto", AttemptTable())
        router = AdaptiveRouter(
            [Arm(name) for name in groups], AdaptiveWeights(), "a", self.lessons, answered, Random(1)
        )
        self.schooling = Schooling([router], store)


@pytest.fixture
async def store(location: Location) -> AsyncIterator[Store]:
    await asyncio.to_thread(migrate, location)
    made = Store(location, Revisions())
    yield made
    await made.close()


async def test_machines_learn_from_each_other_and_nothing_counts_twice(store: Store) -> None:
    one, two = Machine(store), Machine(store)
    one.lessons.add("writing", "a", 2, 0)
    two.lessons.add("writing", "a", 1, 3)
    two.lessons.add("general", "b", 0, 1)
    for machine in (one, two, one, two, one):
        await machine.schooling.round()
    for machine in (one, two):
        assert machine.lessons.untold() == {}
        assert machine.lessons.seen("writing", "a") == Score(3, 3)
        assert machine.lessons.seen("general", "b") == Score(0, 1)
    one.lessons.add("writing", "a", 0, 1)
    assert (one.lessons.seen("writing", "a"), two.lessons.seen("writing", "a")) == (Score(3, 4), Score(3, 3))


async def test_a_restart_forgets_nothing_and_a_group_that_is_gone_is_kept(store: Store) -> None:
    before = Machine(store)
    before.lessons.add("writing", "a", 2, 0)
    before.lessons.add("writing", "b", 0, 5)
    await before.schooling.round()
    after = Machine(store, ("a",))
    assert after.lessons.seen("writing", "a") == Score()
    after.lessons.add("writing", "a", 1, 0)
    await after.schooling.round()
    assert after.lessons.seen("writing", "a") == Score(3, 0)
    again = Machine(store)
    await again.schooling.round()
    assert again.lessons.seen("writing", "b") == Score(0, 5)


async def test_no_database_is_made_to_ask_it(tmp_path: Path) -> None:
    store = Store(parse(f"sqlite:///{tmp_path}/none.db"), Revisions())
    machine = Machine(store)
    await machine.schooling.round()
    assert not (tmp_path / "none.db").exists()
    machine.lessons.add("writing", "a", 1, 0)
    await machine.schooling.round()
    assert (tmp_path / "none.db").exists()
    await store.close()
