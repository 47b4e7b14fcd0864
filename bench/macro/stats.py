"""Numbers out of numbers."""

import random
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final

DRAWS: Final = 4000
SURE: Final = 0.95


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the sorted values that a `share` (0 to 1) of them does not exceed. Raises ValueError if none."""
    if not ordered:
        raise ValueError("no values")
    return ordered[max(0, -(-int(share * 1_000_000) * len(ordered) // 1_000_000) - 1)]


def spread(values: Sequence[float]) -> float:
    """How far rounds lie apart, as a share of their median."""
    middle = median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def middle(values: Iterable[float | None]) -> float | None:
    """The median of the values that are there."""
    there = [value for value in values if value is not None]
    return median(there) if there else None


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Where the median of what these were drawn from lies, with a probability of 95 %: by drawing from them again.

    The same values have the same interval. Raises ValueError for none.
    """
    if not values:
        raise ValueError("no values")
    dice = random.Random(0)
    medians = sorted(median(dice.choices(values, k=len(values))) for _ in range(DRAWS))
    return percentile(medians, (1 - SURE) / 2), percentile(medians, (1 + SURE) / 2)
