"""What others spent: whoever writes spend into the database tells it to the limits of this machine."""

import time
from collections.abc import Callable

from tianji._core.limits.limiter import Limit, LimitTable
from tianji.limiting.rows import Kind, row_name

Learn = Callable[[Kind, str, int, float | None], None]
"""Takes a kind, an id, what the database says was spent, and the end of the period it was spent in, since 1970."""


def learner(table: LimitTable, monotonic: Callable[[], float] = time.monotonic) -> Learn:
    """Return what lets the budgets of `table` know. What is not counted there stays so."""

    def learn(kind: Kind, id: str, spent: int, period_end: float | None) -> None:  # noqa: A002 - as everywhere
        Limit(table, row_name(kind, id), budget=0).learn(spent, period_end, monotonic())

    return learn
