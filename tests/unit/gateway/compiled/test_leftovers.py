"""Configurations that are in force no more leave no memory behind."""

import asyncio

import pytest

from tianji.gateway.compiled import leftovers
from tianji.gateway.compiled.leftovers import Leftovers


async def test_changes_that_follow_each_other_are_cleaned_up_after_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "WAIT", 0)
    done: list[None] = []
    left = Leftovers(lambda: done.append(None))
    left.add()
    left.add()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(done) == 1
    left.add()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(done) == 2


async def test_a_worker_that_leaves_cleans_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "WAIT", 0)
    done: list[None] = []
    left = Leftovers(lambda: done.append(None))
    left.add()
    left.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert done == []
