"""Whether destinations move the latency of requests is said only where the figures suffice for it."""

import random

import pytest
from bench.macro.stats import median_interval
from bench.told import FIGURES, TOLD, Seen, compared, kept, report
from hypothesis import given
from hypothesis import strategies as st

PASSES = 60


def passes(dice: random.Random, more: float, noise: float) -> tuple[list[float], list[float]]:
    """Return p99s of two gateways, of which the first takes so much more, on a machine whose mood changes."""
    mood = [dice.uniform(500, 3000) for _ in range(PASSES)]
    return (
        [base * (1 + more) * dice.lognormvariate(0, noise) for base in mood],
        [base * dice.lognormvariate(0, noise) for base in mood],
    )


@pytest.mark.parametrize(
    ("more", "noise", "wanted"),
    [(0.0, 0.05, True), (0.02, 0.03, True), (0.2, 0.05, False), (0.0, 0.8, None), (0.05, 0.1, None)],
)
def test_what_the_figures_suffice_for_is_said(more: float, noise: float, wanted: bool | None) -> None:
    middle, low, high = compared(*passes(random.Random(1), more, noise))
    assert low <= middle <= high
    assert kept(low, high) is wanted


def test_the_interval_holds_the_median_about_as_often_as_it_says() -> None:
    dice = random.Random(2)
    held = 0
    for _ in range(60):
        low, high = median_interval([dice.gauss(1, 0.2) for _ in range(30)])
        held += low <= 1 <= high
    assert held >= 50


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=20))
def test_an_interval_is_of_the_values_and_the_same_again(values: list[float]) -> None:
    low, high = median_interval(values)
    assert min(values) <= low <= high <= max(values)
    assert median_interval(values) == (low, high)


def test_of_nothing_there_is_no_interval() -> None:
    with pytest.raises(ValueError, match="no values"):
        median_interval([])


def test_each_comparison_is_told_with_its_verdict() -> None:
    dice = random.Random(3)
    seen: dict[str, Seen] = {title: {name: passes(dice, 0, 0.01)[0] for name in FIGURES} for title in TOLD}
    base = seen["nobody"]["p99"]
    for title, more in (("one that is well", 1.01), ("one that fails", 1.5), ("one that hangs", 1.02)):
        seen[title]["p99"] = [value * more for value in base]
    lines: list[str] = []
    assert report(seen, lines.append) == [True, False, True]
    assert [line.rpartition(": ")[2] for line in lines if " p99: " in line] == ["within 5%", "beyond 5%", "within 5%"]
    assert sum(" against nobody, " in line for line in lines) == 3 * len(FIGURES)
