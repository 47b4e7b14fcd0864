"""From a client's body to the upstream's: byte edits by a plan."""

from tianji._core.routing.router cimport Plan
from tianji._core.bodies.spans cimport ObjectSpans


cdef class Shaped:
    cdef list parts                    # of the body: bytes, and views of the client's
    cdef Py_ssize_t size
    cdef readonly bint hides_usage     # the usage chunk was asked for here, so the client must not see it

    cdef int hold(self, list parts) except -1
    cdef object request(self, bytes head)


cpdef Shaped shape_body(Plan plan, ObjectSpans spans, bytes model, bint streamed)
cdef bint holds(bytes body, bytes needle) noexcept
