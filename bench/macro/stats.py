"""Numbers out of numbers."""

from collections.abc import Iterable, Sequence
from statistics import median


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
