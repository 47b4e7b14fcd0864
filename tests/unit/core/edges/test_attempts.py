"""Attempts are counted exactly, whoever makes them at the same time, and end by the clock."""

import os
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.edges.attempts import MOST, AttemptTable


@given(st.integers(1, 50), st.integers(1, 100), st.integers(1, 1000), st.integers(0, 10**6))
def test_so_many_may_be_made_and_then_nobody_for_a_while(most, window, rest, now):
    table = AttemptTable()

    def take(at):
        return table.take("ann", at, most=most, window=window, rest=rest)

    assert [take(now) for _ in range(most)] == [0] * most
    assert take(now) == rest
    assert take(now + rest - 1) == 1
    assert take(now + rest) == 0


def test_a_window_ends():
    table = AttemptTable()
    bounds = {"most": 2, "window": 60, "rest": 300}
    assert [table.take("ann", at, **bounds) for at in (0, 59.9, 60, 61, 62)] == [0, 0, 0, 0, 300]


def test_names_are_counted_apart_and_what_succeeded_is_taken_back():
    table = AttemptTable()
    bounds = {"most": 1, "window": 60, "rest": 300}
    assert table.take("ann", 5, **bounds) == 0
    assert table.take("bob", 5, **bounds) == 0
    table.give_back("ann")
    assert table.take("ann", 6, **bounds) == 0
    assert table.take("ann", 7, **bounds) == 300
    table.give_back("ann")  # there is nothing to take back of a rest
    assert table.take("ann", 8, **bounds) == 299


def test_many_names_fill_no_memory_and_the_oldest_give_way():
    table = AttemptTable()
    bounds = {"most": 1, "window": 10**6, "rest": 10**6}
    for number in range(100_000):
        assert table.take(f"name {number}", number, **bounds) == 0
    assert table.take("name 99999", 100_000, **bounds) > 0


@pytest.mark.parametrize("wrong", [{"most": 0}, {"most": MOST + 1}, {"window": 0}, {"rest": 0}, {"now": -1}])
def test_what_cannot_be_counted_is_refused(wrong):
    said = {"now": 1, "most": 1, "window": 1, "rest": 1, **wrong}
    with pytest.raises(ValueError, match="attempts"):
        AttemptTable().take("ann", said.pop("now"), **said)


def test_children_count_together():
    table = AttemptTable()
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            for _ in range(250):
                table.take("ann", 1, most=2000, window=60, rest=300)
            os.kill(os.getpid(), signal.SIGKILL)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    assert [table.take("ann", 1, most=1001, window=60, rest=300) for _ in range(2)] == [0, 300]


def test_a_name_may_be_stopped_at_once_and_asking_notes_nobody():
    table = AttemptTable()
    assert not table.stopped("ann", 5, rest=300)
    table.stop("ann", 5)
    assert table.stopped("ann", 304.9, rest=300)
    assert not table.stopped("ann", 305, rest=300)
    for number in range(100_000):
        assert not table.stopped(f"nobody {number}", 6, rest=300)
    assert table.stopped("ann", 6, rest=300), "whoever is only asked about takes no place"
    assert table.take("bob", 5, most=9, window=60, rest=300) == 0
    assert not table.stopped("bob", 6, rest=300)
