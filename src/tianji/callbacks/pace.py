"""Whether the process that tells is last of all: as long as it keeps up.

Who is last gets nothing of a core that is full, neither to begin nor to tell. So it competes, niced, until its first
answer, and again as soon as one is late, until it has been in time for a while. Who gets a little answers in time and
falls behind all the same, and what waits for longest is given up in the end: so it competes, too, while much waits.
"""

import time
from collections.abc import Callable
from typing import Final

from tianji.callbacks.teller import MOST_KEPT
from tianji.ledger import priority

LATE: Final = 2.0  # seconds that an answer may take
MUCH: Final = MOST_KEPT // 4  # bytes of journals that are still to be told
AGAIN: Final = 30.0  # seconds in time after which it goes last again


class Pace:
    """Looks after one process. It does nothing where that could not be taken back, which needs CAP_SYS_NICE."""

    def __init__(
        self,
        last: Callable[[], None],
        back: Callable[[], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`last`: puts it behind all others; `back`: has it compete again."""
        self._last = last
        self._back = back
        self._now = monotonic
        self._asked: float | None = None
        self._is_last = False
        self._good_from = 0.0

    def asked(self) -> None:
        """Take note of a question."""
        self._asked = self._now()

    def look(self) -> None:
        """Let it compete if its answer is late."""
        if self._asked is None or self._now() - self._asked < LATE:
            return
        self.hurry()

    def hurry(self) -> None:
        """Let it compete for a while."""
        self._good_from = self._now() + AGAIN
        if self._is_last:
            self._is_last = False
            self._back()

    def answered(self, behind: int) -> None:
        """Take note of an answer. `behind`: bytes of journals that are still to be told, see `Listening.behind`."""
        self.look()
        self._asked = None
        if behind > MUCH:
            self.hurry()
        if not self._is_last and self._now() >= self._good_from:
            self._is_last = True
            self._last()


def of(process: int) -> Pace:
    """Return what looks after a process."""
    if not priority.may_come_back():
        return Pace(lambda: None, lambda: None)
    return Pace(lambda: priority.go_last(process), lambda: priority.come_back(process))
