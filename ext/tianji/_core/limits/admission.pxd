"""One request held against the limits of whoever it is for."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from tianji._core.limits.limiter cimport MOST_LIMITS, WINDOWS, Limit, LimitSet, limiter_row, window


cdef class Admission:
    cdef readonly LimitSet asked
    cdef readonly Limit refused_by
    cdef readonly int refused_kind
    cdef readonly double retry_after
    cdef int _held                     # of `asked`, those that are entered
    cdef uint32_t _step                # in which it took
    cdef int _mode                     # of the table, when it took
    cdef int64_t _amounts[<int>WINDOWS]     # taken of each kind
    cdef int64_t _nano                 # wanted; negative: it costs nothing and no budget is asked
    cdef uint8_t _taken[<int>MOST_LIMITS]   # a bit a kind
    cdef int64_t _reserved[<int>MOST_LIMITS]
    cdef int64_t _begun[<int>MOST_LIMITS]   # since when its budget counted, in milliseconds
    cdef limiter_row *_rows[<int>MOST_LIMITS]    # NULL: the table is full

    cdef int prepare(
        self, LimitSet asked, long long input_tokens, long long output_tokens, long long nano, long long requests
    ) except -1
    cpdef bint admit(self, double now) except -1
    cpdef long long covered(self) noexcept
    cpdef bint extend(self, long long nano) except -1
    cdef bint _enter_all(self, tuple limits, double now) except -1
    cdef bint _reserve(self, int i, Limit limit, double now) except -1
    cdef int64_t _reserve_leased(self, int i, Limit limit, int64_t budget, double now) noexcept
    cdef bint _take_all(self, tuple limits, double now) except -1
    cdef bint _take_leased(self, int i, Limit limit, int kind, double now) except -1
    cdef bint _wait_for(self, Limit limit, window *seen, int kind, int64_t most, double now) noexcept
    cdef uint32_t _now(self, double now) noexcept
    cpdef list lacks(self, double now)
    cdef bint _reserves(self, int i) noexcept
    cdef int64_t *_share(self, int i, Limit limit) noexcept
    cdef int _refuse(self, Limit limit, int kind, double retry_after) noexcept
    cdef int _give_back(self, uint32_t step, int64_t *used, int64_t nano) noexcept
    cpdef int spend(self, long long nano) except -1
    cpdef int settle(self, double now, long long input_tokens, long long output_tokens, long long nano) except -1
    cpdef int release(self, double now) noexcept
