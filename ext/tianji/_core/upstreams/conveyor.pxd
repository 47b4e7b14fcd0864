"""Answers of upstreams that go to the client as they come."""

from tianji._core.edges.exchange cimport Exchange, Producer
from tianji._core.upstreams.http1 cimport Call
from tianji._core.upstreams.receiver cimport ResponseHandler


cdef class Conveyor(ResponseHandler):
    cdef Exchange exchange
    cdef object begin       # (status, headers) -> the head of the client's answer, or None where it is wanted whole
    cdef object through     # what becomes of each piece of what flows, a callable of bytes; or None: nothing
    cdef object ended       # a future of (status, headers, body), where body is None for what went to the client
    cdef Call call
    cdef int status
    cdef list headers
    cdef bytes body
    cdef bint flows         # it goes to the client
    cdef Belt belt

    cdef int begin_answer(self, int status, list headers) except -1
    cdef int end(self, object error) except -1


cdef class Belt(Producer):
    # Tells the upstream's call of the client.
    cdef Call call
    cdef object ended
