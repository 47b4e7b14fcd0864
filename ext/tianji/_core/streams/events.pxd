"""Server-sent events, one by one."""

from libc.stdint cimport uint8_t

from tianji._core.streams.sse cimport sse_unit
from tianji._core.streams.stream cimport AnswerStream


cdef class EventStream(AnswerStream):
    cdef list out                    # of what is being fed: bytes to hand on
    cdef Py_ssize_t max_event        # bytes that one event may have
    cdef bint begun                  # past the place of a byte order mark
    cdef bytearray held              # an incomplete event; None if there is none

    cdef int event(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit) except -1
    cdef Py_ssize_t skim(self, const uint8_t *s, Py_ssize_t at, Py_ssize_t size) except -1
    cdef bytes payload(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit)
    cdef int consume(self, bytes text) except -1
    cdef bytes handed_on(self)
    cdef int unreadable(self, object fault) except -1
