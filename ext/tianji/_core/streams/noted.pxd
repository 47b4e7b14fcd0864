"""Events that go through, known by their shapes."""

from libc.stdint cimport uint8_t

from tianji._core.bodies.frames cimport Form, Frame, Frames, Sighting
from tianji._core.bodies.templates cimport Holed, Template
from tianji._core.streams.figures cimport Figures


cdef class Noted:
    cdef bint spoke               # there is something for the reader
    cdef bint ends                # the answer is whole with it
    cdef bint learns              # it brings a piece of text, as those behind it
    cdef Py_ssize_t opening       # bytes before its data, and behind it
    cdef Py_ssize_t closing
    cdef Template told            # what goes on; None: the event as it came
    cdef Figures figures          # what it says of usage; None: nothing


cdef class Notebook:
    cdef Form form
    cdef readonly Frames frames
    cdef Frame first              # what the last stream began with

    cdef Sighting look(self, bytes event, tuple key)
    cdef int keep(self, Sighting sighting, Noted noted) except -1


cdef class Reader(Holed):
    cdef Notebook notebook
    cdef tuple key
    cdef Frame met                # the last event that was known; None before

    cdef int meet(self, Frame frame) except -1
    cdef Py_ssize_t follow(self, const uint8_t *s, Py_ssize_t at, Py_ssize_t size) except -1
