"""Streams of the Responses API whose bytes go through."""

from libc.stdint cimport uint8_t

from tianji._core.bodies.spans cimport ObjectSpans
from tianji._core.streams.sse cimport sse_unit
from tianji._core.streams.verbatim cimport VerbatimStream


cdef class ResponsesStream(VerbatimStream):
    cdef bytes model                 # the JSON string that the client sees as the name; None leaves it

    cdef int lifecycle(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit, ObjectSpans spans, str kind) except -1
    cdef int fail(self, bytes payload, ObjectSpans spans) except -1
