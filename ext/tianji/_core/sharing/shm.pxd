"""Memory that processes share, and counters in it, exact over all processes of a machine."""

cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t


cdef extern from "shm_table.h":
    enum:
        SHM_NAME_BYTES

    ctypedef struct shm_cell:
        uint32_t length
        uint32_t chained
        char *name

    ctypedef struct shm_table:
        int64_t used
        int64_t capacity
        shm_cell *cells

    size_t shm_size(int64_t capacity) noexcept
    shm_table *shm_init(void *memory, int64_t capacity) noexcept
    void shm_add(shm_cell *cell, int64_t n) noexcept
    void shm_set(shm_cell *cell, int64_t n) noexcept
    void shm_maximum(shm_cell *cell, int64_t n) noexcept
    int64_t shm_load(const shm_cell *cell) noexcept
    bint shm_ready(const shm_cell *cell) noexcept
    void shm_name(shm_cell *cell, const char *name, uint32_t length, uint32_t chained) noexcept
    int64_t shm_find(shm_table *table, uint64_t hash, int64_t count) noexcept


cdef class SharedMemory:
    cdef Py_buffer _view
    cdef bint _mapped

    cdef void *_map(self, size_t size) except NULL


@cython.final
cdef class SharedCounters(SharedMemory):
    cdef shm_table *_table
    cdef bytes _key       # of the hash, drawn before the fork: nobody outside can make two names collide
    cdef dict _slots      # name -> slot, this process's cache

    cpdef int slot(self, str name) except -1
    cpdef int add(self, int slot, long long n) except -1
    cpdef int set(self, int slot, long long n) except -1
    cpdef int maximum(self, int slot, long long n) except -1
    cpdef long long value(self, int slot) except? -1
    cdef int _check(self, int slot) except -1
    cdef int64_t _find(self, bytes key, int count) except -1

    # The hot path: `slot` must come from slot() of these counters. Slot 0 counts updates that found no place.
    cdef inline void bump(self, int slot, long long n) noexcept:
        shm_add(&self._table.cells[slot], n if slot else 1)


cdef enum:
    HISTOGRAM_BOUNDS = 32


@cython.final
cdef class Histogram:
    cdef readonly SharedCounters counters
    cdef readonly tuple bounds
    cdef double _bounds[HISTOGRAM_BOUNDS]
    cdef int _size    # of _bounds
    cdef int _first   # slot of the first bucket, 0 if the table was full

    cpdef int observe(self, double seconds) except -1
