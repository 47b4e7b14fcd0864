"""Events that go through, known by their shapes: what one means that was read means the next one of its shape.

A stream mostly goes the way of the one before, so an event is compared with the shape that stood there, frame and all.
"""

cimport cython
from libc.stdint cimport uint8_t

from tianji._core.bodies.frames cimport Form, Frame, Frames, Sighting


@cython.final
cdef class Noted:
    """What is remembered of an event."""


@cython.final
cdef class Notebook:
    """What is remembered of the streams of one kind. form: where their events have texts."""

    def __init__(self, Form form not None, Frames frames not None):
        self.form, self.frames = form, frames

    cdef Sighting look(self, bytes event, tuple key):
        # Look at an event; None where none like it can be remembered. key: see Frames.look.
        return self.frames.look(self.form, event, key)

    cdef int keep(self, Sighting sighting, Noted noted) except -1:
        # Remember what an event means; None: it has to be read.
        cdef Frame frame = self.frames.keep(sighting, noted, ())
        return frame.cut(0, sighting.holes.items, sighting.holes.count)


@cython.final
cdef class Reader(Holed):
    """The events of one stream. key: what decides beside their shapes what is told of them."""

    def __init__(self, Notebook notebook not None, tuple key not None):
        self.notebook, self.key = notebook, key

    cdef int meet(self, Frame frame) except -1:
        # Note that what is remembered in this frame has come.
        if self.met is not None:
            self.met.next = frame
        else:
            self.notebook.first = frame
        self.met = frame
        return 0

    cdef Py_ssize_t follow(self, const uint8_t *s, Py_ssize_t at, Py_ssize_t size) except -1:
        # Behind the event at s[at] if it is what stood there the last time: `met` then, with its holes; else 0.
        cdef Frame frame = self.notebook.first if self.met is None else self.met.next
        cdef Py_ssize_t end
        if frame is None or not frame.kept or (self.met is None and frame.key != self.key):
            return 0
        self.holes.count = self.holes.numbers = 0
        self.text = <const char *>s + at
        end = frame.find(&self.holes, <const uint8_t *>self.text, 0, size - at)
        if end < 0:
            return 0
        frame.used = True
        self.met, self.size = frame, end
        return at + end
