"""Streams whose events go through as they came."""

from libc.stdint cimport uint8_t

from tianji._core.streams.events cimport EventStream
from tianji._core.streams.refrain cimport Refrain
from tianji._core.streams.sse cimport sse_unit


cdef class VerbatimStream(EventStream):
    cdef Refrain refrain
    cdef int tries                   # how often something was learnt

    cdef bint repeats(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit) except -1
    cdef int learn(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit, bytes payload) except -1
