"""Edits of a JSON object that copy everything else byte for byte."""

from tianji._core.bodies.spans cimport ObjectSpans


cdef class Splice:
    cdef readonly ObjectSpans spans
    cdef Py_ssize_t _only  # the member whose value is the only edit so far, or -1
    cdef bytes _value      # its new value
    cdef list _values     # per member: None = as it was, bytes = new value, _GONE = removed; None = no edit yet
    cdef dict _names      # member index -> new name
    cdef dict _added      # name -> value, in order

    cpdef int set(self, bytes name, bytes raw_value) except -1
    cpdef int default(self, bytes name, bytes raw_value) except -1
    cpdef int remove(self, bytes name) except -1
    cpdef int rename(self, bytes old, bytes new) except -1
    cpdef bytes build(self)
    cpdef list parts(self)
    cdef int _begin(self) except -1
    cdef Py_ssize_t _find(self, bytes name) except -2
    cdef object _run(self, Py_ssize_t start, Py_ssize_t end)
    cdef list _pieces(self)
