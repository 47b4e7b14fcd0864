"""Memory that a busy time left behind, given back when a worker has become calm."""

import os
from collections.abc import Callable

from tianji._core.sharing import heap

CALM = 8  # a worker is calm when no more than one of so many requests is under way as once were
LOOKS = 4  # in a row that must find it calm
WORTH = 16 * 1024 * 1024  # bytes that it must hold more than after the last time; trimming stops the loop for a moment


def resident() -> int:
    """Return the bytes of this process that are in memory; 0 where the system does not say (proc_pid_statm(5))."""
    try:
        descriptor = os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        return 0
    try:
        return int(os.read(descriptor, 256).split()[1]) * os.sysconf("SC_PAGE_SIZE")
    finally:
        os.close(descriptor)


class Slack:
    """What the heap of a worker holds without need. Look at it a few times a second."""

    def __init__(self, *, held: Callable[[], int] = resident, give_back: Callable[[], None] = heap.trim) -> None:
        self._held = held
        self._give_back = give_back
        self._least = held()  # bytes, after the last time
        self._peak = 0  # requests at once, since then
        self._looks = 0

    def look(self, load: int) -> None:
        """Give back what the busy time left if it is over. `load`: requests under way."""
        self._peak = max(self._peak, load)
        self._looks = self._looks + 1 if load * CALM <= self._peak else 0
        if self._looks < LOOKS or self._held() < self._least + WORTH:
            return
        self._give_back()
        self._least, self._peak, self._looks = self._held(), load, 0
