"""Identifiers: unique over processes and machines, made without a lock or a system call a request."""

import itertools
import os
from typing import Final

_AT_ONCE: Final = 256


class CallIds:
    """Makes call ids: 16 random hex digits of the process, then a counter. Not secret, only unique."""

    def __init__(self) -> None:
        self._pid = -1
        self._prefix = ""
        self._next = itertools.count().__next__

    def new(self) -> str:
        """Return the next id, 32 characters of lower-case hex; a forked child gets a prefix of its own."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._prefix = os.urandom(8).hex()
        return f"{self._prefix}{self._next():016x}"


class Names:
    """Makes names of random hex digits. The system is asked for many at once; a forked child asks anew.

    For the life of a process: what is registered for its forks stays.
    """

    def __init__(self, digits: int) -> None:
        self._digits = digits
        self._drawn = b""
        self._at = 0
        os.register_at_fork(after_in_child=self._drop)

    def new(self) -> bytes:
        """Return the next name."""
        at = self._at
        if at == len(self._drawn):
            self._drawn, at = os.urandom(_AT_ONCE * self._digits // 2).hex().encode(), 0
        self._at = at + self._digits
        return self._drawn[at : self._at]

    def _drop(self) -> None:
        self._at = len(self._drawn)
