"""What a machine has of limits that it shares with others: what it says of them, and what it is granted.

Between the table of limits (limiter.pyx) and the store in which machines meet (storage/leases.py), whose claims and
answers these are. A claim says in whole what this machine has, so that an answer that got lost does no harm.
"""

import cython

from libc.stdint cimport int64_t, uint32_t, uint64_t

from tianji._core.limits.limiter cimport (
    BUDGET, LEASE_ALONE, LEASE_OFF, LEASE_ON, LIMITER_MOVING, NO_END, PARALLEL, WINDOW_STEPS, WINDOWS, Limit,
    LimitTable, lease_mode, lease_of_step, lease_offset, lease_renew, lease_turn, limiter_owner, limiter_row,
    money_lease, purse, purse_add, purse_load, purse_renew, window, window_lease,
)

cdef extern from "window.h":
    enum:
        WINDOW_STEP_S
        WINDOW_BITS
    uint64_t WINDOW_MASK

cdef extern from "lease.h":
    void lease_set_offset(void *s, double offset) noexcept
    void lease_grant(window_lease *l, uint32_t step, int64_t n) noexcept
    void lease_profile(const window *w, uint32_t step, int64_t *amounts) noexcept
    int64_t lease_cover(int64_t *granted, const int64_t *used) noexcept
    void lease_begin(money_lease *l, purse *p) noexcept
    void lease_end(money_lease *l, purse *p) noexcept
    int64_t lease_give_up(int64_t *granted, const int64_t *used) noexcept

cdef enum:
    SETTLED_MS = 1000  # after a question no answer comes any more
    DRY_MS = 400       # for which an answer that grants less than was needed is believed
    STEPS_KEPT = 1 << 24
    MOST_DUE = 100     # claims of one call of due()

ANSWERED_WITHIN = SETTLED_MS / 2e3
MODES = ("off", "alone", "on")


cdef inline int64_t in_ms(double seconds) noexcept:
    return <int64_t>(seconds * 1e3)


@cython.final
cdef class Loan:
    """A claim on one limit, and where what is granted goes. `claim` is what the store is told."""


@cython.final
cdef class Leases:
    """The leases of a machine's table. Its workers have one each, and what they hold is in the table."""

    def __init__(self, LimitTable table not None):
        self.table = table

    @property
    def mode(self):
        """`off`: limits are this machine's own; `on`: they are shared; `alone`: they are, and nobody can be asked."""
        return MODES[lease_mode(&self.table._table.sharing)]

    @property
    def machines(self):
        """How many machines there were when the store answered last; 0 before it ever did."""
        return self.table._table.sharing.machines

    @property
    def epoch(self):
        """By which the store is known; 0 before it ever answered."""
        return self.table._table.sharing.epoch

    def end(self):
        """Let limits be this machine's own."""
        cdef int64_t place
        if lease_mode(&self.table._table.sharing) == LEASE_OFF:
            return
        self.table._table.sharing.mode = LEASE_OFF
        for place in range(self.table._table.capacity):
            if limiter_owner(self.table._table, place) > LIMITER_MOVING:
                lease_end(&self.table._table.rows[place].loan, &self.table._table.rows[place].money)

    def begin(self):
        """Share limits. Until the store answers, each machine has its share of them."""
        cdef int64_t place
        if lease_mode(&self.table._table.sharing) != LEASE_OFF:
            return
        if lease_offset(&self.table._table.sharing) == 0:
            lease_set_offset(&self.table._table.sharing, self.table.shift)  # nearly what the store will say
        self.table._table.sharing.mode = LEASE_ALONE
        for place in range(self.table._table.capacity):
            if limiter_owner(self.table._table, place) > LIMITER_MOVING:
                lease_begin(&self.table._table.rows[place].loan, &self.table._table.rows[place].money)

    def go_alone(self):
        """Let each machine have its share of what is shared, until the store answers again. Whether it had not yet."""
        return bool(lease_turn(&self.table._table.sharing, LEASE_ON, LEASE_ALONE))

    def meet(self, double sent, double there, int machines, int64_t epoch, bint on):
        """Take over what an answer says of the store, and return whether limits are shared again, or not for now.

        Nothing happens where they are not to be.

        sent: when it was asked; there: the store's own clock; on: whether it grants anything
        """
        if lease_mode(&self.table._table.sharing) == LEASE_OFF:
            return False
        # Counted from when it was asked, its clock is ahead of what it is. So no step is thought to last too long.
        lease_set_offset(&self.table._table.sharing, there - sent)
        if on or machines > self.table._table.sharing.machines:
            self.table._table.sharing.machines = machines
        if epoch != self.table._table.sharing.epoch:
            self.table._table.sharing.epoch = epoch
            self.tell_all()
        if on:
            return bool(lease_turn(&self.table._table.sharing, LEASE_ALONE, LEASE_ON))
        return self.go_alone()

    def tell_all(self):
        """Have all rows told to the store again: it does not know them any more."""
        cdef int64_t place
        for place in range(self.table._table.capacity):
            if limiter_owner(self.table._table, place) > LIMITER_MOVING:
                self.table._table.rows[place].changed = True

    cdef int64_t _step(self, double now) noexcept:
        return <int64_t>((now + lease_offset(&self.table._table.sharing)) / WINDOW_STEP_S)

    # -- what the store is told ----------------------------------------------------------------------------------------

    def ask(self, Limit limit not None, int kind, int64_t need, int64_t want, double now):
        """Claim more of a limit, by the place of its kind in KIND_NAMES; None for what the table does not know.

        need: with less than this nobody is helped; want: what all who wait for it need
        """
        cdef int64_t place = self.table._place(limit, now)
        cdef limiter_row *row
        if place < 0:
            return None
        row = &self.table._table.rows[place]
        row.changed = True
        if kind < WINDOWS:
            row.leases[kind].limit = limit.limits[kind]
            return self._window(place, kind, need, want, now)
        if kind == PARALLEL:
            row.places.limit = limit.limits[kind]
            row.places.asked_ms = in_ms(now)
            return self._places(place, need, want, False)
        if purse_load(&row.money.ends_ms) == 0:
            return None
        row.loan.limit = limit.limits[BUDGET]
        row.loan.asked_ms = in_ms(now)
        return self._money(place, need, want, False)

    def due(self, double now, int64_t place=0, int most=MOST_DUE):
        """Claim nothing for all that changed since this was asked last; what lies idle is given back.

        Returns the claims and the place to go on from, which is 0 at the end: beyond `most` it stops, since it holds
        the loop up.
        """
        cdef list found = []
        while place < self.table._table.capacity and len(found) < most:
            if limiter_owner(self.table._table, place) > LIMITER_MOVING and self.table._table.rows[place].changed:
                self._due(found, place, now)
            place += 1
        return found, place if place < self.table._table.capacity else 0

    cdef int _due(self, list found, int64_t place, double now) except -1:
        cdef limiter_row *row = &self.table._table.rows[place]
        cdef uint32_t step = <uint32_t>(self._step(now) % STEPS_KEPT)
        cdef bint settled, again = False
        cdef int kind
        row.changed = False
        for kind in range(WINDOWS):
            if row.leases[kind].limit:
                found.append(self._window(place, kind, 0, 0, now))
                again = again or lease_of_step(&row.leases[kind].lease, step) > 0
        if row.places.limit:
            settled = row.places.asked_ms + SETTLED_MS < in_ms(now)
            if settled:
                lease_give_up(&row.places.held, &row.in_flight)
            found.append(self._places(place, 0, 0, settled))
            again = again or not settled
        if row.loan.limit and purse_load(&row.money.ends_ms):
            settled = row.loan.asked_ms + SETTLED_MS < in_ms(now)
            if settled:
                lease_give_up(&row.loan.granted, &row.money.committed)
            found.append(self._money(place, 0, 0, settled))
            again = again or not settled
        if again:
            row.changed = True
        return 0

    def defer(self, list loans not None):
        """Have these told again: the store did not hear them."""
        cdef Loan loan
        for loan in loans:
            self.table._table.rows[loan.place].changed = True

    cdef Loan _loan(self, int64_t place, int kind, int64_t need, list claim):
        cdef Loan loan = Loan.__new__(Loan)
        loan.place = place
        loan.owner = limiter_owner(self.table._table, place)
        loan.kind = kind
        loan.need = need
        loan.claim = claim
        return loan

    cdef Loan _window(self, int64_t place, int kind, int64_t need, int64_t want, double now):
        cdef limiter_row *row = &self.table._table.rows[place]
        cdef int64_t amounts[<int>WINDOW_STEPS + 1]
        cdef int64_t at = self._step(now)
        cdef int64_t held = lease_of_step(&row.leases[kind].lease, <uint32_t>(at % STEPS_KEPT))
        cdef int i, last = 0
        lease_profile(&row.windows[kind], <uint32_t>(at % STEPS_KEPT), amounts)
        amounts[0] += held
        for i in range(<int>WINDOW_STEPS + 1):
            if amounts[i]:
                last = i + 1
        return self._loan(place, kind, need, [
            kind, row.name[:row.name_length].decode(), row.leases[kind].limit, need, want, at,
            [amounts[i] for i in range(last)],
        ])

    cdef Loan _places(self, int64_t place, int64_t need, int64_t want, bint settled):
        cdef limiter_row *row = &self.table._table.rows[place]
        cdef int64_t held = lease_cover(&row.places.held, &row.in_flight)
        return self._loan(place, PARALLEL, need, [
            PARALLEL, row.name[:row.name_length].decode(), row.places.limit, need, want, held, settled])

    cdef Loan _money(self, int64_t place, int64_t need, int64_t want, bint settled):
        cdef limiter_row *row = &self.table._table.rows[place]
        cdef int64_t held = lease_cover(&row.loan.granted, &row.money.committed)
        cdef int64_t own = purse_load(&row.money.spent), ends = purse_load(&row.money.ends_ms)
        return self._loan(place, BUDGET, need, [
            BUDGET, row.name[:row.name_length].decode(), row.loan.limit, need, want, own, held,
            own + purse_load(&row.loan.elsewhere), 0 if ends == NO_END else ends, row.loan.joined != 0, settled,
        ])

    # -- what it says --------------------------------------------------------------------------------------------------

    def grant(self, Loan loan not None, tuple answer not None, int64_t step, double now):
        """Take over what was answered to a claim. step: of the store, when it answered."""
        if limiter_owner(self.table._table, loan.place) != loan.owner:
            return
        if loan.kind < WINDOWS:
            self._grant_window(loan, answer, step, now)
        elif loan.kind == PARALLEL:
            self._grant_places(loan, answer, now)
        else:
            self._grant_money(loan, answer, now)

    cdef int _grant_window(self, Loan loan, tuple answer, int64_t step, double now) except -1:
        cdef window_lease *lease = &self.table._table.rows[loan.place].leases[loan.kind]
        cdef int64_t granted = answer[0], left = answer[1], room = answer[2]
        cdef uint64_t tag = <uint64_t>(step % STEPS_KEPT)
        if step != self._step(now):
            return 0  # it came too late
        if granted:
            lease_grant(lease, <uint32_t>tag, granted)
        lease.room_ms = in_ms((step + room) * <double>WINDOW_STEP_S - lease_offset(&self.table._table.sharing))
        lease.left = tag << WINDOW_BITS | min(<uint64_t>left, WINDOW_MASK)
        return 0

    cdef int _grant_places(self, Loan loan, tuple answer, double now) except -1:
        cdef limiter_row *row = &self.table._table.rows[loan.place]
        cdef int64_t granted = answer[0]
        purse_add(&row.places.held, granted)
        if granted < loan.need:
            row.places.dry_ms = in_ms(now) + DRY_MS
        return 0

    cdef int _grant_money(self, Loan loan, tuple answer, double now) except -1:
        cdef limiter_row *row = &self.table._table.rows[loan.place]
        cdef int64_t granted = answer[0], left = answer[1], elsewhere = answer[2], ends = answer[3], added = answer[5]
        cdef int64_t seen = purse_load(&row.money.ends_ms)
        if ends == 0:
            ends = NO_END
        if answer[4]:  # another period has begun
            if purse_renew(&row.money, seen, seen, ends):
                lease_renew(&row.loan, &row.money)
            row.changed = True
            return 0
        row.money.ends_ms = ends
        if added and not row.loan.joined:  # what this machine spent before it forgot the row
            purse_add(&row.loan.granted, added)
            purse_add(&row.money.committed, added)
            purse_add(&row.money.spent, added)
        purse_add(&row.loan.granted, granted)
        row.loan.left = left
        row.loan.elsewhere = elsewhere
        row.loan.joined = True
        if granted < loan.need:
            row.loan.dry_ms = in_ms(now) + DRY_MS
        return 0
