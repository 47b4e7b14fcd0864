"""Streams of Anthropic's Messages whose bytes go through."""

from libc.stdint cimport uint8_t

from tianji._core.bodies.spans cimport ObjectSpans
from tianji._core.streams.sse cimport sse_unit
from tianji._core.streams.verbatim cimport VerbatimStream


cdef class MessagesStream(VerbatimStream):
    cdef bytes model                 # the JSON string that the client sees as the name; None leaves it
    cdef object block                # the number of the block that is open, as its events say it; None: none is
    cdef bytes begun_with            # the `usage` of the beginning, JSON text; None before
    cdef bytes ended_with            # that of the end

    cdef int begin(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit, ObjectSpans spans) except -1
    cdef int note_usage(self) except -1
