"""Responses that come while a transaction is under way are stored by the next one, and nobody waits for ever."""

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from tianji.auth.identity import MASTER
from tianji.endpoints import keeping
from tianji.endpoints.keeping import AT_ONCE, Arrival, Keeping
from tianji.errors import StoreUnavailable


class Table:
    """Takes responses when it is let, all of a transaction or none."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.transactions: list[list[str]] = []
        self.fault: BaseException | None = None

    async def keep_all(self, _database: object, rows: list[Any]) -> set[str]:
        await self.gate.wait()
        self.transactions.append([row.id for row in rows])
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        return {row.id for row in rows}


class World:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.table = Table()
        monkeypatch.setattr(keeping, "table", lambda: self.table)
        self.tasks: list[asyncio.Task[None]] = []
        self.done: list[str] = []
        self.keeping = Keeping(self, self.begin)  # type: ignore[arg-type]

    async def open(self) -> "World":
        return self

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    def add(self, name: str) -> None:
        self.keeping.add(Arrival(SimpleNamespace(id=name), MASTER, lambda: self.done.append(name)))

    async def turn(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


async def test_what_comes_meanwhile_goes_into_one_transaction(world: World) -> None:
    world.add("first")
    await world.turn()
    names = [f"n{number}" for number in range(AT_ONCE + 1)]
    for name in names:
        world.add(name)
    assert not world.done
    world.table.gate.set()
    await asyncio.gather(*world.tasks)
    assert world.table.transactions == [["first"], names[:AT_ONCE], names[AT_ONCE:]]
    assert world.done == ["first", *names]
    assert len(world.tasks) == 1
    world.add("later")
    await asyncio.gather(*world.tasks)
    assert world.done[-1] == "later"


async def test_a_database_that_is_away_keeps_nobody(world: World) -> None:
    world.table.fault = StoreUnavailable("away")
    world.table.gate.set()
    world.add("lost")
    world.add("kept")
    await asyncio.gather(*world.tasks)
    assert world.done == ["lost", "kept"]


async def test_what_is_stopped_keeps_nobody(world: World) -> None:
    world.add("under way")
    await world.turn()
    world.add("waiting")
    world.tasks[0].cancel()
    await asyncio.gather(*world.tasks, return_exceptions=True)
    assert world.done == ["under way", "waiting"]
    world.table.gate.set()
    world.add("again")
    await asyncio.gather(*world.tasks, return_exceptions=True)
    assert world.done[-1] == "again"


async def test_a_fault_of_one_transaction_keeps_nobody(world: World) -> None:
    world.table.fault = RuntimeError("a defect")
    world.table.gate.set()
    world.add("one")
    [failed] = await asyncio.gather(*world.tasks, return_exceptions=True)
    assert isinstance(failed, RuntimeError)
    assert world.done == ["one"]
