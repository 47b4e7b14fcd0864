"""Limits hold over processes, and a killed worker's slots come back."""

import multiprocessing
import os
from collections.abc import Callable

import pytest

from tianji._core.candidate import Candidate
from tianji._core.dice import Dice
from tianji._core.health import HealthTable
from tianji._core.needs import Needs
from tianji._core.selection import Selection
from tianji._core.shm import SharedCounters

FORK = multiprocessing.get_context("fork")
NOW = 1000.0


def together(count: int, work: Callable[[int], None]) -> None:
    """Run work(0) ... work(count - 1) in processes that start together, and wait for them."""
    start = FORK.Barrier(count)

    def run(number: int) -> None:
        start.wait()
        work(number)

    children = [FORK.Process(target=run, args=(number,)) for number in range(count)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * count


def select(table: HealthTable, seed: int, **limits: int) -> Selection:
    made = [Candidate(table.health(name), **limits) for name in ("a", "b")]
    return Selection("shuffle", Dice(seed), made)


def test_slots_at_a_time_are_never_more_than_the_limit() -> None:
    table, counters = HealthTable(), SharedCounters(64)
    own = [counters.slot(f"under way {i}") for i in range(2)]  # counted apart from what is tested
    high = [counters.slot(f"high {i}") for i in range(2)]

    def work(number: int) -> None:
        selection = select(table, number + 1, parallel=3)
        held: list[tuple[Needs, int]] = []
        for step in range(4000):
            needs = Needs()
            position = selection.choose(needs, NOW)
            if position >= 0:
                counters.add(own[position], 1)
                counters.maximum(high[position], counters.value(own[position]))
                held.append((needs, position))
            if held and (position < 0 or step % 3 == 0):
                needs, position = held.pop(0)
                counters.add(own[position], -1)
                needs.release(NOW)
        for _, position in held:
            counters.add(own[position], -1)

    together(4, work)
    assert [counters.value(slot) for slot in high] == [3, 3]
    assert [counters.value(slot) for slot in own] == [0, 0]
    assert select(table, 1).in_flight == 0


@pytest.mark.parametrize(("limits", "tokens", "served"), [({"requests": 500}, 0, 1000), ({"tokens": 7000}, 10, 1400)])
def test_a_minute_takes_exactly_its_limit(limits: dict[str, int], tokens: int, served: int) -> None:
    table, counters = HealthTable(), SharedCounters(64)
    sum_of_all = counters.slot("served")

    def work(number: int) -> None:
        selection = select(table, number + 1, **limits)
        for _ in range(1000):
            needs = Needs(tokens=tokens)
            if selection.choose(needs, NOW) >= 0:
                counters.add(sum_of_all, 1)
                needs.succeeded(NOW, tokens=tokens)

    together(4, work)
    assert counters.value(sum_of_all) == served


def test_a_killed_worker_keeps_no_slot() -> None:
    table = HealthTable()
    ready = FORK.Event()
    own = select(table, 1)
    mine = Needs()
    own.choose(mine, NOW)

    def work() -> None:
        selection = select(table, 2)
        held = [Needs() for _ in range(7)]
        for needs in held:
            selection.choose(needs, NOW)
        ready.set()
        FORK.Event().wait()

    child = FORK.Process(target=work)
    child.start()
    try:
        assert ready.wait(60)
        assert own.in_flight == 8
        assert table.sweep() == 0, "it lives"
    finally:
        child.kill()
        child.join()
    assert own.in_flight == 8
    assert table.sweep() == 7
    assert own.in_flight == 1
    assert table.sweep() == 0
    mine.release(NOW)
    assert own.in_flight == 0


def test_a_new_worker_sweeps_before_it_sits_down() -> None:
    table = HealthTable()
    own = select(table, 1)

    def leave_behind() -> None:
        needs = Needs()
        select(table, 2).choose(needs, NOW)
        os._exit(0)

    together(1, lambda _: leave_behind())
    assert own.in_flight == 1
    together(1, lambda _: table.health("a") and None)
    assert own.in_flight == 0
