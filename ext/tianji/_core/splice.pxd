"""Edits of a JSON object that copy everything else byte for byte."""

from tianji._core.spans cimport ObjectSpans


cdef class Splice:
    cdef readonly ObjectSpans spans
    cdef list _values     # per member: None = as it was, bytes = new value, _GONE = removed; None = no edit yet
    cdef dict _names      # member index -> new name
    cdef dict _added      # name -> value, in order

    cpdef int set(self, bytes name, bytes raw_value) except -1
    cpdef int default(self, bytes name, bytes raw_value) except -1
    cpdef int remove(self, bytes name) except -1
    cpdef int rename(self, bytes old, bytes new) except -1
    cpdef bytes build(self)
    cdef Py_ssize_t _find(self, bytes name) except -2
    cdef list _pieces(self)
