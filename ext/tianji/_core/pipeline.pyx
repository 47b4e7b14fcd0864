"""What the requests of a worker share, and what a family of routes asks of an upstream."""

import cython

from tianji._core.pool cimport Pool
from tianji._core.router cimport Table


@cython.final
cdef class Operation:
    """What a family of routes asks of an upstream."""

    def __init__(
        self, str name not None, *, tuple members not None, object complain, str default_model=None,
        bint streams=False,
    ):
        self.name = name
        self.members = members
        self.complain = complain
        self.default_model = default_model
        self.streams = streams


@cython.final
cdef class Pipeline:
    """What all requests of one worker share."""

    def __init__(
        self, *, Table table not None, Pool pool not None, object failures, object steering, object canned,
        bytes call_prefix not None,
    ):
        self.table = table
        self.pool = pool
        self.failures = failures
        self.steering = steering
        self.canned = canned
        self.call_prefix = call_prefix
        self.calls = 0

    cdef bytes new_call_id(self):
        """The worker's own prefix, then a counter: unique without a look at the clock, the process or a lock."""
        self.calls += 1
        return b"%b%016x" % (self.call_prefix, self.calls)
