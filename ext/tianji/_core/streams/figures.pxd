"""What answers of one shape say of usage."""

from tianji._core.bodies.templates cimport Holed, Template
from tianji._core.streams.usage cimport Usage

cdef enum:
    FIELDS = 18  # of a Usage that are counts


cdef class Figures:
    cdef Template output
    cdef bint counted               # it is known which count is which number
    cdef readonly bint silent       # such an answer says nothing
    cdef Usage first                # one of the shape: what is no number is the same in all
    cdef int[FIELDS] numbers        # which number of the output a count is; -1: none, the same in all

    cpdef Usage usage(self, Holed answer, long long now)
