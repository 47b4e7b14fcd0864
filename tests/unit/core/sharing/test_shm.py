"""Counters are exact over processes, whoever makes them and whoever dies."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.synchronize import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.sharing.shm import Histogram, SharedCounters

DROPPED = "tianji_metrics_dropped_updates_total"


def in_children(count: int, work: Callable[[int], None]) -> None:
    """Run work(0) ... work(count - 1) in processes that start together, and wait for them."""
    context = multiprocessing.get_context("fork")
    start = context.Barrier(count)

    def run(start: Barrier, number: int) -> None:
        start.wait()
        work(number)

    children = [context.Process(target=run, args=(start, number)) for number in range(count)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * count


def test_sums_are_exact_over_processes() -> None:
    counters = SharedCounters()
    early = counters.slot("early")

    def work(number: int) -> None:
        late, high = counters.slot("late"), counters.slot("high")
        for i in range(5000):
            counters.add(early, 1)
            counters.add(late, number)
            counters.maximum(high, number * 5000 + i)

    in_children(4, work)
    assert counters.value(early) == 20_000
    assert counters.value(counters.slot("late")) == 5000 * (0 + 1 + 2 + 3)
    assert counters.value(counters.slot("high")) == 3 * 5000 + 4999


def test_one_name_made_by_many_at_once_is_one_series() -> None:
    counters = SharedCounters(4096)
    names = [f'requests_total{{model="m{i}"}}' for i in range(400)]

    def work(number: int) -> None:
        for name in names if number % 2 else names[::-1]:
            counters.add(counters.slot(name), 1)

    in_children(4, work)
    items = counters.items()
    assert len(items) == len(dict(items))
    assert dict(items) == {DROPPED: 0, **dict.fromkeys(names, 4)}


def test_a_child_that_is_killed_stops_nobody() -> None:
    counters = SharedCounters()
    context = multiprocessing.get_context("fork")
    busy = context.Event()

    def work() -> None:
        number = 0
        while True:
            counters.add(counters.slot(f"series{number % 1000}"), 1)
            number += 1
            if number == 500:
                busy.set()

    child = context.Process(target=work)
    child.start()
    try:
        assert busy.wait(60)
    finally:
        child.kill()
        child.join()
    before = dict(counters.items())
    for i in range(1000):
        counters.add(counters.slot(f"series{i}"), 1)
    after = dict(counters.items())
    assert all(after[f"series{i}"] == before.get(f"series{i}", 0) + 1 for i in range(1000))
    assert before["series0"] >= 1


def test_a_series_beyond_the_capacity_is_counted_as_dropped() -> None:
    counters = SharedCounters(4)
    assert [counters.slot(name) for name in "abcde"] == [1, 2, 3, 0, 0]
    for slot in range(4):
        counters.add(slot, 10)
    counters.set(0, 99)
    counters.maximum(0, 99)
    assert counters.items() == [(DROPPED, 3), ("a", 10), ("b", 10), ("c", 10)]
    assert [counters.slot(name) for name in "cba"] == [3, 2, 1]


def test_dropped_names_leave_room_for_nothing_but_take_none() -> None:
    counters = SharedCounters(20)
    for i in range(10):
        counters.slot(f"s{i}")
    for i in range(1000):
        Histogram(counters, f"h{i}", "", tuple(range(1, 20))).observe(1)
    assert counters.value(0) == 1000
    assert [counters.slot(f"t{i}") for i in range(10)] == [*range(11, 20), 0]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["add", "set", "maximum"]), st.integers(-9, 99))))
def test_it_counts_as_a_dictionary_does(steps: list[tuple[str, str, int]]) -> None:
    counters, model = SharedCounters(8), dict[str, int]()
    for name, verb, n in steps:
        slot, now = counters.slot(name), model.get(name, 0)
        if verb == "add":
            counters.add(slot, n)
            model[name] = now + n
        elif verb == "set":
            counters.set(slot, n)
            model[name] = n
        else:
            counters.maximum(slot, n)
            model[name] = max(now, n)
        assert counters.value(slot) == model[name]
    assert counters.items() == [(DROPPED, 0), *model.items()]


def test_names_are_utf_8_up_to_the_width_of_a_cell() -> None:
    counters = SharedCounters()
    longest = "天" * 74 + "ab"
    counters.add(counters.slot(longest), 2**62)
    assert counters.items()[1] == (longest, 2**62)
    for bad in ("", longest + "c"):
        with pytest.raises(ValueError, match="1 to 224 bytes"):
            counters.slot(bad)


def test_arguments_are_checked() -> None:
    counters = SharedCounters(16)
    for slot in (-1, 16, 2**31 - 1):
        for act in (counters.add, counters.set, counters.maximum):
            with pytest.raises(IndexError):
                act(slot, 1)
        with pytest.raises(IndexError):
            counters.value(slot)
    for capacity in (0, 1, -5, 2**25):
        with pytest.raises(ValueError, match="capacity"):
            SharedCounters(capacity)
    with pytest.raises(TypeError):
        counters.slot(None)  # type: ignore[arg-type]
    for bounds in ((), (1.0, 1.0), (2.0, 1.0), (float("inf"),), (float("nan"),), tuple(range(33))):
        with pytest.raises(ValueError, match="bounds"):
            Histogram(counters, "h", "", bounds)


def test_a_histogram_reads_as_prometheus_wants_it() -> None:
    counters = SharedCounters()
    histogram = Histogram(counters, "took_seconds", 'model="m"', (0.005, 0.1, 1))
    for seconds in (0.0, 0.005, 0.0051, 0.5, 1.0, 7.25, -1.0, float("nan")):
        histogram.observe(seconds)
    assert counters.items()[1:] == [
        ('took_seconds_bucket{model="m",le="0.005"}', 4),
        ('took_seconds_bucket{model="m",le="0.1"}', 5),
        ('took_seconds_bucket{model="m",le="1.0"}', 7),
        ('took_seconds_bucket{model="m",le="+Inf"}', 8),
        ('took_seconds_count{model="m"}', 8),
        ('took_seconds_sum{model="m"}', 8_760_100),
    ]
    assert [counters.value(slot) for slot in range(1, 7)] == [4, 5, 7, 8, 8, 8_760_100]
    assert histogram.bounds == (0.005, 0.1, 1.0)


def test_an_endless_duration_does_not_break_the_sum() -> None:
    counters = SharedCounters()
    histogram = Histogram(counters, "h", "", (1.0,))
    histogram.observe(float("inf"))
    assert dict(counters.items())["h_sum"] == 10**15
    assert dict(counters.items())['h_bucket{le="+Inf"}'] == 1


def test_histograms_are_shared_by_name_and_bounds() -> None:
    counters = SharedCounters()

    def work(number: int) -> None:
        histogram = Histogram(counters, "h", "", (0.5, 1.5))
        for _ in range(1000):
            histogram.observe(number)

    in_children(3, work)
    shown = dict(counters.items())
    assert shown == {
        DROPPED: 0,
        'h_bucket{le="0.5"}': 1000,
        'h_bucket{le="1.5"}': 2000,
        'h_bucket{le="+Inf"}': 3000,
        "h_count": 3000,
        "h_sum": 3000 * 10**6,
    }
