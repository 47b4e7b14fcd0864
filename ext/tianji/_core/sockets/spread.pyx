"""Calls that may wait, so that a thousand which come at once do not hold up the loop."""

import cython

from collections import deque

cdef enum:
    AT_ONCE = 16  # calls in one turn of the loop


@cython.final
cdef class Spread:
    """Makes the calls that it is given, in their order, some in each turn of the loop."""

    def __init__(self, loop not None):
        self.loop = loop
        self.calls = deque()

    cpdef add(self, call):
        """Have `call()` made in the next turn, or a later one."""
        self.calls.append(call)
        if not self.due:
            self.due = True
            self.loop.call_soon(self._make_some)

    def _make_some(self):
        cdef int _
        try:
            for _ in range(min(AT_ONCE, len(self.calls))):
                self.calls.popleft()()
        finally:  # where one fails the others are made all the same
            self.due = len(self.calls) > 0
            if self.due:
                self.loop.call_soon(self._make_some)
