"""Limits that count for a day, or until something is over."""

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

KEPT: Final = timedelta(days=8)  # nothing counts longer: a batch that nobody heard of for so long is over


class Allowance(Struct, frozen=True):
    """A limit. `holder`: whose, and which one; `window`: for how long what was taken counts.

    while_in_use: it counts only until it is said to be used no more
    """

    holder: str
    limit: int
    window: timedelta
    while_in_use: bool = False


class Lack(Struct, frozen=True):
    """An allowance that is too small: what is left of it, and since when the oldest of what was taken counts."""

    allowance: Allowance
    left: int
    oldest: datetime | None
