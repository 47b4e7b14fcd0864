"""What changed last, told to all workers of a machine."""

cimport cython
from libc.stdint cimport int64_t, uint64_t

from tianji._core.sharing.shm cimport SharedMemory

cdef extern from "revision.h":
    ctypedef struct revision_ring:
        pass

    uint64_t revision_head(const revision_ring *ring) noexcept


@cython.final
cdef class Revisions(SharedMemory):
    cdef revision_ring *_ring

    cpdef int publish(self, int64_t tag) except -1
    cpdef tuple since(self, uint64_t seen)
    cpdef bint claim(self, int job, int64_t now, int64_t interval) except -1
    cpdef int advance(self, int64_t position) except -1

    # the hot path: one load
    cdef inline uint64_t _head(self) noexcept:
        return revision_head(self._ring)
