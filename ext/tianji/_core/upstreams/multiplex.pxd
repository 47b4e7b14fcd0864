"""One call on a connection that carries several at a time."""

from tianji._core.upstreams.http1 cimport Call, Carrier


cdef class Stream(Carrier):
    cdef object driver        # what speaks the protocol; None once the call is over
    cdef bint has_head
    cdef list pieces          # of a body that its handler wants whole; None when it does not
    cdef long long held       # their bytes

    cdef int collect(self, Call call, bytes piece) except -1

    cdef int came(self, Call call) except -1
    cdef int fault(self, Call call, object error) except -1


cdef Stream stream_of(Call call)
