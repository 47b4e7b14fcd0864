"""Limits hold over processes, and a killed worker's slots come back."""

import os

import pytest
from tests.unit.core.processes import FORK, together

from tianji._core.routing.candidate import Candidate
from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji._core.routing.needs import Needs
from tianji._core.routing.selection import Selection
from tianji._core.sharing.shm import SharedCounters

NOW = 1000.0


def select(table: HealthTable, seed: int, **limits: int) -> Selection:
    made = [Candidate(table.health(name), **limits) for name in ("a", "b")]
    return Selection("shuffle", Dice(seed), made)


def crowded(table: HealthTable, *names: str, **limits: int) -> list[Selection]:
    """One deployment that may serve before thousands that may not: each look at it is old when it is grasped."""
    others = [Candidate(table.health(f"other {i}"), lacks=1) for i in range(3000)]
    return [Selection("shuffle", Dice(1), [Candidate(table.health(name), **limits), *others]) for name in names]


def test_slots_at_a_time_are_never_more_than_the_limit() -> None:
    table, counters = HealthTable(), SharedCounters(64)
    own, high = counters.slot("under way"), counters.slot("most")  # counted apart from what is tested

    def work(_: int) -> None:
        (selection,) = crowded(table, "a", parallel=3)
        held: list[Needs] = []
        for step in range(1500):
            needs = Needs(bits=1)
            if selection.choose(needs, NOW) == 0:
                counters.add(own, 1)
                counters.maximum(high, counters.value(own))
                held.append(needs)
            if held and step % 2:
                counters.add(own, -1)
                held.pop(0).release(NOW)
        counters.add(own, -len(held))

    together(4, work)
    assert (counters.value(high), counters.value(own), table.health("a").in_flight) == (3, 0, 0)


@pytest.mark.parametrize(("limits", "tokens"), [({"requests": 10}, 7), ({"tokens": 100}, 10)])
def test_a_minute_takes_exactly_its_limit(limits: dict[str, int], tokens: int) -> None:
    table, counters = HealthTable(), SharedCounters(64)
    sum_of_all = counters.slot("served")
    names = [f"a{i}" for i in range(40)]

    def work(_: int) -> None:
        for selection in crowded(table, *names, **limits):
            for _ in range(8):
                needs = Needs(bits=1, tokens=tokens)
                if selection.choose(needs, NOW) == 0:
                    counters.add(sum_of_all, 1)
                    needs.succeeded(NOW, tokens=tokens)

    together(4, work)
    assert counters.value(sum_of_all) == 10 * len(names)
    for name in names:
        assert table.health(name).usage(NOW) == (10, 10 * tokens), "what was refused is taken back"
        assert table.health(name).in_flight == 0


@pytest.mark.parametrize("limits", [{"parallel": 1}, {}], ids=["one at a time", "all at once"])
def test_no_count_is_lost_and_no_limit_passed_in_the_thick_of_it(limits: dict[str, int]) -> None:
    """Long enough that processes overlap on a busy machine, and with nothing in between."""
    table, counters = HealthTable(), SharedCounters(64)
    high, taken = counters.slot("most"), counters.slot("taken")

    def work(_: int) -> None:
        selection, needs = select(table, 1, **limits), Needs(tokens=3)
        health, count = selection.healths[0], 0
        for _ in range(1_000_000):
            if selection.take(needs, 0, NOW) == "kept":
                count += 1
                counters.maximum(high, health.in_flight)
                needs.succeeded(NOW, tokens=3)
        counters.add(taken, count)

    together(3, work)
    assert counters.value(high) <= limits.get("parallel", 3)
    count = counters.value(taken)
    assert table.health("a").usage(NOW) == (count, 3 * count)
    assert table.health("a").in_flight == 0


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
