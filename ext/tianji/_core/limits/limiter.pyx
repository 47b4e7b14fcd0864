"""What callers may have, counted by all workers of a machine together: requests and tokens of the last minute,
requests at a time, and money of a period.

Times are seconds of one clock, which the caller reads and hands in: CLOCK_MONOTONIC in production.

In a minute no more than a limit goes through, whichever 60 seconds one looks at: what was used counts for 60 to 62
seconds (window.h). A limit of N lets N through at once when the window is empty.
"""

from _blake2 import blake2b  # of hashlib, which loads OpenSSL: too much for the parent process
from os import getpid, urandom

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.math cimport ceil
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

cdef extern from "decimal.h":
    bytes decimal_bytes(long long number, const char *unit)

cdef extern from "limiter.h":
    size_t limiter_size(int64_t capacity) noexcept
    limiter_table *limiter_init(void *memory, int64_t capacity) noexcept
    int64_t limiter_seek(const limiter_table *t, uint64_t hash) noexcept
    int64_t limiter_find(
        limiter_table *t, uint64_t hash, const char *name, uint32_t length, int64_t now_ms, int32_t self
    ) noexcept
    int limiter_restore(
        limiter_table *t, int64_t place, uint64_t hash, int64_t spent, int64_t ends_ms, int32_t self
    ) noexcept
    int limiter_sit(limiter_table *t, int32_t self) noexcept
    int64_t limiter_sweep(limiter_table *t, int32_t self, int64_t first, int64_t last) noexcept

cdef object hashed = blake2b
cdef object own_pid = getpid
cdef object random_bytes = urandom

cdef enum:
    MAX_CAPACITY = 1 << 22

cdef int64_t MOST_COUNTED = (<int64_t>1 << 39) - 1  # half of what a window can tell apart
cdef int64_t MOST_NANO = <int64_t>1 << 62

KIND_NAMES = ("requests", "tokens", "input_tokens", "output_tokens", "parallel", "budget", "unloaded", "unleased")
cdef tuple REQUEST_HEADERS = (
    b"x-ratelimit-limit-requests", b"x-ratelimit-remaining-requests", b"x-ratelimit-reset-requests")
cdef tuple TOKEN_HEADERS = (
    b"x-ratelimit-limit-tokens", b"x-ratelimit-remaining-tokens", b"x-ratelimit-reset-tokens")
LARGEST_SET = MOST_LIMITS  # limits that one request is held against
LARGEST_NAME = LIMITER_NAME_BYTES


cdef inline int64_t milliseconds(double seconds) noexcept:
    # Rounded up: a period has not ended before its end.
    return NO_END if seconds >= 9e12 else <int64_t>ceil(seconds * 1e3)


cdef int64_t first_of(LimitTable table, int part, int parts) except -1:
    if 0 <= part <= parts and parts > 0:
        return table._table.capacity * part // parts
    raise ValueError(f"{part} is none of {parts} parts")


@cython.final
cdef class LimitTable(SharedMemory):
    """Rows of all that is limited. Make it before the fork; a Limit is asked for in the process that uses it.

    capacity: how many rows there are, 4.1 KB each once they are used; rounded up to a multiple of 16. A row that was
    not used for two minutes, and whose spend was written down, gives way to a new one. What finds no room is not
    limited, and counted in `refused`.
    shift: what to add to its clock for the time since 1970, by which budgets end

    A worker may be killed at any moment: sweep() gives back what it had under way and had reserved.
    """

    def __cinit__(self, int capacity=32768, double shift=0):
        if not 2 <= capacity <= MAX_CAPACITY:
            raise ValueError(f"capacity must be from 2 to {MAX_CAPACITY}")
        capacity = (capacity + LIMITER_WAYS - 1) // LIMITER_WAYS * LIMITER_WAYS
        self._table = limiter_init(self._map(limiter_size(capacity)), capacity)
        self._key = random_bytes(16)
        self.shift = shift

    cdef int _sit(self) except -1:
        # What the parent process knew of itself is not true of its child.
        cdef int pid = own_pid()
        if self._pid != pid:
            self._pid = pid
            self._seat = limiter_sit(self._table, pid)
        return 0

    cdef int64_t _place(self, Limit limit, double now) except -2:
        # The place of a limit's row, made if need be; -1 if there is no room.
        if limit._place < 0 or limiter_owner(self._table, limit._place) != limit._hash:
            limit._place = limiter_find(
                self._table, limit._hash, PyBytes_AS_STRING(limit._name), <uint32_t>PyBytes_GET_SIZE(limit._name),
                <int64_t>(now * 1e3), self._pid
            )
        return limit._place

    cdef uint32_t _step(self, double now) noexcept:
        # The step of the windows, by the clock of whom the limits are shared through.
        return window_step(now + lease_offset(&self._table.sharing))

    @property
    def refused(self):
        """How often a row found no room, so that nothing was limited."""
        return self._table.refused

    @property
    def moved(self):
        """How many rows gave way to others."""
        return self._table.moved

    def sweep(self, int part=0, int parts=1):
        """Give back what killed workers held, of so many `parts` of all rows; how many limits that freed."""
        self._sit()
        return limiter_sweep(self._table, self._pid, first_of(self, part, parts), first_of(self, part + 1, parts))

    def take_unsaved(self, int part=0, int parts=1):
        """[(name, nano-dollars)] spent since this was asked last, in any period."""
        cdef list found = []
        cdef limiter_row *row
        cdef int64_t place, nano
        for place in range(first_of(self, part, parts), first_of(self, part + 1, parts)):
            row = &self._table.rows[place]
            nano = purse_load(&row.money.unsaved) if limiter_owner(self._table, place) > LIMITER_MOVING else 0
            if nano:
                found.append((row.name[:row.name_length].decode(), nano))
                purse_add(&row.money.unsaved, -nano)
        return found


@cython.final
cdef class Limit:
    """What the holder of `name` may have. None is no limit, and zero lets nothing through. Times are since 1970.

    name: such as `team:<id>` or `key:<id>/model:<m>`; everybody who uses the same name shares what was used
    requests, tokens, input_tokens, output_tokens: in any 60 seconds
    parallel: requests at a time
    budget: nano-dollars of a period; ask restore() before it is used
    whole: refuse an estimate that is more than what is left; else what is left is reserved, and the request may go on
    renew: of the end of a period that is over and the time, gives beginning and end of the one under way; None: no end

    Raises ValueError for a name that is empty or too long, and for a limit below zero.
    """

    def __cinit__(
        self, LimitTable table not None, str name not None, *, requests=None, tokens=None, input_tokens=None,
        output_tokens=None, parallel=None, budget=None, bint whole=False, object renew=None,
    ):
        cdef int kind
        cdef int64_t most
        self._name = name.encode()
        if not 0 < len(self._name) <= LIMITER_NAME_BYTES:
            raise ValueError(f"the name of a limit must have 1 to {LIMITER_NAME_BYTES} bytes: {name[:40]!r}")
        for kind, value in enumerate((requests, tokens, input_tokens, output_tokens, parallel, budget)):
            if value is not None and value < 0:
                raise ValueError(f"the limit of {KIND_NAMES[kind]} of {name!r} is below zero")
            most = MOST_NANO if kind == BUDGET else MOST_COUNTED
            self.limits[kind] = -1 if value is None else min(value, most)
        table._sit()
        self.table = table
        self.name = name
        self.whole = whole
        self.renew = renew
        self._hash = int.from_bytes(hashed(self._name, digest_size=8, key=table._key).digest(), "little")
        if self._hash <= LIMITER_MOVING:
            self._hash = LIMITER_MOVING + 1
        self._place = -1

    cdef limiter_row *_enter(self, double now, int64_t parallel, bint *crowded) except? NULL:
        # The row, with one more under way; NULL if the table is full, or `parallel` (0 or less: any) are under way.
        cdef LimitTable table = self.table
        cdef limiter_row *row
        cdef int32_t *share
        cdef int64_t places = parallel
        cdef int mode = lease_mode(&table._table.sharing)
        crowded[0] = False
        while table._place(self, now) >= 0:
            row = &table._table.rows[self._place]
            share = &row.shares[table._seat] if table._seat >= 0 else NULL
            if mode != LEASE_OFF:
                row.changed = True
                if parallel > 0:
                    row.places.limit = parallel
                    places = lease_places(&table._table.sharing, &row.places, parallel)
            if (places == 0 and parallel > 0) or not seat_enter(&row.in_flight, share, places):
                crowded[0] = True
                return NULL
            if limiter_owner(table._table, self._place) != self._hash:  # it gave way to another one just now
                seat_leave(&row.in_flight, share)
                continue
            row.touched_ms = <int64_t>(now * 1e3)
            if mode == LEASE_ON and parallel > 0 and row.in_flight > lease_places(
                &table._table.sharing, &row.places, parallel
            ):  # it was given back just now
                seat_leave(&row.in_flight, share)
                crowded[0] = True
                return NULL
            return row
        return NULL

    cdef int _leave(self, limiter_row *row) noexcept:
        cdef int seat = self.table._seat
        seat_leave(&row.in_flight, &row.shares[seat] if seat >= 0 else NULL)
        return 0

    cdef int _begin_anew(self, limiter_row *row, double now) except -1:
        # One process of all that notice the end of the period begins the next.
        cdef double since_1970 = now + self.table.shift
        cdef int64_t ended = purse_load(&row.money.ends_ms), begins = ended, ends = NO_END
        if ended > <int64_t>(since_1970 * 1e3):
            return 0
        if self.renew is not None:
            edges = self.renew(ended / 1e3, since_1970)
            begins, ends = milliseconds(edges[0]), milliseconds(edges[1])
        if purse_renew(&row.money, ended, begins, ends):
            lease_renew(&row.loan, &row.money)
        return 0

    def restore(self, int64_t spent, period_end, double now):
        """Load what was spent of the period that ends at `period_end` (seconds since 1970; None: never).

        Whether it was not loaded before: what this machine knows already is not changed, but that a period without an
        end takes this one.
        """
        cdef int64_t ends = NO_END if period_end is None else max(1, milliseconds(period_end))
        cdef int done = -1
        while done < 0 and self.table._place(self, now) >= 0:
            done = limiter_restore(self.table._table, self._place, self._hash, spent, ends, self.table._pid)
        return done == 1

    def learn(self, int64_t spent, period_end, double now):
        """Let the spend of the period that ends at `period_end` be at least this: others spend of it, too.

        Nothing happens when nothing was loaded, or when another period is under way.
        """
        cdef int64_t ends = NO_END if period_end is None else max(1, milliseconds(period_end))
        cdef int64_t place = limiter_seek(self.table._table, self._hash)
        cdef limiter_row *row
        if place < 0:
            return
        row = &self.table._table.rows[place]
        if purse_load(&row.money.ends_ms) != ends or ends <= <int64_t>((now + self.table.shift) * 1e3):
            return
        if lease_mode(&self.table._table.sharing) == LEASE_OFF:
            purse_raise(&row.money, spent)
        else:
            lease_learn(&row.loan, &row.money, spent)

    def agree(self, int64_t spent, since, period_end, double now):
        """Go by what is stored: by the end of the period, and by a spend that counts from a later moment on than here.

        since, period_end: seconds since 1970, or None. Nothing happens where nothing was loaded, the stored period is
        over, or machines share budgets.
        """
        cdef int64_t ends = NO_END if period_end is None else milliseconds(period_end)
        cdef int64_t place = limiter_seek(self.table._table, self._hash)
        cdef limiter_row *row
        if place < 0 or lease_mode(&self.table._table.sharing) != LEASE_OFF:
            return
        row = &self.table._table.rows[place]
        if purse_load(&row.money.ends_ms) and ends > <int64_t>((now + self.table.shift) * 1e3):
            if since is not None:
                purse_restart(&row.money, spent, milliseconds(since))
            row.money.ends_ms = ends

    def ceiling(self, int kind):
        """The limit of a kind, by its place in KIND_NAMES; None without one."""
        if not 0 <= kind < KINDS:
            raise IndexError(f"no kind {kind}")
        return None if self.limits[kind] < 0 else self.limits[kind]

    def used(self, int kind, double now):
        """What counts at `now`: of the last minute, under way, or of the period, spent and reserved."""
        cdef limiter_row *row
        if not 0 <= kind < KINDS:
            raise IndexError(f"no kind {kind}")
        if self.table._place(self, now) < 0:
            return 0
        row = &self.table._table.rows[self._place]
        if kind < WINDOWS:
            return lease_used(&row.leases[kind], &row.windows[kind], self.table._step(now))
        return row.in_flight if kind == PARALLEL else purse_load(&row.money.committed) + purse_load(&row.loan.elsewhere)

    def money(self, double now):
        """(spent, reserved, end of the period in seconds since 1970 or None); None when nothing was loaded."""
        cdef limiter_row *row
        cdef int64_t ends
        if self.table._place(self, now) < 0:
            return None
        row = &self.table._table.rows[self._place]
        ends = purse_load(&row.money.ends_ms)
        if ends == 0:
            return None
        return (
            row.money.spent + row.loan.elsewhere, row.money.committed - row.money.spent,
            None if ends == NO_END else ends / 1e3,
        )


@cython.final
cdef class LimitSet:
    """All limits that a request is held against, at most 32, of one table. Made once, used by many requests."""

    def __cinit__(self, tuple limits not None):
        cdef Limit one
        if len(limits) > MOST_LIMITS:
            raise ValueError(f"a request is held against {MOST_LIMITS} limits at most, not {len(limits)}")
        for one in limits:
            if one is None:
                raise TypeError("limits must be Limit")
            if self.table is not None and self.table is not one.table:
                raise ValueError("the limits of a set are of one table")
            self.table = one.table
        self.limits = limits

    cdef window *narrowest(self, int kind, double now, int64_t *limit, int64_t *left) except? NULL:
        # The window of the limit of a kind that has the least left, NULL where nothing of it was used; `limit` is -1
        # when nothing of this kind is limited.
        cdef Limit one
        cdef window *found = NULL
        cdef window *seen
        cdef int64_t of_one
        cdef uint32_t step
        cdef int mode
        limit[0] = -1
        left[0] = 0
        if self.table is None:
            return NULL
        step = self.table._step(now)
        mode = lease_mode(&self.table._table.sharing)
        for one in self.limits:
            if one.limits[kind] < 0:
                continue
            seen = NULL if self.table._place(one, now) < 0 else &self.table._table.rows[one._place].windows[kind]
            if seen == NULL:
                of_one = one.limits[kind]
            elif mode == LEASE_OFF:
                of_one = max(0, one.limits[kind] - window_used(seen, step))
            elif mode == LEASE_ALONE:
                of_one = max(0, lease_share(
                    one.limits[kind], self.table._table.sharing.machines) - window_used(seen, step))
            else:
                of_one = max(0, one.limits[kind] - lease_used(
                    &self.table._table.rows[one._place].leases[kind], seen, step))
            if limit[0] < 0 or of_one < left[0] or (of_one == left[0] and one.limits[kind] < limit[0]):
                found, limit[0], left[0] = seen, one.limits[kind], of_one
        return found

    def smallest(self, int kind):
        """The smallest limit of a kind, by its place in KIND_NAMES; None where nothing of it is limited."""
        if not 0 <= kind < KINDS:
            raise IndexError(f"no kind {kind}")
        return min([one.ceiling(kind) for one in self.limits if one.ceiling(kind) is not None], default=None)

    cpdef list quota(self, int tokens, double now):
        """`x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, each of the limit that has the least left.

        tokens: which tokens are meant, a place in KIND_NAMES. Reset is when all of it is there again, in whole seconds,
        as in `62s`. Nothing for what is not limited.
        """
        cdef list found = []
        if not 0 <= tokens < WINDOWS:
            raise IndexError(f"no window {tokens}")
        self._tell(found, REQUEST_HEADERS, REQUESTS, now)
        self._tell(found, TOKEN_HEADERS, tokens, now)
        return found

    cdef double _refilled(self, window *seen, int64_t limit, int64_t left, double now) noexcept:
        # Seconds until all of a limit is there again; what others took counts as if it were of this moment.
        cdef uint32_t step = self.table._step(now)
        cdef int32_t steps = WINDOW_STEPS + 1
        if lease_mode(&self.table._table.sharing) == LEASE_OFF or limit - window_used(seen, step) <= left:
            steps = window_refill(seen, step, limit)
        return window_seconds(now + lease_offset(&self.table._table.sharing), steps)

    cdef int _tell(self, list found, tuple names, int kind, double now) except -1:
        cdef int64_t limit = -1, left = 0
        cdef long long seconds = 0
        cdef window *narrowest = self.narrowest(kind, now, &limit, &left)
        if limit < 0:
            return 0
        if left != limit:
            seconds = <long long>ceil(self._refilled(narrowest, limit, left, now))
        found.append((names[0], decimal_bytes(limit, b"")))
        found.append((names[1], decimal_bytes(left, b"")))
        found.append((names[2], decimal_bytes(seconds, b"s")))
        return 0
