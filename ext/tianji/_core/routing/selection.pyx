"""Which deployment of a group serves a request.

A choice filters packed arrays, scores what is left and draws from the best, without allocating. The deployment that
is drawn gets one request more, and the tokens that the request may use, in memory that all workers share, before
anybody else can choose: a burst does not land on one deployment, and no limit is passed. Each decision leaves behind
why every deployment was kept or dropped; verdicts() reads that, explain() decides and takes nothing.

Times are seconds of the clock of the Health objects. Chance is handed in too.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.limits cimport INT_MAX, INT_MIN
from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from tianji._core.routing.candidate cimport (
    ABILITY, AFFINITY, BUDGET, CONTEXT, COOLDOWN, KEPT, OPERATION, ORDER, PARALLEL, REQUESTS, SICK, TOKENS, TRIED,
    SHARES, Candidate, Reason, allowance, candidate, figure, limited, moment, reservation, slots, within_lease,
)
from tianji._core.routing.dice cimport Dice
from tianji._core.routing.health cimport (
    HEALTH_SAMPLES, Health, health_count, health_duration, health_enter, health_leave, health_minute, health_now,
    health_second, health_take, health_untake, health_us,
)
from tianji._core.routing.needs cimport TRIED_AT_MOST, Needs, wants
from tianji._core.routing.shares cimport BLOCK, competition, drawn, nearest, share_out

# by the numbers of Reason
REASONS = (
    "kept", "access", "blocked", "region", "tags", "operation", "ability", "context", "budget", "sick", "cooldown",
    "parallel", "requests", "tokens", "tried", "affinity", "order",
)
STRATEGIES = ("shuffle", "busy", "latency", "usage", "cost")  # by the numbers of Strategy
FIRST_OPERATION_BIT = 32  # of Needs.bits: below it are abilities, from it on operations

cdef int OPERATION_BITS = FIRST_OPERATION_BIT
cdef int POOLS_AT_MOST = 1024  # scopes that are remembered; clients choose tags, so there is no end to them


@cython.final
cdef class Selection:
    """The deployments of a group as a choice reads them, and the strategy.

    strategy: one of STRATEGIES
    admit: for a scope, or None for a request without one, a byte for each candidate: 0, or a number of REASONS
    buffer: scores up to best * (1 + buffer) are as good as the best
    samples, lifetime, percentile: how many durations count, for how many seconds, and which of them; 0 is their mean
    heeds_rests: deployments in cooldown are left out, and while `heeds_checks` those whose health check failed
    last_resort: when all are in cooldown, the one whose rest ends first is used
    """

    def __cinit__(
        self, str strategy not None, Dice dice not None, list candidates not None, *, object admit=None,
        double buffer=0, int samples=10, double lifetime=3600, double percentile=0, bint heeds_rests=True,
        bint heeds_checks=False, bint last_resort=False,
    ):
        if strategy not in STRATEGIES:
            raise ValueError(f"{strategy!r} is no strategy")
        if not (1 <= samples <= HEALTH_SAMPLES and lifetime >= 1 and 0 <= percentile <= 1 and buffer >= 0):
            raise ValueError("the measure of durations is out of range")
        self.strategy = strategy
        self._strategy = <Strategy><int>STRATEGIES.index(strategy)
        self._dice = dice
        self._pack(candidates)
        self._buffer = buffer
        self._measure.size = samples
        self._measure.lifetime = <uint32_t>min(lifetime, 1e9)
        self._measure.percentile = percentile
        self._heeds_rests = heeds_rests
        self._heeds_checks = heeds_rests and heeds_checks
        self._last_resort = last_resort
        self._admit = admit
        self._pools = {}
        self._open = self._admitted(None)

    cdef int _pack(self, list candidates) except -1:
        cdef int i, kind, count = len(candidates), blocks = count // BLOCK + 1
        cdef candidate *one
        cdef double *shares
        self._count = count
        self._candidates = <candidate *>calloc(count + 1, sizeof(candidate))
        self._reasons = <unsigned char *>calloc(count + 1, 1)
        self._scores = <double *>calloc((1 + SHARES) * count + blocks, sizeof(double))
        if self._candidates == NULL or self._reasons == NULL or self._scores == NULL:
            raise MemoryError()
        self._those = competition(
            self._candidates, self._reasons, self._scores, self._scores + count, [NULL, NULL, NULL], count, NULL
        )
        for i in range(count):
            one = &self._candidates[i]
            one[0] = (<Candidate>candidates[i]).packed
            self._tiered |= one.order != self._candidates[0].order
            self.lacking |= one.lacks
            for kind in range(SHARES):
                shares = self._those.sums + blocks + kind * count
                shares[i] = one.shares[kind]
                if shares[i] > 0:
                    self._those.shares[kind] = shares
        self.healths = tuple([(<Candidate>each).health for each in candidates])
        if count:
            self._table = (<Health>self.healths[0]).table._table
            self._shift = (<Health>self.healths[0]).table.shift
            self._those.weighs = &self._table.weighs
        return 0

    cdef inline moment _moment(self, double now) noexcept:
        return moment(
            health_us(now), health_second(now), health_minute(now + self._shift),
            self._table != NULL and self._table.leased,
        )

    def __dealloc__(self):
        free(self._candidates)
        free(self._reasons)
        free(self._scores)

    def __len__(self):
        return self._count

    @property
    def in_flight(self):
        """Requests under way at all of its deployments, of all workers."""
        return sum([health.in_flight for health in self.healths])

    def resting(self, double now):
        """Whether every deployment is in cooldown."""
        return all([(<Health>health).cooled_for(now) > 0 for health in self.healths])

    def minute_left(self, double now):
        """Seconds until the limits of a minute begin anew."""
        return 60 - (now + self._shift) % 60

    def order_of(self, int position):
        """The tier of a candidate, None when it has none."""
        cdef int32_t order = self._candidates[self._checked(position)].order
        return None if order == INT_MAX else order

    def _checked(self, int position):
        if not 0 <= position < self._count:
            raise IndexError(f"no deployment {position}")
        return position

    def _admitted(self, scope):
        pool = bytes(self._count) if self._admit is None else bytes(self._admit(scope))
        if len(pool) != self._count or (pool and max(pool) >= len(REASONS)):
            raise ValueError("admit() must return one reason for each deployment")
        return pool

    cpdef int choose(self, Needs needs, double now) except -2:
        """The place of the deployment that serves `needs`, whose slot it then has; -1 when there is none.

        A slot that it still has is given back first.
        """
        cdef moment at = self._moment(now)
        cdef int position, _round
        if needs is None:
            raise TypeError("needs must be Needs")
        needs.release(now)
        for _round in range(self._count + 1):
            position = self._decide(needs, &at)
            if position < 0 or self._take(needs, position, &at) == KEPT:
                return position
            # another worker took the last slot between the look and the grasp
        return -1

    def take(self, Needs needs not None, int position, double now):
        """Take a slot of one deployment without asking whether it should serve: "kept", or the limit in the way."""
        cdef moment at = self._moment(now)
        self._checked(position)
        needs.release(now)
        return REASONS[self._take(needs, position, &at)]

    def explain(self, Needs needs not None, double now):
        """(what choose() would return, verdicts), and nothing is taken."""
        cdef moment at = self._moment(now)
        position = self._decide(needs, &at)
        return position, self.verdicts(now)

    def verdicts(self, double now):
        """Of the last decision, for each deployment: (one of REASONS, figure).

        The figure of one that was kept is its score, or with "shuffle" its share; of one in cooldown or sick the
        seconds left; of one at a limit what it has under way or used this minute.
        """
        cdef moment at = self._moment(now)
        cdef list found = []
        cdef candidate *one
        cdef Reason reason
        cdef double said
        cdef int i
        for i in range(self._count):
            one = &self._candidates[i]
            reason = <Reason>self._reasons[i]
            said = self._scores[i] / self._total if reason == KEPT else figure(one, reason, &at)
            found.append((REASONS[reason], said))
        return found

    # -- the decision --------------------------------------------------------------------------------------------

    cdef bytes _pool(self, object scope):
        if scope is None:
            return self._open
        found = self._pools.get(scope)
        if found is None:
            found = self._admitted(scope)
            if len(self._pools) >= POOLS_AT_MOST:
                self._pools.clear()
            self._pools[scope] = found
        return found

    cdef int _decide(self, Needs needs, const moment *at) except -2:
        cdef bytes pool = self._pool(needs.scope)
        cdef int kept = self._filter(needs, pool, at, self._heeds_checks)
        cdef int position
        self._total = 1
        if kept == 0 and self._heeds_checks:
            # a failed check is a suspicion; with nothing else left it is not heeded
            kept = self._filter(needs, pool, at, False)
        if needs.tried_count:
            kept = self._drop_tried(needs, kept)
        if kept == 0 and self._last_resort:
            kept = self._soonest(needs, at)
        if needs.pin is not None and needs.asks.order_after == INT_MIN:
            position = self._pinned(needs.pin)
            if position >= 0:
                return position
        if self._tiered or needs.asks.order_after != INT_MIN:
            kept = self._keep_order(needs.asks.order_after, kept)
        if kept == 0:
            return -1
        if needs.affinity:
            share_out(&self._those, own_weights(needs, self._count), kept)
            return nearest(&self._those, needs.affinity)
        if self._strategy != SHUFFLE:
            return self._best(needs.asks.streamed, at)
        self._total = share_out(&self._those, own_weights(needs, self._count), kept)
        return drawn(&self._those, self._total, self._dice.roll())

    cdef int _filter(self, Needs needs, bytes pool, const moment *at, bint heeds_checks) noexcept:
        """Write down a reason for each deployment; how many are kept."""
        cdef const unsigned char *admitted = <const unsigned char *>PyBytes_AS_STRING(pool)
        cdef unsigned char *reasons = self._reasons
        cdef const candidate *candidates = self._candidates
        cdef bint heeds_rests = self._heeds_rests
        cdef wants asks = needs.asks  # copies: what a byte is written to could be anything, and is read anew then
        cdef moment now = at[0]
        cdef Reason reason
        cdef int i, kept = 0
        for i in range(self._count):
            reason = <Reason>admitted[i]
            if reason == KEPT:
                reason = judged(&candidates[i], &asks, &now, heeds_rests, heeds_checks)
            reasons[i] = reason
            kept += reason == KEPT
        return kept

    cdef int _drop_tried(self, Needs needs, int kept) noexcept:
        cdef int i, j
        for j in range(min(needs.tried_count, TRIED_AT_MOST)):
            for i in range(self._count):
                if self._candidates[i].now == needs.tried[j] and self._reasons[i] == KEPT:
                    self._reasons[i] = TRIED
                    kept -= 1
        return kept

    cdef int _soonest(self, Needs needs, const moment *at) noexcept:
        """Keep the one within its limits whose cooldown ends first; how many that are."""
        cdef candidate *one
        cdef candidate *best = NULL
        cdef int i, found = -1
        for i in range(self._count):
            one = &self._candidates[i]
            if self._reasons[i] != COOLDOWN or limited(one, needs.asks.tokens, at) != KEPT:
                continue
            if best == NULL or one.now.cooled_until_us < best.now.cooled_until_us:
                best, found = one, i
        if found < 0:
            return 0
        self._reasons[found] = KEPT
        return 1

    cdef int _keep_order(self, int32_t after, int kept) noexcept:
        """Keep the lowest tier that is left behind `after`. Having none counts as the last, and never as behind one."""
        cdef int32_t order, lowest = INT_MAX
        cdef int i
        for i in range(self._count):
            order = self._candidates[i].order
            if self._reasons[i] == KEPT and after < order < lowest:
                lowest = order
        if lowest == INT_MAX and after == INT_MIN:
            return kept
        for i in range(self._count):
            if self._reasons[i] == KEPT and (lowest == INT_MAX or self._candidates[i].order != lowest):
                self._reasons[i] = ORDER
                kept -= 1
        return kept

    cdef int _pinned(self, Health pin) noexcept:
        """Keep the pinned deployment alone if it is left, whatever its tier; its place, or -1."""
        cdef int i, found = -1
        for i in range(self._count):
            if self._candidates[i].now == pin.now and self._reasons[i] == KEPT:
                found = i
                break
        for i in range(self._count if found >= 0 else 0):
            if i != found and self._reasons[i] == KEPT:
                self._reasons[i] = AFFINITY
        if found >= 0:
            self._scores[found] = 0
        return found

    cdef int _best(self, bint streamed, const moment *at) noexcept:
        """Draw evenly among those whose score is the lowest, or nearly. The score of whom is not left is infinite."""
        cdef const candidate *candidates = self._candidates
        cdef const unsigned char *reasons = self._reasons
        cdef double *scores = self._scores
        cdef double lowest = INFINITY, bound
        cdef int i, good = 0, mark, count = self._count
        for i in range(count):
            scores[i] = INFINITY
            if reasons[i] == KEPT:
                scores[i] = scored(&candidates[i], self._strategy, streamed, &self._measure, at)
            lowest = min(scores[i], lowest)
        bound = lowest * (1 + self._buffer)
        for i in range(count):
            good += scores[i] <= bound
        mark = <int>(self._dice.roll() * good)
        for i in range(count):
            if scores[i] <= bound:
                if mark == 0:
                    return i
                mark -= 1
        return -1

    cdef Reason _take(self, Needs needs, int position, const moment *at) noexcept:
        """Count the request in; KEPT, or the limit that it would have passed."""
        cdef candidate *one = &self._candidates[position]
        cdef int64_t tokens = reservation(one, needs.asks.tokens)
        if not health_enter(one.now, one.share, slots(one)):
            return PARALLEL
        if not health_take(&one.now.requests, at.minute, 1, allowance(one, 0, one.requests, at)):
            health_leave(one.now, one.share)
            return REQUESTS
        if tokens and not (
            within_lease(one, at) and health_take(&one.now.tokens, at.minute, tokens, one.tokens)
        ):
            health_untake(&one.now.requests, at.minute, 1)
            health_leave(one.now, one.share)
            return TOKENS
        needs.hold(self.healths[position], one, &self._measure, at.us, at.minute, tokens)
        return KEPT


cdef inline Reason judged(
    const candidate *one, const wants *asks, const moment *at, bint heeds_rests, bint heeds_checks
) noexcept nogil:
    cdef const health_now *now = one.now
    cdef uint64_t missing = one.lacks & asks.bits
    if missing:
        return OPERATION if missing >> OPERATION_BITS else ABILITY
    if one.window and asks.input_tokens > one.window:
        return CONTEXT
    if one.budgeted and one.past.broke_until_us > at.us:
        return BUDGET
    if heeds_checks and now.sick_until_us > at.us:
        return SICK
    if heeds_rests and now.cooled_until_us > at.us:
        return COOLDOWN
    return limited(one, asks.tokens, at)


cdef inline double scored(
    const candidate *one, Strategy strategy, bint streamed, const health_measure *how, const moment *at
) noexcept nogil:
    cdef double score = 0
    if strategy == BUSY:
        return one.now.in_flight
    if strategy == USAGE:
        return health_count(&one.now.tokens, at.minute)
    if strategy == COST:
        return one.price
    if streamed:
        score = health_duration(&one.past.first_token, &one.now.first_token, how, at.second)
    if score == 0:
        score = health_duration(&one.past.latency, &one.now.latency, how, at.second)
    return score


cdef inline const double *own_weights(Needs needs, int count) noexcept:
    """The weights that a request brings along, NULL when it has none for so many."""
    if needs.weights is None or PyBytes_GET_SIZE(needs.weights) != count * <int>sizeof(double):
        return NULL
    return <const double *>PyBytes_AS_STRING(needs.weights)
