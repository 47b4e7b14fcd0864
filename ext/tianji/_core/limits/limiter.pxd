"""What callers may have, counted by all workers of a machine together."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from tianji._core.sharing.shm cimport SharedMemory

cdef extern from "window.h":
    enum:
        WINDOW_STEPS

    ctypedef struct window:
        pass

    uint32_t window_step(double seconds) noexcept nogil
    int64_t window_used(window *w, uint32_t step) noexcept nogil
    bint window_take(window *w, uint32_t step, int64_t n, int64_t limit) noexcept nogil
    void window_give_back(window *w, uint32_t step, int64_t n) noexcept nogil
    int32_t window_wait(window *w, uint32_t step, int64_t n, int64_t limit) noexcept nogil
    int32_t window_refill(window *w, uint32_t step, int64_t limit) noexcept nogil
    double window_seconds(double now, int32_t steps) noexcept nogil

cdef extern from "purse.h":
    ctypedef struct purse:
        int64_t committed
        int64_t spent
        int64_t unsaved
        int64_t ends_ms
        int64_t begun_ms
        int64_t *shares

    int64_t purse_load(const int64_t *word) noexcept nogil
    void purse_add(int64_t *word, int64_t n) noexcept nogil
    int64_t purse_reserve(purse *p, int64_t *share, int64_t wanted, int64_t limit, bint whole) noexcept nogil
    void purse_settle(purse *p, int64_t *share, int64_t reserved, int64_t spent) noexcept nogil
    bint purse_renew(purse *p, int64_t ended_ms, int64_t begun_ms, int64_t ends_ms) noexcept nogil
    void purse_restart(purse *p, int64_t spent, int64_t begun_ms) noexcept nogil
    void purse_raise(purse *p, int64_t spent) noexcept nogil

cdef extern from "lease.h":
    enum:
        LEASE_OFF
        LEASE_ALONE
        LEASE_ON

    ctypedef struct lease_state:
        int32_t mode
        int32_t machines
        int64_t epoch

    ctypedef struct window_lease:
        int64_t limit
        uint64_t lease
        uint64_t left
        int64_t room_ms

    ctypedef struct place_lease:
        int64_t limit
        int64_t held
        int64_t dry_ms
        int64_t asked_ms

    ctypedef struct money_lease:
        int64_t limit
        int64_t granted
        int64_t left
        int64_t elsewhere
        int64_t dry_ms
        int64_t asked_ms
        int64_t joined

    int lease_mode(const lease_state *s) noexcept nogil
    bint lease_turn(lease_state *s, int mode, int to) noexcept nogil
    double lease_offset(const lease_state *s) noexcept nogil
    int64_t lease_share(int64_t limit, int32_t machines) noexcept nogil
    bint lease_take(window_lease *l, uint32_t step, int64_t n) noexcept nogil
    void lease_restore(window_lease *l, uint32_t step, int64_t n) noexcept nogil
    bint lease_is_dry(const window_lease *l, uint32_t step, int64_t n) noexcept nogil
    int64_t lease_of_step(const uint64_t *word, uint32_t step) noexcept nogil
    int64_t lease_used(const window_lease *l, window *w, uint32_t step) noexcept nogil
    int64_t lease_places(const lease_state *s, const place_lease *l, int64_t limit) noexcept nogil
    void lease_learn(money_lease *l, const purse *p, int64_t spent) noexcept nogil
    void lease_renew(money_lease *l, const purse *p) noexcept nogil
    int64_t lease_unasked(const lease_state *s, const money_lease *l, int64_t budget) noexcept nogil
    int64_t lease_reserve(purse *p, money_lease *l, int64_t *share, int64_t wanted, bint whole) noexcept nogil

cdef extern from "seats.h":
    bint seat_enter(int64_t *count, int32_t *share, int64_t limit) noexcept nogil
    void seat_leave(int64_t *count, int32_t *share) noexcept nogil

cdef extern from "limiter.h":
    enum:
        LIMITER_WAYS
        LIMITER_NAME_BYTES
        LIMITER_MOVING

    ctypedef struct limiter_row:
        int64_t touched_ms
        int64_t in_flight
        window *windows
        window_lease *leases
        place_lease places
        money_lease loan
        int64_t changed
        purse money
        int32_t *shares
        uint32_t name_length
        char *name

    ctypedef struct limiter_table:
        int64_t capacity
        int64_t refused
        int64_t moved
        lease_state sharing
        limiter_row *rows

    const int64_t NO_END "PURSE_NO_END"
    uint64_t limiter_owner(const limiter_table *t, int64_t place) noexcept nogil


cdef enum:
    REQUESTS
    TOKENS
    INPUT
    OUTPUT
    WINDOWS         # the kinds before it are counted in windows
    PARALLEL = WINDOWS
    BUDGET
    KINDS           # how many limits there are
    UNLOADED = KINDS  # no limit: the budget's spend is not known
    UNLEASED          # no limit: the machines that share one have to be asked for more of it
    MOST_LIMITS = 32  # that a request is held against


cdef class LimitTable(SharedMemory):
    cdef limiter_table *_table
    cdef public double shift  # seconds to add to the clock for the time since 1970
    cdef bytes _key           # of the hash, drawn before the fork: nobody outside can make two names collide
    cdef int _pid             # the process that _seat belongs to; 0: none yet
    cdef int _seat            # -1: none was free

    cdef int _sit(self) except -1
    cdef int64_t _place(self, Limit limit, double now) except -2
    cdef uint32_t _step(self, double now) noexcept


cdef class Limit:
    cdef readonly str name
    cdef readonly object renew    # Callable[[float, float], tuple[float, float]]; or None
    cdef readonly bint whole      # an estimate that does not fit is refused; otherwise what is left is reserved
    cdef LimitTable table
    cdef bytes _name
    cdef uint64_t _hash
    cdef int64_t _place           # -1: none so far
    cdef int64_t limits[<int>KINDS]    # negative: none

    cdef limiter_row *_enter(self, double now, int64_t parallel, bint *crowded) except? NULL
    cdef int _leave(self, limiter_row *row) noexcept
    cdef int _begin_anew(self, limiter_row *row, double now) except -1


cdef class LimitSet:
    cdef readonly tuple limits
    cdef LimitTable table

    cdef window *narrowest(self, int kind, double now, int64_t *limit, int64_t *left) except? NULL
    cdef double _refilled(self, window *seen, int64_t limit, int64_t left, double now) noexcept
    cpdef list quota(self, int tokens, double now)
    cdef int _tell(self, list found, tuple names, int kind, double now) except -1
