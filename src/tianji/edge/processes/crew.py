"""The workers of one parent: forked, replaced when they die, sent home."""

import logging
import os
import signal
import time
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from tianji.edge.processes.signals import Signals
from tianji.errors import TianjiError

EARLY = 10.0  # seconds; who dies younger than that died of its start
EARLY_DEATHS = 5  # in a row, of one worker: then no further one is tried

Job = Callable[[], None]

log = logging.getLogger(__name__)


class _Member(NamedTuple):
    process: int
    began: float


class Crew:
    """`size` processes. For each, `enlist` is called here with its number, from 0, and returns what it is to do."""

    def __init__(
        self, size: int, enlist: Callable[[int], Job], signals: Signals, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._enlist = enlist
        self._signals = signals
        self._clock = clock
        self._early = [0] * size
        self._replacing = True
        self._members = {number: self._fork(number) for number in range(size)}
        self.failed = False  # a worker died of its start again and again

    def __len__(self) -> int:
        """Count the processes that are alive as far as is known."""
        return len(self._members)

    def reap(self) -> None:
        """Take note of those that ended; others take their places unless `let_go` was called before."""
        for number, member in list(self._members.items()):
            process, status = os.waitpid(member.process, os.WNOHANG)
            if process:
                del self._members[number]
                if self._replacing:
                    self._replace(number, member, os.waitstatus_to_exitcode(status))

    def let_go(self) -> None:
        """Replace nobody from now on."""
        self._replacing = False

    def send(self, number: signal.Signals) -> None:
        """Send a signal to all. None of them is gone before it was reaped."""
        for member in self._members.values():
            os.kill(member.process, number)

    def _fork(self, number: int) -> _Member:
        job = self._enlist(number)
        process = self._signals.fork()
        if process == 0:
            work(job)
        return _Member(process, self._clock())

    def _replace(self, number: int, member: _Member, code: int) -> None:
        self._early[number] = self._early[number] + 1 if self._clock() - member.began < EARLY else 0
        end = describe(code)
        if self._early[number] == EARLY_DEATHS:
            self.failed = True
            log.critical(
                "worker %d %s, for the %dth time within %g seconds of its start; its messages above say why",
                *(number + 1, end, EARLY_DEATHS, EARLY),
            )
            return
        log.error("worker %d (process %d) %s; another one takes its place", number + 1, member.process, end)
        self._members[number] = self._fork(number)


def work(job: Job) -> NoReturn:
    """Do the job and end the process. What the parent would do at its own end is not for the child to do."""
    code = 1
    try:
        job()
        code = 0
    except TianjiError as error:
        log.critical("a worker cannot serve: %s", error)
    except BaseException:  # the boundary of the process
        log.critical("a worker failed", exc_info=True)
    finally:
        os._exit(code)


def describe(code: int) -> str:
    """Say how a process ended: `code` as os.waitstatus_to_exitcode gives it."""
    if code >= 0:
        return f"left with exit code {code}"
    try:
        return f"died of {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal
        return f"died of signal {-code}"
