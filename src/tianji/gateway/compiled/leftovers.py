"""What a configuration leaves behind when another one takes its place: circles, which only the collector frees.

A request leaves none, so the collector rarely has reason to run; without this a gateway whose models change every
minute would keep the configurations of days.
"""

import asyncio
import gc
from collections.abc import Callable
from typing import Final

WAIT: Final = 5.0  # seconds in which requests of the old configuration may end, and further changes may come


class Leftovers:
    """Frees them once in a while; `collect` stops the loop for some milliseconds."""

    def __init__(self, collect: Callable[[], object] = gc.collect) -> None:
        self._collect = collect
        self._timer: asyncio.TimerHandle | None = None

    def add(self) -> None:
        """Note that there are some. Call it on the loop."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WAIT, self._free)

    def close(self) -> None:
        """Leave what there is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _free(self) -> None:
        self._timer = None
        self._collect()
