"""What a worker looks after now and then, beside its requests and a little at a time, so that none waits for it."""

import asyncio
import time
from collections.abc import Callable
from itertools import cycle
from typing import Final

from tianji.gateway.compiled.shared import Shared

ROUND: Final = 1.0  # seconds until everything was looked after
PARTS: Final = 8  # of the table of limits: thousands of rows that nobody has touched lately take milliseconds


class Sweeping:
    """Gives back what killed workers had under way. `often`: what else is called, once a round."""

    def __init__(self, shared: Shared, *often: Callable[[], object]) -> None:
        self._shared, self._often = shared, often
        self._parts = cycle(range(PARTS))
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Look after a part now, and after the next one in a while."""
        limits, part = self._shared.limits, next(self._parts)
        limits.sweep(part, PARTS)
        limits.take_unsaved(part, PARTS)  # the ledger has it
        if part == 0:
            self._shared.health.sweep()
            limits.shift = time.time() - time.monotonic()  # the clock on the wall may have been set
            for call in self._often:
                call()
        self._timer = asyncio.get_running_loop().call_later(ROUND / PARTS, self.begin)

    def stop(self) -> None:
        """Look after nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
