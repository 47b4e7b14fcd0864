"""Which deployment of a group serves a request: packed arrays that are filtered, scored and drawn from."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from tianji._core.candidate cimport Reason, candidate
from tianji._core.dice cimport Dice
from tianji._core.health cimport Health, health_measure
from tianji._core.needs cimport Needs
from tianji._core.shares cimport competition


cdef enum Strategy:
    SHUFFLE
    BUSY
    LATENCY
    USAGE
    COST


cdef struct moment:
    int64_t us
    uint32_t second
    uint64_t minute


cdef class Selection:
    cdef readonly tuple healths       # of the candidates, in order
    cdef readonly str strategy
    cdef readonly uint64_t lacking    # bits that some candidate lacks: nobody else has to be asked about
    cdef Dice _dice
    cdef object _admit
    cdef dict _pools                  # scope -> bytes
    cdef bytes _open
    cdef candidate *_candidates
    cdef unsigned char *_reasons      # of the last decision, as all below
    cdef double *_scores
    cdef int _count
    cdef competition _those           # the arrays above, for what draws
    cdef Strategy _strategy
    cdef double _buffer
    cdef double _shift                # of the table: what makes minutes those of the wall clock
    cdef health_measure _measure
    cdef bint _last_resort
    cdef bint _heeds_rests
    cdef bint _heeds_checks
    cdef bint _ordered

    cpdef int choose(self, Needs needs, double now) except -2
    cdef bytes _pool(self, object scope)
    cdef int _decide(self, Needs needs, moment *at) except -2
    cdef int _filter(self, Needs needs, bytes pool, moment *at, bint heeds_checks) noexcept
    cdef Reason _judge(self, candidate *one, Needs needs, moment *at, bint heeds_checks) noexcept
    cdef int _drop_tried(self, Needs needs, int kept) noexcept
    cdef int _keep_order(self, int32_t after, int kept) noexcept
    cdef int _soonest(self, Needs needs, moment *at) noexcept
    cdef int _pinned(self, Health pin) noexcept
    cdef int _best(self, bint streamed, moment *at) noexcept
    cdef double _score(self, candidate *one, bint streamed, moment *at) noexcept
    cdef Reason _take(self, Needs needs, int position, moment *at) noexcept
