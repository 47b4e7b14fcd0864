"""Who of those that are left serves, by their shares."""

from libc.stdint cimport int32_t, uint64_t

from tianji._core.routing.candidate cimport SHARES, candidate


cdef enum:
    BLOCK = 32   # scores are summed up by blocks, so that a draw passes most of them over


cdef struct competition:
    const candidate *candidates
    unsigned char *reasons       # KEPT for those that are left
    double *scores
    double *sums                 # of blocks of scores
    const double *shares[SHARES]  # configured, by kind; NULL where nobody has one
    int count
    const int32_t *weighs        # whether any weight was ever set in place of a configured one


cdef double share_out(const competition *these, const double *weights, int kept) noexcept
cdef int drawn(const competition *these, double total, double roll) noexcept
cdef int nearest(const competition *these, uint64_t affinity) noexcept
