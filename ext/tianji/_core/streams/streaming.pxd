"""How a streamed answer goes to the client: from its first content to its end, as far as its caller can pay."""

from tianji._core.requests.attempt cimport Attempt
from tianji._core.caching.cached cimport Cached


cdef class Streaming(Cached):
    cdef bint flowing                 # the attempt's events go to the client
    cdef bint tells_cost              # beside the usage of its events
    cdef long long metered_at         # events of a stream from which on it is looked whether its reservation covers it

    cdef int proceed(self) except -1
    cdef bint shows(self, Attempt attempt) noexcept
    cdef bytes start_stream(self, Attempt attempt, bytes out)
    cdef bytes costed(self, Attempt attempt, bytes out)
    cdef bint covers(self, Attempt attempt) except -1
    cdef int end_spent(self, Attempt attempt) except -1
