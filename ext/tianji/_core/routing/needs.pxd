"""What one request needs of a deployment, and the slot that it holds."""

from libc.stdint cimport int32_t, int64_t, uint64_t

from tianji._core.routing.candidate cimport candidate
from tianji._core.routing.health cimport Health, health_measure, health_now


cdef enum:
    TRIED_AT_MOST = 32


cdef struct wants:
    uint64_t bits
    int64_t input_tokens
    int64_t tokens
    int32_t order_after
    bint streamed


cdef class Needs:
    cdef wants asks
    cdef readonly object scope        # key of the pool of deployments it may use; None: the open one
    cdef public Health pin            # served by this deployment as long as it is among those left; or None
    cdef public uint64_t affinity     # what else is served by the same one of those left, as long as it is; 0: nothing
    cdef public bytes weights         # one double a deployment, in place of the configured ones; or None
    cdef readonly Health holding      # whose slot it has; None: it has none
    cdef health_measure _measure      # how its duration is remembered
    cdef uint64_t _minute             # of the reservation
    cdef int64_t _reserved            # tokens
    cdef bint _adaptive               # the deployment learns its limit,
    cdef int64_t _parallel            # which is at most this
    cdef bint _timed                  # and remembers how long answers take
    cdef int64_t _began_us
    cdef int tried_count              # ever; the array holds the last ones
    cdef health_now *tried[TRIED_AT_MOST]

    cdef int hold(
        self, Health health, const candidate *one, const health_measure *measure, int64_t us, uint64_t minute,
        int64_t reserved
    ) noexcept
    cdef int _learn(self, double now, double seconds) noexcept
    cdef int _give_back(self, double now, int64_t used) noexcept
    cpdef int leave_out(self, Health health) noexcept
    cpdef Needs again(self)
    cpdef int release(self, double now) noexcept
    cpdef Health failed(self, double now, bint penalty=*, bint overload=*)
    cpdef int succeeded(
        self, double now, double seconds=*, double first_token=*, long long completion_tokens=*, long long tokens=*
    ) noexcept
