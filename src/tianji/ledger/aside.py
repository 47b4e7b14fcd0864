"""Where processes beside the workers run: on cores that no worker is on, as long as there are any.

A worker that shares its core with them waits while they are in the kernel, whatever their priority, and finds its
caches full of what is theirs. Workers stay where the kernel puts them: if they chose their cores, those of several
gateways on a machine would choose the same ones. So the others look where workers are, and step aside. Where there are
as many workers as cores nobody does, nor off Linux.

Others may use such a core, too. Where the first of them gets next to nothing there, all go wherever they may for a
while. The others are patient: `tianji.callbacks.pace` looks after those.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
CROWDED: Final = 0.8  # of the time in which the first of them could have run and others had its core
WINDOW: Final = 1.0  # seconds of that time, at least
AGAIN: Final = 10.0  # seconds after which it steps aside again
_LAST_CORE: Final = 36  # of the numbers behind the name in /proc/PID/stat, proc_pid_stat(5)


class Aside:
    """Has some children of a parent keep off the cores of the others, which are its workers."""

    def __init__(
        self,
        processes: Sequence[int],
        parent: int,
        allowed: Callable[[int], set[int]],
        bind: Callable[[int, set[int]], None],
        *,
        proc: Path = PROC,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Have `processes` step aside, with all their threads.

        allowed: returns the cores that a process may use; bind: sets a thread's
        """
        self._processes = processes
        self._parent = parent
        self._allowed = allowed
        self._bind = bind
        self._proc = proc
        self._now = monotonic
        self._cores: set[int] | None = None  # as they were last set; None: they never were
        self._looked_at = self._waited = 0.0
        self._from = float("-inf")  # when they step aside

    def look(self) -> None:
        """Step aside if workers are elsewhere now. Nothing is done where the system does not tell, or not let them."""
        try:
            everywhere = self._allowed(self._parent)
            cores = everywhere if self._is_crowded() else self._free(everywhere)
            if cores != (self._cores or everywhere):
                self._go(cores)
        except (OSError, ValueError, IndexError):
            return

    def _go(self, cores: set[int]) -> None:
        for thread in chain.from_iterable(map(self._of, self._processes)):
            with suppress(ProcessLookupError):  # it has ended
                self._bind(int(thread.name), cores)
        self._cores = cores

    def _is_crowded(self) -> bool:
        """Whether there was too little time where the first one is, just now or not long ago."""
        now = self._now()
        if now - self._looked_at >= WINDOW:
            waited = _waited(self._proc / str(self._processes[0]))
            if self._cores is not None and waited - self._waited > CROWDED * (now - self._looked_at):
                self._from = now + AGAIN
            self._waited, self._looked_at = waited, now
        return now < self._from

    def _free(self, everywhere: set[int]) -> set[int]:
        """Return the cores without a worker; all where there are no more cores than workers."""
        children = (self._proc / str(self._parent) / "task" / str(self._parent) / "children").read_text().split()
        workers = set(map(int, children)) - set(self._processes)
        return everywhere - set(map(self._core, workers)) if len(workers) < len(everywhere) else everywhere

    def _core(self, process: int) -> int:
        return int((self._proc / str(process) / "stat").read_text().rpartition(")")[2].split()[_LAST_CORE])

    def _of(self, process: int) -> Iterator[Path]:
        return (self._proc / str(process) / "task").iterdir()


def _waited(process: Path) -> float:
    """Return for how many seconds its first thread could have run while others had the core; 0 where nobody tells."""
    try:
        return int((process / "schedstat").read_text().split()[1]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def of(processes: Sequence[int]) -> Callable[[], None]:
    """Return what is to be called again and again, and has these children of this one's parent step aside."""
    if sys.platform != "linux":
        return lambda: None
    return Aside(processes, os.getppid(), os.sched_getaffinity, os.sched_setaffinity).look
