"""Requests that an edge has answered with an error itself: nobody was let in, no such route, too large.

No ledger has them and no destination hears of them, since anybody may send them; so they are counted.
"""

from typing import Final

from tianji._core.routing.stats import escape_label
from tianji._core.sharing.shm import SharedCounters
from tianji.errors import TianjiError

REFUSED: Final = "tianji_refused_requests_total"


class Refusals:
    """Counts them by status and type of error, over all workers."""

    def __init__(self, counters: SharedCounters) -> None:
        self._counters = counters
        self._slots: dict[tuple[int, str], int] = {}

    def __call__(self, status: int, error: Exception) -> None:
        """Count one."""
        said = status, error.type if isinstance(error, TianjiError) else TianjiError.type
        slot = self._slots.get(said)
        if slot is None:
            labels = f'status="{status}",error_type="{escape_label(said[1])}"'
            slot = self._slots[said] = self._counters.slot(f"{REFUSED}{{{labels}}}")
        self._counters.add(slot, 1)
