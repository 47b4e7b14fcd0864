"""A handler of upstream answers for callers that are not compiled."""

cimport cython

from tianji._core.upstreams.receiver cimport ResponseHandler


@cython.final
cdef class Callbacks(ResponseHandler):
    """Calls head(status, headers), data(piece)..., then end() or failed(error), as ResponseHandler orders them."""

    def __init__(self, *, head not None, data not None, end not None, failed not None):
        self.on_head = head
        self.on_data = data
        self.on_end = end
        self.on_failed = failed

    cdef int response_head(self, int status, list headers) except -1:
        self.on_head(status, headers)
        return 0

    cdef int response_data(self, bytes data) except -1:
        self.on_data(data)
        return 0

    cdef int response_end(self) except -1:
        self.on_end()
        return 0

    cdef int response_failed(self, object error) except -1:
        self.on_failed(error)
        return 0
