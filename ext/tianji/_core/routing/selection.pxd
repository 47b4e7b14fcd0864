"""Which deployment of a group serves a request: packed arrays that are filtered, scored and drawn from."""

from libc.stdint cimport int32_t, uint64_t

from tianji._core.routing.candidate cimport Reason, candidate, moment
from tianji._core.routing.dice cimport Dice
from tianji._core.routing.health cimport Health, health_measure, health_table
from tianji._core.routing.needs cimport Needs
from tianji._core.routing.shares cimport competition


cdef enum Strategy:
    SHUFFLE
    BUSY
    LATENCY
    USAGE
    COST


cdef class Selection:
    cdef readonly tuple healths       # of the candidates, in order
    cdef readonly str strategy
    cdef readonly uint64_t lacking    # bits that some candidate lacks: nobody else has to be asked about
    cdef Dice _dice
    cdef const health_table *_table   # NULL in a group of nobody
    cdef object _admit
    cdef dict _pools                  # scope -> bytes
    cdef bytes _open
    cdef candidate *_candidates
    cdef unsigned char *_reasons      # of the last decision, as all below
    cdef double *_scores
    cdef double _total                # of which a score is a part, 1 where it is not
    cdef int _count
    cdef competition _those           # the arrays above, for what draws
    cdef Strategy _strategy
    cdef double _buffer
    cdef double _shift                # of the table: what makes minutes those of the wall clock
    cdef health_measure _measure
    cdef bint _last_resort
    cdef bint _heeds_rests
    cdef bint _heeds_checks
    cdef bint _tiered                 # they are not all of one tier

    cdef int _pack(self, list candidates) except -1
    cdef moment _moment(self, double now) noexcept
    cpdef int choose(self, Needs needs, double now) except -2
    cdef bytes _pool(self, object scope)
    cdef int _decide(self, Needs needs, const moment *at) except -2
    cdef int _filter(self, Needs needs, bytes pool, const moment *at, bint heeds_checks) noexcept
    cdef int _drop_tried(self, Needs needs, int kept) noexcept
    cdef int _keep_order(self, int32_t after, int kept) noexcept
    cdef int _soonest(self, Needs needs, const moment *at) noexcept
    cdef int _pinned(self, Health pin) noexcept
    cdef int _best(self, bint streamed, const moment *at) noexcept
    cdef Reason _take(self, Needs needs, int position, const moment *at) noexcept
