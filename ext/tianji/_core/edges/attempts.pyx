"""How often somebody tried to get in and failed, counted for all workers of a machine.

An attempt is counted before it is judged, so that many at the same time are no more than the limit, and taken back when
it succeeded. Names are kept as keyed hashes in a table that never grows: of many names at once the oldest give way.
"""

from _blake2 import blake2b  # of hashlib, which loads OpenSSL: too much for the parent process
from os import urandom

cimport cython
from libc.stdint cimport uint64_t

from tianji._core.sharing.shm cimport SharedMemory

cdef extern from "attempts.h":
    enum:
        ATTEMPT_MOST

    ctypedef struct attempt_row:
        pass
    ctypedef struct attempt_table:
        pass
    attempt_row *attempt_find(attempt_table *table, uint64_t name) noexcept
    uint64_t attempt_take(attempt_row *row, uint64_t now, uint64_t most, uint64_t window, uint64_t rest) noexcept
    void attempt_give_back(attempt_row *row) noexcept
    attempt_row *attempt_known(attempt_table *table, uint64_t name) noexcept
    bint attempt_resting(attempt_row *row, uint64_t now, uint64_t rest) noexcept
    void attempt_rest(attempt_row *row, uint64_t now) noexcept

cdef object hashed = blake2b
cdef object random_bytes = urandom

MOST = ATTEMPT_MOST - 1  # the largest limit


@cython.final
cdef class AttemptTable(SharedMemory):
    """Attempts in shared memory. Make it before the fork; a process may be killed at any moment."""

    cdef attempt_table *_table
    cdef bytes _key

    def __cinit__(self):
        self._table = <attempt_table*>self._map(sizeof(attempt_table))
        self._key = random_bytes(16)

    cdef uint64_t _hashed(self, str name) except? 0:
        digest = hashed(name.encode("utf-8", "surrogatepass"), digest_size=8, key=self._key).digest()
        return int.from_bytes(digest, "little")

    cdef attempt_row *_row(self, str name) except NULL:
        return attempt_find(self._table, self._hashed(name))

    def take(self, str name not None, double now, *, int most, int window, int rest):
        """Count an attempt; return 0 where it may be made, else the seconds until another one may.

        Of `most` attempts in `window` seconds the next one is refused, and all of the `rest` seconds after it. `now` is
        in seconds of a clock that all processes share. ValueError for a limit that cannot be counted.
        """
        if not 0 < most <= MOST or window < 1 or rest < 1 or now < 0:
            raise ValueError(f"attempts are from 1 to {MOST}, in seconds from 1 on")
        # second 0 is what an empty row has
        return attempt_take(self._row(name), <uint64_t>now + 1, most, window, rest)

    def stop(self, str name not None, double now):
        """Have a name rest from now on, as one of which there were too many attempts does."""
        attempt_rest(self._row(name), <uint64_t>now + 1)

    def stopped(self, str name not None, double now, *, int rest):
        """Whether a name rests, for `rest` seconds each time; a name that nobody has noted takes no place by that."""
        cdef attempt_row *row = attempt_known(self._table, self._hashed(name))
        return row is not NULL and attempt_resting(row, <uint64_t>now + 1, rest)

    def give_back(self, str name not None):
        """Take back an attempt that did not fail."""
        attempt_give_back(self._row(name))
