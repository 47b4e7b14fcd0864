"""Figures in US dollars as whole atto-dollars (10^-18), without a binary float in between."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final

ATTO: Final = 10**18  # of them are a dollar
DEAREST: Final = 18  # dollars for one unit; no model is near it, so more than that is a price of a million tokens


def atto(value: object, units: int = 1) -> int:
    """Return a price in dollars for `units` of something as atto-dollars for one, rounded to the nearest, halves up.

    A float counts as the shortest decimal that stands for it, which is what was written where that had up to 15
    digits. Raises ValueError for what is no price.
    """
    figure = decimal(value)
    if figure < 0:
        raise ValueError(f"a price must not be negative: {value}")
    if figure / units > DEAREST:
        raise ValueError(f"{value} dollars for one unit is too much: write the price of one token, not of a million")
    return int((figure * ATTO / units).to_integral_value(ROUND_HALF_UP))


def decimal(value: object) -> Decimal:
    """Return a number, or text that holds one, as the decimal that was written. Raises ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError(f"expected a number of dollars, not {type(value).__name__}")
    try:
        figure = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError(f"expected a number of dollars, not {value!r}") from None
    if not figure.is_finite() or figure.adjusted() > 30:
        raise ValueError(f"expected a number of dollars, not {value}")
    return figure


def mapping(value: object) -> Mapping[str, object]:
    """Return a mapping as it is, and an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}
