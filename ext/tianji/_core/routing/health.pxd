"""What the workers of a machine know together about each deployment."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from tianji._core.sharing.shm cimport SharedMemory, shm_table


cdef extern from "health.h":
    enum:
        HEALTH_SAMPLES
        HEALTH_KINDS

    ctypedef struct health_pace:
        uint64_t limit

    ctypedef struct health_now:
        int64_t cooled_until_us
        int64_t sick_until_us
        int64_t in_flight
        uint64_t requests
        uint64_t tokens
        uint64_t latency
        uint64_t first_token
        uint64_t weight

    ctypedef struct health_ring:
        pass

    ctypedef struct health_past:
        uint64_t outcomes
        uint64_t trouble
        uint64_t *fails
        health_ring latency
        health_ring first_token
        health_ring *answers
        health_pace pace
        uint64_t *elsewhere
        uint64_t spent
        int64_t broke_until_us
        int32_t *shares

    ctypedef struct health_lease:
        uint64_t until

    ctypedef struct health_table:
        shm_table claims
        int32_t weighs
        int32_t leased
        health_now *now
        health_past *past
        health_lease **leases

    ctypedef struct health_measure:
        uint32_t size
        uint32_t lifetime
        double percentile

    int64_t health_us(double seconds) noexcept nogil
    uint32_t health_ms(int64_t us) noexcept nogil
    uint32_t health_second(double seconds) noexcept nogil
    uint64_t health_minute(double seconds) noexcept nogil
    bint health_enter(health_now *now, int32_t *share, int64_t limit) noexcept nogil
    void health_leave(health_now *now, int32_t *share) noexcept nogil
    int64_t health_count(const uint64_t *word, uint64_t minute) noexcept nogil
    bint health_fits(const uint64_t *word, uint64_t minute, int64_t n, int64_t limit) noexcept nogil
    bint health_take(uint64_t *word, uint64_t minute, int64_t n, int64_t limit) noexcept nogil
    void health_untake(uint64_t *word, uint64_t minute, int64_t n) noexcept nogil
    void health_note(health_now *now, health_past *past, uint32_t second, bint failed) noexcept nogil
    void health_sample(
        health_ring *ring, uint64_t *score, const health_measure *how, double seconds, uint32_t second
    ) noexcept nogil
    double health_duration(
        const health_ring *ring, uint64_t *score, const health_measure *how, uint32_t second
    ) noexcept nogil
    int64_t health_allowance(const health_lease *lease, int64_t limit, uint64_t minute) noexcept nogil
    void health_answer(health_ring *ring, double seconds, uint32_t second) noexcept nogil
    double health_weight(const health_now *now) noexcept nogil
    int64_t pace_slots(const health_pace *pace, int64_t parallel) noexcept nogil
    void pace_answered(
        health_pace *pace, int64_t in_flight, int64_t parallel, uint32_t began, uint32_t now, float seconds,
        bint streamed
    ) noexcept nogil
    void pace_refused(health_pace *pace, int64_t in_flight, uint32_t began, uint32_t now) noexcept nogil


cdef class HealthTable(SharedMemory):
    cdef health_table *_table
    cdef double shift     # seconds to add for minutes that begin with those of the wall clock
    cdef bytes _key       # of the hash, drawn before the fork: nobody outside can make two ids collide
    cdef int _pid         # the process that _seat belongs to; 0: none yet
    cdef int _seat        # -1: none was free
    cdef dict _known      # id -> Health, of this process

    cpdef Health health(self, str id)
    cdef int _sit(self) except -1
    cdef int64_t _place(self, str id) except -1


cdef class Health:
    cdef readonly str id
    cdef readonly bint shared     # with the other workers; false when the table was full
    cdef HealthTable table        # keeps the memory
    cdef health_now *now
    cdef health_past *past
    cdef health_lease *leases     # of requests, of tokens
    cdef int32_t *share           # of in_flight, this process's; NULL: not known apart

    cdef health_lease *_lease(self, int kind) except NULL
