"""What a machine has of limits that it shares with others."""

from libc.stdint cimport int64_t, uint64_t

from tianji._core.limits.limiter cimport LimitTable, limiter_row


cdef class Loan:
    cdef readonly list claim
    cdef int64_t place
    cdef uint64_t owner
    cdef int kind
    cdef int64_t need


cdef class Leases:
    cdef LimitTable table

    cdef int64_t _step(self, double now) noexcept
    cdef Loan _window(self, int64_t place, int kind, int64_t need, int64_t want, double now)
    cdef Loan _places(self, int64_t place, int64_t need, int64_t want, bint settled)
    cdef Loan _money(self, int64_t place, int64_t need, int64_t want, bint settled)
    cdef Loan _loan(self, int64_t place, int kind, int64_t need, list claim)
    cdef int _due(self, list found, int64_t place, double now) except -1
    cdef int _grant_window(self, Loan loan, tuple answer, int64_t step, double now) except -1
    cdef int _grant_places(self, Loan loan, tuple answer, double now) except -1
    cdef int _grant_money(self, Loan loan, tuple answer, double now) except -1
