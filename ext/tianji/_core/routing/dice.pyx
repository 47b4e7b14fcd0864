"""Chance that can be repeated: who draws is handed a Dice, and the same seed draws the same."""

import cython

cdef extern from "xorshift.h":
    void xorshift_seed(xorshift_t *state, unsigned long long seed) noexcept


@cython.final
cdef class Dice:
    """A generator for spreading load, never for secrets. Each worker seeds its own after the fork."""

    def __init__(self, unsigned long long seed):
        xorshift_seed(&self._state, seed)

    cpdef double unit(self) noexcept:
        """A number from 0 up to, but not including, 1."""
        return self.roll()
