"""What a choice has to know of one deployment, packed."""

from libc.stdint cimport int32_t, int64_t, uint64_t

from tianji._core.health cimport Health, health_now, health_past


cdef enum:
    SHARES = 3   # weight, rpm, tpm: the first that any deployment left has decides


cdef struct candidate:
    health_now *now
    uint64_t lacks        # bits of what it cannot do
    int64_t window        # tokens that fit into its context; 0: not known
    int64_t parallel      # limits; 0: none
    int64_t requests      # a minute
    int64_t tokens        # a minute
    double price
    double shares[SHARES]
    int32_t order         # INT_MAX: none
    int32_t *share        # of the requests under way, this process's
    health_past *past


cdef class Candidate:
    cdef readonly Health health
    cdef candidate packed
