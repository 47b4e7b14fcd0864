"""What is known of a stream so far, line by line."""

from libc.stdint cimport uint64_t

from tianji._core.bodies.frames cimport Form, Frame, Frames
from tianji._core.bodies.templates cimport Holed

cdef enum:
    LINES = 32  # of a stream at most


cdef struct script_line:
    Py_ssize_t start
    Py_ssize_t end
    Py_ssize_t hole               # the number of its first
    uint64_t digest               # of all up to its end


cdef class Script(Holed):
    cdef Form form
    cdef tuple key
    cdef uint64_t seed
    cdef Py_ssize_t room          # bytes that there is memory for
    cdef script_line[LINES] items
    cdef readonly Py_ssize_t count  # lines
    cdef readonly Frame frame     # what is remembered of all that was looked at

    cpdef bint add(self, str kind, str name, bytes payload) except -1
    cdef Py_ssize_t put(self, str kind, str name, bytes payload) except -1
    cdef int end_line(self, uint64_t digest) except -1
    cpdef Frame look(self, Frames frames)
    cpdef bint follow(self, Frame frame, str kind, str name, bytes payload) except -1
    cdef Py_ssize_t holes_behind(self, Py_ssize_t line) noexcept
    cdef bint alike(self, Frame frame, Frame before, Py_ssize_t line) except -1
    cdef bytes shape(self, Py_ssize_t line)
