"""Vectors of which the one is found that another points the same way as: what two texts mean is compared so."""

import cython

from libc.math cimport sqrt
from libc.stdlib cimport free, malloc


cdef int put(object numbers, float *row, Py_ssize_t width) except -1:
    """Write numbers as a unit vector. Raises ValueError for another number of them, or for one without a direction."""
    cdef Py_ssize_t at = 0
    cdef double value, total = 0
    if len(numbers) != width:
        raise ValueError(f"a vector has {len(numbers)} numbers, and not {width}")
    for number in numbers:
        if at == width:  # it grew meanwhile
            break
        value = number
        row[at] = <float>value
        total += value * value
        at += 1
    if at != width or not 0 < total < 1e300:
        raise ValueError("a vector has no direction")
    total = sqrt(total)
    for at in range(width):
        row[at] = <float>(row[at] / total)
    return 0


@cython.final
cdef class Directions:
    """Holds vectors of one length."""

    def __init__(self, list vectors not None):
        """Raises ValueError for vectors of different lengths, for none, and for one without a direction."""
        cdef Py_ssize_t at
        if self.rows != NULL:
            raise ValueError("it holds vectors already")
        if not vectors or not len(vectors[0]):
            raise ValueError("there is no vector")
        self.width, self.count = len(vectors[0]), len(vectors)
        self.rows = <float *>malloc(self.width * self.count * sizeof(float))
        if self.rows == NULL:
            raise MemoryError()
        for at in range(self.count):
            put(vectors[at], self.rows + at * self.width, self.width)

    def __dealloc__(self):
        free(self.rows)

    def nearest(self, vector not None):
        """Return (position, cosine) of the one that is most alike. Raises ValueError as above."""
        cdef Py_ssize_t at, i, best = 0
        cdef double cosine, highest = -2
        cdef const float *row
        cdef float *wanted = <float *>malloc(max(1, self.width) * sizeof(float))
        if wanted == NULL:
            raise MemoryError()
        try:
            put(vector, wanted, self.width)
            for at in range(self.count):
                row = self.rows + at * self.width
                cosine = 0
                for i in range(self.width):
                    cosine += row[i] * wanted[i]
                if cosine > highest:
                    best, highest = at, cosine
        finally:
            free(wanted)
        return best, highest
