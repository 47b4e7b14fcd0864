"""Signals of a process that waits for them."""

import os
import select
import signal
from types import FrameType, TracebackType
from typing import Self

Number = signal.Signals


class Signals:
    """Keeps the signals `numbers` until they are asked for, for as long as the context lasts."""

    def __init__(self, *numbers: Number) -> None:
        self._numbers = numbers

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._handlers = {number: signal.signal(number, _noted) for number in self._numbers}
        self._poll = select.poll()
        self._poll.register(self._reader, select.POLLIN)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._reader)
        os.close(self._writer)

    def wait(self, seconds: float) -> list[Number]:
        """Return what came, oldest first, as soon as something did and after `seconds` at the latest."""
        if not self._poll.poll(seconds * 1000):
            return []
        return [Number(number) for number in os.read(self._reader, 4096) if number in self._numbers]

    def fork(self) -> int:
        """Fork. The child ignores these signals, SIGCHLD excepted, until it says otherwise.

        They are held back meanwhile: until the child has its own mind, it would tell its parent what was meant for it.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, self._numbers)
        try:
            process = os.fork()
            if process == 0:
                self._forget()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return process

    def _forget(self) -> None:
        signal.set_wakeup_fd(-1)
        for number in self._numbers:
            signal.signal(number, signal.SIG_DFL if number == signal.SIGCHLD else signal.SIG_IGN)
        os.close(self._reader)
        os.close(self._writer)


def _noted(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: its number is in the pipe."""
