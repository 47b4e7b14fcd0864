"""Bodies of one shape: what was made of one is made of the next by putting its texts in."""

from libc.stdint cimport uint8_t, uint64_t

from tianji._core.bodies.templates cimport Holed, Template, frame_hole, frame_holes


cdef extern from "frame_follow.h":
    ctypedef struct frame_stop:
        Py_ssize_t size
        long long number


cdef class Form:
    # Where bodies of a kind have their holes.
    cdef bint find(self, frame_holes *holes, const uint8_t *s, Py_ssize_t size) noexcept


cdef class Frame:
    # What is remembered of a shape.
    cdef readonly object value    # what was made beside the outputs; None: this shape has to be read every time
    cdef object key
    cdef uint64_t digest
    cdef bytes shape              # what stands around the holes, one after another
    cdef readonly tuple outputs   # of Template
    cdef bint used                # since the hand was here
    cdef bint kept                # it is remembered still
    cdef Frame next               # of lines: what came behind it the last time; None: nothing that is known
    cdef frame_stop *stops        # of the shape, once it was cut
    cdef Py_ssize_t stop_count

    cdef bint fits(
        self, const char *text, Py_ssize_t at, Py_ssize_t end, const frame_hole *holes, Py_ssize_t count) noexcept
    cdef int cut(self, Py_ssize_t at, const frame_hole *holes, Py_ssize_t count) except -1
    cdef Py_ssize_t find(self, frame_holes *holes, const uint8_t *s, Py_ssize_t at, Py_ssize_t size) noexcept


cdef class Sighting(Holed):
    # One body, looked at.
    cdef readonly bytes body
    cdef object key
    cdef uint64_t digest
    cdef Py_ssize_t around        # bytes of the shape
    cdef readonly Frame frame     # what is remembered of its shape; None: nothing
    cdef readonly bint again      # the shape was seen before

    cpdef object request(self, Template output, bytes begun)


cdef uint64_t digest_of(
    uint64_t seed, const char *text, Py_ssize_t at, Py_ssize_t end, const frame_hole *holes, Py_ssize_t count) noexcept


cdef class Frames:
    cdef uint64_t[512] seen       # digests of shapes that were seen
    cdef readonly uint64_t seed
    cdef Py_ssize_t most
    cdef dict found               # by digest
    cdef list ring
    cdef Py_ssize_t hand
    cdef readonly Py_ssize_t held   # bytes of all shapes

    cpdef Sighting look(self, Form form, bytes body, tuple key)
    cdef Frame at(self, uint64_t digest)
    cdef bint again(self, uint64_t digest) noexcept
    cdef int put(self, Frame frame) except -1
    cdef int drop(self) except -1
    cdef int forget(self, Frame frame) except -1
