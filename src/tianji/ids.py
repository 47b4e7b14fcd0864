"""Identifiers: unique over processes and machines, made without a lock or a system call a request."""

import itertools
import os


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
