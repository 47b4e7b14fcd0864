"""Amounts of money: integers of a billionth US dollar inside, dollars as floats where programs ask for them."""

import math
from typing import Final

NANOS: Final = 1_000_000_000
MAXIMUM: Final = 9_000_000_000.0  # dollars; what fits into 63 bits


def to_nanos(dollars: float) -> int:
    """Round to the nearest billionth. Raises ValueError for what is no amount: negative, not finite, or too large."""
    if not math.isfinite(dollars) or dollars < 0 or dollars > MAXIMUM:
        raise ValueError(f"an amount is a number of US dollars from 0 to {MAXIMUM:.0f}")
    return round(dollars * NANOS)


def to_dollars(nanos: int) -> float:
    """Return the dollars that `nanos` are."""
    return nanos / NANOS
