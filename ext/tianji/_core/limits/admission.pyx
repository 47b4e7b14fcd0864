"""One request held against the limits of whoever it is for."""

cimport cython
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memset

from tianji._core.limits.limiter cimport (
    BUDGET, INPUT, LEASE_ALONE, LEASE_OFF, LEASE_ON, NO_END, OUTPUT, PARALLEL, REQUESTS, TOKENS, UNLEASED, UNLOADED,
    WINDOWS, Limit, LimitSet, lease_is_dry, lease_mode, lease_of_step, lease_offset, lease_reserve,
    lease_restore, lease_share, lease_take, lease_unasked, limiter_row, purse_load, purse_reserve, purse_settle,
    window, window_give_back, window_lease, window_seconds, window_take, window_wait,
)

cdef int64_t MOST_TOKENS = (<int64_t>1 << 36) - 1  # of one request
cdef int64_t MOST_NANO = <int64_t>1 << 61          # half of the largest budget
cdef double SOON = 1.0                             # seconds until a request at a time may have ended
cdef int64_t SHAREABLE = <int64_t>1 << 38          # a limit from here on only counts
cdef int64_t SHAREABLE_NANO = <int64_t>1 << 53     # the largest whole number that the store can add exactly


cdef enum:
    WANTED = -2  # no amount: what there is has to be asked for


cdef bint places_wanted(Limit limit, double now) noexcept:
    # Whether the other machines may have places for a limit that is crowded here.
    cdef limiter_row *row = &limit.table._table.rows[limit._place]
    return row.places.held < limit.limits[PARALLEL] and purse_load(&row.places.dry_ms) <= <int64_t>(now * 1e3)


@cython.final
@cython.freelist(64)
@cython.no_gc  # it cannot be part of a circle, and __dealloc__ has to find its fields as they were
cdef class Admission:
    """One request held against a set of limits: all let it through, or nothing is counted.

    input_tokens, output_tokens: how many it may use at most
    nano: what it may cost at most; negative: it costs nothing, and no budget is asked
    requests: as how many it counts

    It gives back what it holds once, at the latest when it is freed itself.
    """

    def __init__(
        self, LimitSet asked not None, long long input_tokens=0, long long output_tokens=0, long long nano=-1,
        long long requests=1,
    ):
        self.prepare(asked, input_tokens, output_tokens, nano, requests)

    cdef int prepare(
        self, LimitSet asked, long long input_tokens, long long output_tokens, long long nano, long long requests
    ) except -1:
        if self._held:
            raise RuntimeError("this admission is under way")
        self.asked = asked
        self._amounts[REQUESTS] = min(max(0, requests), MOST_TOKENS)
        self._amounts[INPUT] = min(max(0, input_tokens), MOST_TOKENS)
        self._amounts[OUTPUT] = min(max(0, output_tokens), MOST_TOKENS)
        self._amounts[TOKENS] = self._amounts[INPUT] + self._amounts[OUTPUT]
        self._nano = min(nano, MOST_NANO)
        self.refused_kind = -1
        return 0

    def __dealloc__(self):
        if self._held:
            self.release(0)

    cpdef bint admit(self, double now) except -1:
        """Whether all limits let it through; what it may use is reserved then.

        If not, `refused_by` and `refused_kind` (a place in KIND_NAMES) say who refused, and `retry_after` the seconds
        after which there may be room, negative when waiting does not help. `unloaded`: restore() and ask again;
        `unleased`: have what it lacks() granted, and ask again.
        Raises what `renew` raises, and RuntimeError when it is under way already.
        """
        cdef tuple limits
        cdef bint admitted = False
        if self._held:
            raise RuntimeError("this admission is under way")
        limits = self.asked.limits
        self.refused_by = None
        self.refused_kind = -1
        if self.asked.table is not None:
            self._step = self.asked.table._step(now)
            self._mode = lease_mode(&self.asked.table._table.sharing)
        try:
            admitted = self._enter_all(limits, now) and self._take_all(limits, now)
        finally:
            if not admitted:
                self.release(now)
        return admitted

    cdef bint _enter_all(self, tuple limits, double now) except -1:
        # Places and money: budgets of all come before rates of any.
        cdef Limit limit
        cdef bint crowded = False
        cdef int i
        for i in range(<int>PyTuple_GET_SIZE(limits)):
            limit = <Limit>PyTuple_GET_ITEM(limits, i)
            if limit.limits[PARALLEL] == 0:
                return self._refuse(limit, PARALLEL, -1)
            self._rows[i] = limit._enter(now, limit.limits[PARALLEL], &crowded)
            if crowded:
                if self._mode == LEASE_ON and places_wanted(limit, now):
                    return self._refuse(limit, UNLEASED, 0)
                return self._refuse(limit, PARALLEL, SOON)
            self._taken[i] = 0
            self._reserved[i] = 0
            self._held += 1
            if limit.limits[BUDGET] >= 0 and self._rows[i] != NULL:
                self._begun[i] = purse_load(&self._rows[i].money.begun_ms)
            if self._nano >= 0 and limit.limits[BUDGET] >= 0 and not self._reserve(i, limit, now):
                return False
        return True

    cdef bint _reserve(self, int i, Limit limit, double now) except -1:
        cdef limiter_row *row = self._rows[i]
        cdef int64_t budget = limit.limits[BUDGET], ends, taken
        if row == NULL:
            return True if budget else self._refuse(limit, BUDGET, -1)
        ends = purse_load(&row.money.ends_ms)
        if ends == 0:
            return self._refuse(limit, UNLOADED, -1)
        if ends != NO_END:
            limit._begin_anew(row, now)
            self._begun[i] = purse_load(&row.money.begun_ms)
        if self._mode == LEASE_OFF or budget >= SHAREABLE_NANO:
            taken = purse_reserve(&row.money, self._share(i, limit), self._nano, budget, limit.whole)
        else:
            taken = self._reserve_leased(i, limit, budget, now)
        if taken >= 0:
            self._reserved[i] = taken
            return True
        if taken == WANTED:
            return self._refuse(limit, UNLEASED, 0)
        ends = purse_load(&row.money.ends_ms)
        return self._refuse(
            limit, BUDGET, -1 if ends == NO_END or budget == 0 else ends / 1e3 - now - limit.table.shift)

    cdef int64_t _reserve_leased(self, int i, Limit limit, int64_t budget, double now) noexcept:
        # What is reserved of the money that was granted; -1: nothing is left, WANTED: it has to be asked for.
        cdef limiter_row *row = self._rows[i]
        cdef int64_t *share = self._share(i, limit)
        cdef int64_t taken
        cdef bint asked = purse_load(&row.loan.dry_ms) > <int64_t>(now * 1e3)
        if budget == 0:
            return -1
        row.loan.limit = budget
        if self._mode == LEASE_ALONE:
            return purse_reserve(
                &row.money, share, self._nano, lease_unasked(&limit.table._table.sharing, &row.loan, budget),
                limit.whole)
        taken = lease_reserve(&row.money, &row.loan, share, self._nano, limit.whole or not asked)
        return WANTED if taken < 0 and not asked else taken

    cdef bint _take_all(self, tuple limits, double now) except -1:
        cdef Limit limit
        cdef limiter_row *row
        cdef Py_ssize_t i
        cdef int kind
        for i in range(PyTuple_GET_SIZE(limits)):
            limit = <Limit>PyTuple_GET_ITEM(limits, i)
            row = self._rows[i]
            for kind in range(WINDOWS):
                if limit.limits[kind] < 0:
                    continue
                if limit.limits[kind] == 0:
                    return self._refuse(limit, kind, -1)
                if row == NULL:
                    continue
                if self._mode != LEASE_OFF and limit.limits[kind] < SHAREABLE:
                    if not self._take_leased(<int>i, limit, kind, now):
                        return False
                elif not window_take(&row.windows[kind], self._step, self._amounts[kind], limit.limits[kind]):
                    return self._wait_for(limit, &row.windows[kind], kind, limit.limits[kind], now)
                self._taken[i] |= 1 << kind
        return True

    cdef bint _take_leased(self, int i, Limit limit, int kind, double now) except -1:
        cdef limiter_row *row = self._rows[i]
        cdef window_lease *lease = &row.leases[kind]
        cdef int64_t amount = self._amounts[kind], share
        if amount == 0 or lease_take(lease, self._step, amount):
            return window_take(&row.windows[kind], self._step, amount, -1)
        lease.limit = limit.limits[kind]
        if self._mode == LEASE_ALONE:
            share = lease_share(limit.limits[kind], limit.table._table.sharing.machines)
            if window_take(&row.windows[kind], self._step, amount, share):
                return True
            return self._wait_for(limit, &row.windows[kind], kind, share, now)
        if amount > limit.limits[kind]:
            return self._refuse(limit, kind, -1)
        if lease_is_dry(lease, self._step, amount):
            return self._refuse(limit, kind, max(0.0, lease.room_ms / 1e3 - now))
        return self._refuse(limit, UNLEASED, 0)

    cdef bint _wait_for(self, Limit limit, window *seen, int kind, int64_t most, double now) noexcept:
        # Refuse it until `most` has room for it.
        cdef int32_t steps = window_wait(seen, self._step, self._amounts[kind], most)
        cdef double offset = lease_offset(&limit.table._table.sharing)
        return self._refuse(limit, kind, -1 if steps < 0 else max(0.0, window_seconds(now + offset, steps)))

    cpdef list lacks(self, double now):
        """[(Limit, kind, amount)] that have to be granted before it is let in, kinds by their places in KIND_NAMES."""
        cdef list found = []
        cdef Limit limit
        cdef limiter_row *row
        cdef int kind
        for limit in self.asked.limits:
            if limit.table._place(limit, now) < 0:
                continue
            row = &limit.table._table.rows[limit._place]
            for kind in range(WINDOWS):
                if 0 < limit.limits[kind] < SHAREABLE and (
                    lease_of_step(&row.leases[kind].lease, self._step) < self._amounts[kind] <= limit.limits[kind]
                ):
                    found.append((limit, kind, self._amounts[kind]))
            if limit.limits[PARALLEL] > 0 and row.places.held <= row.in_flight:
                found.append((limit, PARALLEL, 1))
            if self._nano >= 0 and 0 < limit.limits[BUDGET] < SHAREABLE_NANO and (
                purse_load(&row.loan.granted) - purse_load(&row.money.committed) < max(<int64_t>1, self._nano)
            ):
                found.append((limit, BUDGET, max(<int64_t>1, self._nano)))
        return found

    cdef int _refuse(self, Limit limit, int kind, double retry_after) noexcept:
        self.refused_by = limit
        self.refused_kind = kind
        self.retry_after = retry_after
        return False

    cpdef long long covered(self) noexcept:
        """The least that is reserved of any budget, nano-dollars; -1 where no budget is asked."""
        cdef long long least = -1
        cdef int i
        for i in range(self._held):
            if self._reserves(i) and (least < 0 or self._reserved[i] < least):
                least = self._reserved[i]
        return least

    cpdef bint extend(self, long long nano) except -1:
        """Reserve `nano` more of every budget, or what is left of it; False, and nothing is, where nothing is left."""
        cdef Limit limit
        cdef int64_t more[<int>MOST_LIMITS]
        cdef int64_t budget
        cdef int i, j
        for i in range(self._held):
            more[i] = 0
            if not self._reserves(i):
                continue
            limit = <Limit>PyTuple_GET_ITEM(self.asked.limits, i)
            budget = limit.limits[BUDGET]
            if self._mode != LEASE_OFF and budget < SHAREABLE_NANO:  # nobody can be asked in the middle of a stream
                budget = lease_unasked(&limit.table._table.sharing, &self._rows[i].loan, budget)
            more[i] = purse_reserve(
                &self._rows[i].money, self._share(i, limit), min(nano, MOST_NANO), budget, False)
            if more[i] < 0:
                for j in range(i):
                    if more[j] > 0:
                        limit = <Limit>PyTuple_GET_ITEM(self.asked.limits, j)
                        purse_settle(&self._rows[j].money, self._share(j, limit), more[j], 0)
                return False
        for i in range(self._held):
            self._reserved[i] += more[i]
        return True

    cdef bint _reserves(self, int i) noexcept:
        # Whether it holds money of the budget at this place. One that was exhausted to the cent held what was left.
        cdef Limit limit = <Limit>PyTuple_GET_ITEM(self.asked.limits, i)
        return self._nano >= 0 and self._rows[i] != NULL and limit.limits[BUDGET] >= 0

    cdef int64_t *_share(self, int i, Limit limit) noexcept:
        cdef int seat = limit.table._seat
        return &self._rows[i].money.shares[seat] if seat >= 0 else NULL

    cdef int _give_back(self, uint32_t step, int64_t *used, int64_t nano) noexcept:
        # used: of each kind, in place of what was taken; step: where what was used beyond it counts
        cdef tuple limits
        cdef Limit limit
        cdef limiter_row *row
        cdef int64_t more
        cdef bint over
        cdef int i, kind, held = self._held
        if not held:
            return 0
        self._held = 0
        limits = self.asked.limits
        for i in range(held):
            row = self._rows[i]
            if row == NULL:
                continue
            limit = <Limit>PyTuple_GET_ITEM(limits, i)
            for kind in range(WINDOWS):
                more = used[kind] - self._amounts[kind]
                if more == 0 or not self._taken[i] & 1 << kind:
                    continue
                if more < 0:
                    window_give_back(&row.windows[kind], self._step, -more)
                    if self._mode == LEASE_ON:
                        lease_restore(&row.leases[kind], self._step, -more)
                else:
                    window_take(&row.windows[kind], step, more, -1)
            if limit.limits[BUDGET] >= 0:
                over = self._begun[i] != purse_load(&row.money.begun_ms)  # it was spent in an earlier period
                purse_settle(&row.money, self._share(i, limit), self._reserved[i], 0 if over else nano)
            if self._mode != LEASE_OFF:
                row.changed = True
            limit._leave(row)
        return 0

    cpdef int spend(self, long long nano) except -1:
        """Count nano-dollars as spent already; what is reserved stays, for what is still to come.

        For who goes on after something that is in the books: those may say so to the budgets before it is settled.
        """
        cdef limiter_row *row
        cdef int i
        if nano < 0:
            raise ValueError("what was spent is 0 or more")
        for i in range(self._held):
            row = self._rows[i]
            if row == NULL or (<Limit>PyTuple_GET_ITEM(self.asked.limits, i)).limits[BUDGET] < 0:
                continue
            if self._begun[i] == purse_load(&row.money.begun_ms):  # else it was spent in an earlier period
                purse_settle(&row.money, NULL, 0, nano)
        return 0

    cdef uint32_t _now(self, double now) noexcept:
        return 0 if self.asked.table is None else self.asked.table._step(now)

    cpdef int settle(self, double now, long long input_tokens, long long output_tokens, long long nano) except -1:
        """Replace what was reserved by what was used and spent; tokens below zero are not known: they stand.

        Nothing happens when it holds nothing. Raises ValueError for money below zero.
        """
        cdef int64_t used[<int>WINDOWS]
        if nano < 0:
            raise ValueError("what was spent is 0 or more")
        used[REQUESTS] = self._amounts[REQUESTS]
        used[INPUT] = self._amounts[INPUT] if input_tokens < 0 else min(input_tokens, MOST_TOKENS)
        used[OUTPUT] = self._amounts[OUTPUT] if output_tokens < 0 else min(output_tokens, MOST_TOKENS)
        used[TOKENS] = used[INPUT] + used[OUTPUT]
        return self._give_back(self._now(now), used, nano)

    cpdef int release(self, double now) noexcept:
        """Give back all that was reserved: nothing was used. Nothing happens when it holds nothing."""
        cdef int64_t used[<int>WINDOWS]
        memset(used, 0, sizeof(used))
        return self._give_back(self._now(now), used, 0)
