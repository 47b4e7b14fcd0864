"""What an answer that goes through as it is says that it used, read on the way."""

from tianji._core.limits.admission cimport Admission
from tianji._core.requests.attempt cimport Attempt


cdef class Tally:
    cdef Attempt attempt
    cdef object form                  # Form: how the answer says what it used; None: as most do
    cdef list kept                    # pieces of an answer that is read at its end; None: it is not
    cdef Py_ssize_t kept_bytes
    cdef long long metered_at         # events of a stream from which on it is looked whether its reservation covers it

    cdef int begin(self, bytes kind) except -1
    cdef int take(self, bytes piece) except -1
    cdef bint covered(self, Admission admission) except -1
    cdef int end(self) except -1
    cdef int whole(self, bytes body) except -1
