"""What the workers of a machine know together about each deployment: rests, load, usage, outcomes, durations.

A deployment is known by its id, so what is known outlives a reload of the configuration.

Times are seconds of one clock, which the caller reads and hands in: CLOCK_MONOTONIC in production, which all processes
of a machine share, and any other in tests.
"""

from _blake2 import blake2b  # of hashlib, which loads OpenSSL: too much for the parent process
from os import getpid, urandom

cimport cython
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free

from tianji._core.sharing.shm cimport shm_find

cdef extern from "health.h":
    size_t health_size(int64_t capacity) noexcept
    health_table *health_init(void *memory, int64_t capacity) noexcept
    int64_t health_sweep(health_table *table, int32_t self) noexcept
    int health_lead(health_table *table, int32_t self, uint32_t second) noexcept
    int health_sit(health_table *table, int32_t self) noexcept
    const int64_t HEALTH_COUNT_MASK
    int64_t health_fail(uint64_t *word, uint64_t now_ms, uint64_t lifetime_ms) noexcept
    uint64_t health_outcomes(const uint64_t *word, uint32_t second) noexcept
    uint64_t health_load(const uint64_t *word) noexcept
    float health_float(uint64_t bits) noexcept
    double health_within(const health_ring *ring, double percentile, uint32_t second) noexcept
    void health_set_elsewhere(uint64_t *sum, uint64_t *elsewhere, uint64_t minute, int64_t n) noexcept
    void health_set_lease(
        health_table *table, health_lease *lease, uint64_t minute, int64_t until, int64_t share
    ) noexcept
    void health_weigh(health_table *table, health_now *now, double weight) noexcept
    void health_unweigh(health_now *now) noexcept
    float pace_limit(uint64_t word) noexcept
    void health_rest(int64_t *rest, int64_t until) noexcept
    void health_wake(int64_t *rest, int64_t until) noexcept

cdef object hashed = blake2b
cdef object own_pid = getpid
cdef object random_bytes = urandom

cdef enum:
    MAX_CAPACITY = 1 << 20

LARGEST_SAMPLE = HEALTH_SAMPLES  # durations that are remembered for a deployment
FAILURE_KINDS = HEALTH_KINDS     # kinds of failure that are counted apart
LARGEST_COUNT = HEALTH_COUNT_MASK  # requests or tokens of a minute, where counting ends


@cython.final
cdef class HealthTable(SharedMemory):
    """The health of deployments. Make it before the fork; a Health is asked for in the process that uses it.

    capacity: how many deployments have a place; each takes 1.9 KiB once it is used. One beyond it is known to its own
    process only.
    shift: what to add to its clock so that minutes begin with those of the wall clock, which machines have in common

    A worker may be killed at any moment: sweep() gives back the requests that it had under way.
    """

    def __cinit__(self, int capacity=4096, double shift=0):
        if not 2 <= capacity <= MAX_CAPACITY:
            raise ValueError(f"capacity must be from 2 to {MAX_CAPACITY}")
        self._table = health_init(self._map(health_size(capacity)), capacity)
        self._key = random_bytes(16)
        self.shift = shift
        self._known = {}

    cdef int _sit(self) except -1:
        # What the parent process knew of itself is not true of its child.
        cdef int pid = own_pid()
        if self._pid != pid:
            self._pid = pid
            self._seat = health_sit(self._table, pid)
            self._known = {}
        return 0

    cdef int64_t _place(self, str id) except -1:
        # The place of a deployment, 0 if there is no room for it.
        cdef uint64_t key = int.from_bytes(hashed(id.encode(), digest_size=8, key=self._key).digest(), "little")
        return shm_find(&self._table.claims, key if key else 1, 1)

    cpdef Health health(self, str id):
        """What is known about the deployment `id`, made if it is new."""
        cdef Health health
        self._sit()
        health = self._known.get(id)
        if health is None:
            health = self._known[id] = Health(self, id)
        return health

    def minute(self, double now):
        """The minute that `now` is in, counted as the wall clock does where `shift` says so."""
        return health_minute(now + self.shift)

    def lead(self, double now):
        """Whether this process is the one that does what one worker of a machine does. It keeps asking, each second.

        Another one takes over when it was killed, or did not ask for three seconds.
        """
        self._sit()
        return bool(health_lead(self._table, self._pid, health_second(now)))

    def sweep(self):
        """Give back what killed workers had under way; how many requests that were. Something calls it now and then."""
        self._sit()
        return health_sweep(self._table, self._pid)


@cython.final
cdef class Health:
    """What is known about one deployment. Selection reads it and counts requests in it; policies do the rest here."""

    def __cinit__(self, HealthTable table not None, str id not None):
        cdef int64_t place
        table._sit()
        place = table._place(id)
        self.id = id
        self.table = table
        self.shared = place != 0
        if place:
            self.now = &table._table.now[place]
            self.past = &table._table.past[place]
            self.leases = table._table.leases[place]
            self.share = &self.past.shares[table._seat] if table._seat >= 0 else NULL
            return
        self.now = <health_now *>calloc(1, sizeof(health_now))
        self.past = <health_past *>calloc(1, sizeof(health_past))
        self.leases = <health_lease *>calloc(2, sizeof(health_lease))
        if self.now == NULL or self.past == NULL or self.leases == NULL:
            raise MemoryError()

    def __dealloc__(self):
        if not self.shared:
            free(self.now)
            free(self.past)
            free(self.leases)

    @property
    def in_flight(self):
        """Requests under way, of all workers."""
        return self.now.in_flight

    def enter(self, int64_t limit):
        """Count one request more under way, unless that would be more than `limit`; whether it was counted."""
        return limit > 0 and bool(health_enter(self.now, self.share, limit))

    def leave(self):
        """Take back what enter() counted."""
        health_leave(self.now, self.share)

    def usage(self, double now):
        """(requests, tokens) of the minute; reserved tokens count until the real number is known."""
        cdef uint64_t minute = health_minute(now + self.table.shift)
        return health_count(&self.now.requests, minute), health_count(&self.now.tokens, minute)

    def elsewhere(self, double now):
        """(requests, tokens) of the minute that other machines used: a part of usage()."""
        cdef uint64_t minute = health_minute(now + self.table.shift)
        return health_count(&self.past.elsewhere[0], minute), health_count(&self.past.elsewhere[1], minute)

    def set_elsewhere(self, double now, int64_t requests, int64_t tokens):
        """Let the part of other machines be this from now on. One process of the machine does it."""
        cdef uint64_t minute = health_minute(now + self.table.shift)
        if requests < 0 or tokens < 0:
            raise ValueError("usage is 0 or more")
        health_set_elsewhere(&self.now.requests, &self.past.elsewhere[0], minute, min(requests, HEALTH_COUNT_MASK))
        health_set_elsewhere(&self.now.tokens, &self.past.elsewhere[1], minute, min(tokens, HEALTH_COUNT_MASK))

    def allowance(self, int kind, int64_t limit, double now):
        """The sum up to which this machine uses `limit` in the minute; kind is 0 for requests, 1 for tokens."""
        return health_allowance(self._lease(kind), limit, health_minute(now + self.table.shift))

    def set_lease(self, int kind, double now, int64_t until, int64_t share):
        """Let this machine go on in this minute until usage() is `until`, and in later ones until it is `share`.

        What is used elsewhere counts, so a lease of n requests is n more than usage(). share 0: nothing but the limit.
        """
        if until < 0 or share < 0:
            raise ValueError("leases are 0 or more")
        health_set_lease(
            self.table._table, self._lease(kind), health_minute(now + self.table.shift), min(until, HEALTH_COUNT_MASK),
            share,
        )

    cdef health_lease *_lease(self, int kind) except NULL:
        if not 0 <= kind < 2:
            raise IndexError(f"no kind {kind}")
        return &self.leases[kind]

    @property
    def pace(self):
        """Requests at a time that it has shown it can take. It is learnt where a Candidate is `adaptive`."""
        return pace_limit(health_load(&self.past.pace.limit))

    @property
    def weight(self):
        """Its weight in place of the configured one, for all workers from the next choice on; None: the configured one.

        It counts as configured weights do: where any deployment that is left has a weight, those without one get
        nothing. Raises ValueError for less than 0.
        """
        cdef double weight = health_weight(self.now)
        return None if weight < 0 else weight

    @weight.setter
    def weight(self, weight):
        if weight is None:
            health_unweigh(self.now)
        elif 0 <= weight < float("inf"):
            health_weigh(self.table._table, self.now, weight)
        else:
            raise ValueError("a weight is 0 or more")

    # -- rests ---------------------------------------------------------------------------------------------------

    def cool(self, double until):
        """Rest until `until`; a rest that lasts longer already is not cut short."""
        health_rest(&self.now.cooled_until_us, health_us(until))

    def wake(self, double until):
        """Take back cool(until), unless the rest was made longer since."""
        health_wake(&self.now.cooled_until_us, health_us(until))

    def cooled_for(self, double now):
        """Seconds of rest that are left, 0 when there are none."""
        return max(0, self.now.cooled_until_us - health_us(now)) / 1e6

    def mark_sick(self, double until):
        """Note that a health check failed; the note counts until `until`, or until a request succeeds."""
        health_rest(&self.now.sick_until_us, health_us(until))

    def mark_well(self):
        """Let it be chosen as if no health check had failed."""
        health_wake(&self.now.sick_until_us, self.now.sick_until_us)

    def sick_for(self, double now):
        """Seconds that the last failed health check still counts, 0 when it does not."""
        return max(0, self.now.sick_until_us - health_us(now)) / 1e6

    # -- budgets -------------------------------------------------------------------------------------------------

    def spend(self, uint64_t window, int64_t amount):
        """Add to what was spent in a window, and return it. A later window begins anew; windows are below 2**28."""
        if not (0 <= amount < 1 << 36 and window < 1 << 28):
            raise ValueError("an amount is from 0 to 2**36 - 1, a window below 2**28")
        health_take(&self.past.spent, window, amount, 0)
        return health_count(&self.past.spent, window)

    def break_until(self, double until):
        """Leave it out of choices until `until`: a budget is used up."""
        health_rest(&self.past.broke_until_us, health_us(until))

    def mend(self):
        """Take back break_until()."""
        health_wake(&self.past.broke_until_us, self.past.broke_until_us)

    def broke_for(self, double now):
        """Seconds until it may be chosen again, 0 when no budget is used up."""
        return max(0, self.past.broke_until_us - health_us(now)) / 1e6

    # -- outcomes ------------------------------------------------------------------------------------------------

    def note(self, double now, bint failed):
        """Count how a request ended. A success ends sickness."""
        health_note(self.now, self.past, health_second(now), failed)

    def outcomes(self, double now):
        """(successes, failures) of the window; it lasts 60 s from its first outcome."""
        cdef uint64_t seen = health_outcomes(&self.past.outcomes, health_second(now))
        return seen >> 16 & 0xffff, seen & 0xffff

    @property
    def failures_in_a_row(self):
        """Failures since the last success."""
        return health_load(&self.past.trouble) >> 32

    @property
    def failure_rate(self):
        """Share of failures, from 0 to 1: a moving average in which the last sixteen requests weigh most."""
        return health_float(health_load(&self.past.trouble))

    def count_failure(self, int kind, double now, double lifetime):
        """Count a failure of one kind and return how many there were in `lifetime` seconds from the first of them."""
        if not 0 <= kind < HEALTH_KINDS:
            raise IndexError(f"no kind {kind}")
        return health_fail(&self.past.fails[kind], <uint64_t>(now * 1e3), <uint64_t>(max(lifetime, 0.0) * 1e3))

    def answers_within(self, double percentile, bint streamed, double now):
        """Seconds within which this share of the last answers came; None while fewer than 20 are remembered.

        The time to the first token of streamed ones, the whole time of the others. They are remembered for an hour
        where a Candidate is `timed`. Raises ValueError for a percentile that is not above 0 and at most 1.
        """
        cdef double seconds
        if not 0 < percentile <= 1:
            raise ValueError("a percentile is above 0 and at most 1")
        seconds = health_within(&self.past.answers[streamed], percentile, health_second(now))
        return None if seconds == 0 else seconds
