"""Chance that can be repeated."""

cdef extern from "xorshift.h":
    ctypedef struct xorshift_t:
        pass
    double xorshift_unit(xorshift_t *state) noexcept nogil


cdef class Dice:
    cdef xorshift_t _state

    cpdef double unit(self) noexcept

    cdef inline double roll(self) noexcept nogil:
        return xorshift_unit(&self._state)
