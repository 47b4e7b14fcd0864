"""Whether destinations move the latency of requests is said only where the figures suffice for it."""

import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from bench.macro.stats import percentile
from bench.told import BOUND, TOLD, report
from bench.turns import MEANS, USUAL, WHOLE, Gateway, Pass, Turn, binned, moved, read, together, written
from hypothesis import given
from hypothesis import strategies as st

PASSES = 20
REQUESTS = 300


def turn(dice: random.Random, middle: float, *, noise: float = 0.0) -> Turn:
    """Return a turn of requests that take so many microseconds in the middle, in a mood that is the turn's own."""
    mood = dice.lognormvariate(0, noise)
    times = (middle * mood * dice.lognormvariate(0, 0.05) * 1e3 for _ in range(REQUESTS))
    return alike(map(int, times), middle)


def alike(nanoseconds: Iterable[int], mean: float = 0.0) -> Turn:
    """Return a turn in which requests are away for these times, and ten times as long with what the client was late."""
    away = list(nanoseconds)
    return Turn(binned(away), binned(10 * each for each in away), dict.fromkeys(MEANS, mean))


@pytest.mark.parametrize(
    ("more", "noise", "wanted"), [(0.0, 0.01, True), (0.3, 0.05, False), (0.0, 0.8, None), (0.05, 0.1, None)]
)
def test_what_the_figures_suffice_for_is_said(more: float, noise: float, wanted: bool | None) -> None:
    dice = random.Random(1)
    one = Gateway([turn(dice, 100 * (1 + more), noise=noise) for _ in range(PASSES)])
    other = Gateway([turn(dice, 100, noise=noise) for _ in range(PASSES)])
    found = moved(one, other, "p99", PASSES)
    assert found.low <= found.by <= found.high
    assert found.within(BOUND) is wanted


@given(st.lists(st.lists(st.integers(1000, 10**9), min_size=1, max_size=30), min_size=1, max_size=5), st.data())
def test_a_percentile_is_that_of_all_requests_of_the_drawn_turns(turns: list[list[int]], data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(turns), max_size=len(turns)).filter(any))
    one = Gateway([alike(times) for times in turns])
    together = sorted(time for times, weight in zip(turns, weights, strict=True) for time in times * weight)
    for name, whole, share in zip(("p50", "p99"), WHOLE, (0.5, 0.99), strict=True):
        assert one.figure(name, weights) == pytest.approx(percentile(together, share) / 1e3, rel=0.011)
        assert one.figure(whole, weights) == pytest.approx(percentile(together, share) / 1e2, rel=0.011)


def test_a_mean_is_of_the_drawn_turns() -> None:
    one = Gateway([alike([1000], mean) for mean in (10.0, 20.0)])
    assert one.figure("worker", [1, 1]) == 15
    assert one.figure("worker", [0, 3]) == 20


def test_a_usual_p99_is_the_geometric_mean_of_the_drawn_turns() -> None:
    one = Gateway([alike([time] * 9) for time in (10_000, 1_000_000)])
    assert one.figure(USUAL, [1, 1]) == pytest.approx(100, rel=0.011)
    assert one.figure(USUAL, [3, 0]) == pytest.approx(10, rel=0.011)


def test_passes_come_back_out_of_their_file(tmp_path: Path) -> None:
    dice = random.Random(2)
    passes: list[Pass] = [{title: turn(dice, 100) for title in TOLD} for _ in range(3)]
    written(passes, tmp_path / "passes")
    assert read(tmp_path / "passes") == passes


def test_each_comparison_is_told_with_its_verdict() -> None:
    dice = random.Random(3)
    more = dict(zip(TOLD, (1.0, 1.0, 1.01, 1.5), strict=True))
    passes = [{title: turn(dice, 100 * more[title]) for title in TOLD} for _ in range(PASSES)]
    lines: list[str] = []
    assert report(passes, lines.append) == [True, True, False]
    verdicts = [line.rpartition(": ")[2] for line in lines if ", p99: " in line]
    assert verdicts == ["within 5%", "within 5%", "beyond 5%"]
    assert f"{PASSES} passes" in "\n".join(lines)


def test_who_tells_stands_against_both_that_tell_nobody() -> None:
    """The slowest of both together are those of the one that is slower by half."""
    dice = random.Random(4)
    more = dict(zip(TOLD, (1.0, 1.5, 1.0, 1.5), strict=True))
    passes = [{title: turn(dice, 100 * more[title]) for title in TOLD} for _ in range(PASSES)]
    lines: list[str] = []
    assert report(passes, lines.append)[:2] == [False, True]
    by = {
        line.partition(":")[0]: float(line.partition(": ")[2].partition("%")[0]) for line in lines if ", p99: " in line
    }
    assert [*by.values()] == pytest.approx([50, -33, 0], abs=6)


def test_two_turns_are_one_of_all_their_requests() -> None:
    both = together(alike([1000, 2000], 10.0), alike([1000] * 3, 20.0))
    assert sorted(both.away.values()) == sorted(both.whole.values()) == [1, 4]
    assert set(both.means.values()) == {15.0}
