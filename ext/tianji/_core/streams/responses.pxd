"""Streams of the Responses API whose bytes go through."""

from libc.stdint cimport uint8_t

from tianji._core.bodies.frames cimport Sighting
from tianji._core.bodies.spans cimport ObjectSpans
from tianji._core.bodies.templates cimport Holed
from tianji._core.streams.noted cimport Noted, Reader
from tianji._core.streams.sse cimport sse_unit
from tianji._core.streams.verbatim cimport VerbatimStream


cdef class ResponsesStream(VerbatimStream):
    cdef bytes model                 # the JSON string that the client sees as the name; None leaves it
    cdef Reader reader               # knows events by their shapes; None: each is read
    cdef readonly int unknown        # events that were looked at in vain

    cdef Sighting look(self, bytes event)
    cdef int recall(self, Noted noted, Holed event, const uint8_t *s, Py_ssize_t at, Py_ssize_t end) except -1
    cdef str read(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit, bytes payload)
    cdef Noted noted(self, Sighting event, Py_ssize_t at, sse_unit *unit, bytes payload, str kind)
    cdef int note_response(self, Noted noted, Sighting event, ObjectSpans spans, Py_ssize_t i, str kind) except -1
    cdef int lifecycle(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit, ObjectSpans spans, str kind) except -1
    cdef int fail(self, bytes payload, ObjectSpans spans) except -1
