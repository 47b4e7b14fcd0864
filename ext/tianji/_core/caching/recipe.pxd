"""What makes two requests the same."""

from tianji._core.bodies.spans cimport ObjectSpans


cdef class Recipe:
    cdef readonly frozenset counted   # member names that an answer depends on
    cdef readonly frozenset ignored   # where all others count: those that do not; or None

    cdef bint counts(self, bytes name) except -1
    cpdef str digest(self, ObjectSpans spans, tuple circle, bytes name=*, bytes value=*)


cdef Py_ssize_t elements(ObjectSpans spans, Py_ssize_t i) except -1
