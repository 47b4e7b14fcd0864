"""From a client's body to the upstream's: byte edits by a plan."""

from tianji._core.router cimport Plan
from tianji._core.spans cimport ObjectSpans


cdef class Shaped:
    cdef readonly bytes body
    cdef readonly bint hides_usage     # the usage chunk was asked for here, so the client must not see it


cpdef Shaped shape_body(Plan plan, ObjectSpans spans, bytes model, bint streamed)
