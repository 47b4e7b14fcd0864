"""Which trace a request belongs to, and what upstreams are told of that."""

from tianji._core.edges.exchange cimport Exchange


cdef class Tracing:
    cdef readonly bint records        # callbacks are told of traces: each request gets a span of its own
    cdef readonly bint forwards       # upstreams are told of them
    cdef readonly bint heeds          # a request belongs to the trace that it names

    cpdef Trace begin(self, list headers)


cdef class Trace:
    cdef readonly bytes trace_id      # 16 bytes
    cdef readonly bytes parent_id     # 8 bytes: the client's span; b"" where there is none
    cdef readonly int flags
    cdef unsigned long long span      # of the request; those of its attempts follow one by one
    cdef bytes state                  # `tracestate` as the client sent it; b"" where there is none
    cdef bint records, forwards       # as Tracing has them
    cdef tuple end                    # how the request ended: status, method, path; None: it has not

    cpdef bytes marked(self, bytes head, int number)
    cpdef list carried(self, list headers)
    cdef list fields(self, int number)
    cdef int close(self, Exchange exchange, int status) except -1
    cpdef tuple told(self, int number)


cdef int read_parent(bytes value, Trace trace) except -1
