"""A copy of a request for another model, whose answer nobody reads (`silent_model`)."""

import cython

from tianji._core.exchange cimport Exchange


@cython.final
cdef class SilentExchange(Exchange):
    """Looks to the hot path like a client that takes everything at once."""

    def __init__(self, Exchange original not None, bytes body not None):
        self.method = original.method
        self.path = original.path
        self.query = b""
        self.fields = self.noted = []
        self.peer = original.peer
        self.body = body
        self.arrived = original.arrived
        self.identity = original.identity
        self.silent = True

    cdef int send_head(self, int status, list headers) except -1:
        return 0

    cdef int send_body(self, bytes chunk, bint last) except -1:
        return 0

    cdef int send_abort(self) except -1:
        return 0
