"""Memory that processes share, and counters in it, exact over all processes of a machine.

Names are Prometheus series, such as `tianji_requests_total{model="gpt-4o",status="2xx"}`.
"""

from math import isfinite
from mmap import mmap
from os import urandom

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

cdef extern from "siphash.h":
    void siphash128(const unsigned char* key, const void* text, size_t size, unsigned char* digest) noexcept nogil

cdef object is_finite = isfinite
cdef object new_mapping = mmap
cdef object random_bytes = urandom

cdef enum:
    MAX_CAPACITY = 1 << 24

cdef str OVERFLOW = "tianji_metrics_dropped_updates_total"  # the series of slot 0
cdef double MAX_SECONDS = 1e9  # 31 years; in microseconds, thousands of them fit into 63 bits


cdef class SharedMemory:
    """What lies in memory of the process that made it and of its later children, and ends with the last of them."""

    cdef void *_map(self, size_t size) except NULL:
        # Memory of `size` bytes, all zero; asked for once, when the object is made.
        PyObject_GetBuffer(new_mapping(-1, size), &self._view, PyBUF_WRITABLE)
        self._mapped = True
        return self._view.buf

    def __dealloc__(self):
        if self._mapped:
            PyBuffer_Release(&self._view)


@cython.final
cdef class SharedCounters(SharedMemory):
    """Named 64-bit counters. Make them before the fork; every process may create, change and read any of them.

    capacity: how many series there may be, 256 bytes each. A series beyond it is not lost silently: it gets slot 0,
    where every update counts as one. A process may be killed at any moment without harm to the others.
    """

    def __cinit__(self, int capacity=4096):
        if not 2 <= capacity <= MAX_CAPACITY:
            raise ValueError(f"capacity must be from 2 to {MAX_CAPACITY}")
        self._table = shm_init(self._map(shm_size(capacity)), capacity)
        self._key = random_bytes(16)
        self._slots = {}
        shm_name(self._table.cells, OVERFLOW.encode(), len(OVERFLOW), 0)

    cdef int _check(self, int slot) except -1:
        if not 0 <= slot < self._table.capacity:
            raise IndexError(f"no slot {slot}")
        return 0

    cdef int64_t _find(self, bytes key, int count) except -1:
        # The first of the `count` cells that belong to `key`, 0 if there is no room for them.
        cdef unsigned char digest[16]
        cdef uint64_t hash
        siphash128(<const unsigned char*>PyBytes_AS_STRING(self._key), PyBytes_AS_STRING(key),
                   <size_t>PyBytes_GET_SIZE(key), digest)
        memcpy(&hash, digest, sizeof(hash))
        return shm_find(self._table, hash if hash else 1, count)

    cpdef int slot(self, str name) except -1:
        """The slot of the series `name`, made if it is new; 0 if there is no room for it.

        ValueError if the name is empty or has more than 224 bytes in UTF-8.
        """
        cdef bytes encoded
        cdef int64_t slot
        if name is None:
            raise TypeError("name must be str")
        known = self._slots.get(name)
        if known is not None:
            return known
        encoded = _encoded(name)
        slot = self._find(encoded, 1)
        if slot:
            shm_name(&self._table.cells[slot], PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded), 0)
            self._slots[name] = slot
        return slot

    cpdef int add(self, int slot, long long n) except -1:
        """Add `n`, which may be negative. IndexError if there is no such slot, here and below."""
        self._check(slot)
        self.bump(slot, n)
        return 0

    cpdef int set(self, int slot, long long n) except -1:
        """Replace the value by `n`."""
        self._check(slot)
        if slot:
            shm_set(&self._table.cells[slot], n)
        else:
            self.bump(0, 1)
        return 0

    cpdef int maximum(self, int slot, long long n) except -1:
        """Raise the value to `n` unless it is higher."""
        self._check(slot)
        if slot:
            shm_maximum(&self._table.cells[slot], n)
        else:
            self.bump(0, 1)
        return 0

    cpdef long long value(self, int slot) except? -1:
        """The value as items() shows it."""
        cdef long long total
        self._check(slot)
        total = shm_load(&self._table.cells[slot])
        while slot and shm_ready(&self._table.cells[slot]) and self._table.cells[slot].chained:
            slot -= 1
            total += shm_load(&self._table.cells[slot])
        return total

    def items(self):
        """Every series with its value, in the order in which they were made; slot 0 first."""
        cdef list found = []
        cdef shm_cell *cell
        cdef long long shown = 0
        cdef int64_t i
        for i in range(self._table.used):
            cell = &self._table.cells[i]
            if not shm_ready(cell):
                continue
            shown = shm_load(cell) + (shown if cell.chained else 0)
            found.append((cell.name[:cell.length].decode(), shown))
        return found


cdef bytes _encoded(str name):
    cdef bytes encoded = name.encode()
    if not 0 < len(encoded) <= SHM_NAME_BYTES:
        raise ValueError(f"the name of a series must have 1 to {SHM_NAME_BYTES} bytes: {name[:40]!r}")
    return encoded


@cython.final
cdef class Histogram:
    """How often which duration occurred, as Prometheus has it, over slots in a row.

    name, labels: of the series, such as `tianji_request_seconds` and `model="gpt-4o"`; labels may be empty.
    bounds: upper bounds of the buckets in seconds, rising, at most 32; `+Inf` is added.

    The series are name_bucket{labels,le="..."} (cumulative), name_count{labels} and name_sum{labels}; the sum is in
    whole microseconds. Processes that use the same name, labels and bounds share them.
    """

    def __cinit__(
        self, SharedCounters counters not None, str name not None, str labels not None, tuple bounds not None
    ):
        cdef list bucket_ends = [float(bound) for bound in bounds]
        cdef list series
        cdef int i
        cdef bytes encoded
        if not 0 < len(bucket_ends) <= HISTOGRAM_BOUNDS or not all([is_finite(end) for end in bucket_ends]):
            raise ValueError(f"a histogram needs 1 to {HISTOGRAM_BOUNDS} finite bounds")
        if bucket_ends != sorted(set(bucket_ends)):
            raise ValueError("the bounds of a histogram must rise")
        self.counters = counters
        self.bounds = tuple(bucket_ends)
        self._size = len(bucket_ends)
        for i in range(self._size):
            self._bounds[i] = bucket_ends[i]
        prefix = labels + "," if labels else ""
        suffix = "{" + labels + "}" if labels else ""
        series = [f'{name}_bucket{{{prefix}le="{end}"}}' for end in [*bucket_ends, "+Inf"]]
        series += [f"{name}_count{suffix}", f"{name}_sum{suffix}"]
        names = [_encoded(text) for text in series]
        self._first = counters._find(b"\n".join(names), len(names))
        if self._first == 0:
            return
        for i in range(len(names)):
            encoded = names[i]
            # the count is a bucket that nothing falls into: it shows what +Inf shows
            shm_name(
                &counters._table.cells[self._first + i],
                PyBytes_AS_STRING(encoded),
                PyBytes_GET_SIZE(encoded),
                0 < i <= self._size + 1,
            )

    cpdef int observe(self, double seconds) except -1:
        """Count one duration. What is negative or not a number counts as 0."""
        cdef int i = 0
        if not seconds >= 0.0:
            seconds = 0.0
        if self._first == 0:
            self.counters.bump(0, 1)
            return 0
        while i < self._size and seconds > self._bounds[i]:
            i += 1
        self.counters.bump(self._first + i, 1)
        self.counters.bump(self._first + self._size + 2, <long long>(min(seconds, MAX_SECONDS) * 1e6 + 0.5))
        return 0
