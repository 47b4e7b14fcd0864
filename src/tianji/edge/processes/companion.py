"""A process beside the workers that serves nobody: it begins when there is something to do, and ends after them."""

import logging
import os
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from tianji.edge.control import Control
from tianji.edge.processes.crew import describe, work
from tianji.edge.processes.signals import Signals

REST, LONGEST_REST = 1.0, 30.0  # seconds until another one takes its place, doubled with each that dies early
EARLY = 60.0  # seconds; who dies younger than that died of its start
FAREWELL = signal.SIGUSR1  # what tells it to end: a service manager may send SIGTERM to every process at once
SOON = 0.05  # seconds between two looks whether it has ended

log = logging.getLogger(__name__)


class Task(NamedTuple):
    """What such a process does.

    `due` is asked in the parent, about once a second; `work` ends on FAREWELL, which waits until it is let in.
    """

    name: str
    due: Callable[[], bool]
    work: Callable[[Control], None]
    patience: float  # seconds that it may take to end


class Companion:
    """The process of a task; another one when it dies."""

    def __init__(
        self, task: Task, control: Control, signals: Signals, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._task = task
        self._control = control
        self._signals = signals
        self._clock = clock
        self._began = self._next = -LONGEST_REST
        self._rest = REST
        self.process: int | None = None

    def look(self, release: Callable[[], None]) -> None:
        """Begin it if there is something to do and it does not run. The child calls `release` first."""
        if self._ended() or self.process is not None or self._clock() < self._next or not self._task.due():
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [FAREWELL])
        process = self._signals.fork()
        if process == 0:
            release()
            work(lambda: self._task.work(self._control))
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self.process, self._began = process, self._clock()

    def end(self, patience: float) -> None:
        """Let it finish and wait until it has; after `patience` seconds, and on a signal, it is ended."""
        if self.process is None:
            return
        os.kill(self.process, FAREWELL)
        deadline = self._clock() + min(patience, self._task.patience)
        while not self._gone():
            heard = self._signals.wait(SOON)
            if self._clock() >= deadline or signal.SIGTERM in heard or signal.SIGINT in heard:
                os.kill(self.process, signal.SIGKILL)
                os.waitpid(self.process, 0)
                self.process = None
                return

    def _gone(self) -> bool:
        return self._code() is not None

    def _ended(self) -> bool:
        """Note that it ended without being told to; whether it just did."""
        process, code = self.process, self._code()
        if code is None:
            return False
        now = self._clock()
        self._rest = min(2 * self._rest, LONGEST_REST) if now - self._began < EARLY else REST
        self._next = now + self._rest
        log.error(
            "%s (process %d) %s; another one takes its place in %g s",
            *(self._task.name, process, describe(code), self._rest),
        )
        return True

    def _code(self) -> int | None:
        """Return its exit code, once it ended."""
        if self.process is None:
            return None
        process, status = os.waitpid(self.process, os.WNOHANG)
        if not process:
            return None
        self.process = None
        return os.waitstatus_to_exitcode(status)
