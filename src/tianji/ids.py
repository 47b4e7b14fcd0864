"""Identifiers: unique over processes and machines, made without a lock or a system call a request."""

import itertools
import os


class CallIds:
    """Makes call ids: 16 random hex digits of the process, then a counter. Not secret, only unique."""

    def __init__(self) -> None:
        """Draw the digits; for the life of a process, since what is registered for its forks stays."""
        self._next = itertools.count().__next__
        self._draw()
        os.register_at_fork(after_in_child=self._draw)

    def new(self) -> str:
        """Return the next id, 32 characters of lower-case hex; a forked child gets a prefix of its own."""
        return f"{self._prefix}{self._next():016x}"

    def _draw(self) -> None:
        self._prefix = os.urandom(8).hex()
