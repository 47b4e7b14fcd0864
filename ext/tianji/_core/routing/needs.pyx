"""What one request needs of a deployment, which it has tried, and the slot that it holds."""

cimport cython
from libc.limits cimport INT_MIN
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from tianji._core.routing.candidate cimport candidate
from tianji._core.routing.health cimport (
    Health, health_answer, health_leave, health_measure, health_minute, health_ms, health_note, health_sample,
    health_second, health_take, health_untake, health_us, pace_answered, pace_refused,
)

cdef double PENALTY = 1000.0  # seconds that a timeout counts for among durations


@cython.final
@cython.freelist(64)
@cython.no_gc  # it cannot be part of a circle, and __dealloc__ has to find its fields as they were
cdef class Needs:
    """One request as a choice sees it.

    bits: abilities and the operation; input_tokens: must fit; tokens: may be used, and are reserved
    streamed: the time to the first token counts
    scope: hashable; the group's `admit` says which deployments it may use
    pin: the health of the deployment that serves it as long as that is possible
    affinity: requests with the same number, which is not 0, are served by the same deployment as long as that is
        possible; each number stands for a deployment of its own, in proportion to their shares
    weights: doubles in the machine's order, one a deployment, in place of the configured ones

    It holds at most one slot and gives it back once, at the latest when it is freed itself.
    """

    def __init__(
        self, *, uint64_t bits=0, long long input_tokens=0, long long tokens=0, bint streamed=False,
        object scope=None, Health pin=None, uint64_t affinity=0, bytes weights=None,
    ):
        self.asks.bits = bits
        self.asks.input_tokens = input_tokens
        self.asks.tokens = tokens
        self.asks.streamed = streamed
        self.asks.order_after = INT_MIN
        self.scope = scope
        self.pin = pin
        self.affinity = affinity
        self.weights = weights

    def __dealloc__(self):
        self._give_back(0, 0)

    @property
    def order_after(self):
        """Only tiers behind this one are used; None: any."""
        return None if self.asks.order_after == INT_MIN else self.asks.order_after

    @order_after.setter
    def order_after(self, order):
        self.asks.order_after = INT_MIN if order is None else <int32_t>order

    @property
    def tried(self):
        """How many deployments failed it and are left out until forget(); the last 32 are remembered."""
        return min(self.tried_count, TRIED_AT_MOST)

    def forget(self):
        """Let it use again what it has tried."""
        self.tried_count = 0

    cpdef int leave_out(self, Health health) noexcept:
        """Do not use this deployment until forget()."""
        self.tried[self.tried_count % TRIED_AT_MOST] = health.now
        self.tried_count += 1
        return 0

    cpdef Needs again(self):
        """The same needs for a second attempt at the same time: elsewhere than where this one has its slot."""
        cdef Needs other = Needs.__new__(Needs)
        other.asks = self.asks
        other.scope = self.scope
        other.weights = self.weights
        if self.holding is not None:
            other.leave_out(self.holding)
        return other

    cdef int hold(
        self, Health health, const candidate *one, const health_measure *measure, int64_t us, uint64_t minute,
        int64_t reserved
    ) noexcept:
        self.holding = health
        self._adaptive = one.adaptive
        self._parallel = one.parallel
        self._timed = one.timed
        self._began_us = us
        self._measure = measure[0]
        self._minute = minute
        self._reserved = reserved
        return 0

    cpdef int release(self, double now) noexcept:
        """Give the slot back without a word on the deployment. Nothing happens when it holds none, here and below."""
        return self._give_back(now, 0)

    cpdef Health failed(self, double now, bint penalty=False, bint overload=False):
        """Give the slot back and leave the deployment out from now on; its health, for the policy that judges it.

        penalty: it timed out, which counts as a very long duration
        overload: it had more requests than it takes (429, 503 and the like); a timeout is a sign of that too
        """
        cdef Health health = self.holding
        if health is None:
            return None
        self.leave_out(health)
        if penalty:
            health_sample(&health.past.latency, &health.now.latency, &self._measure, PENALTY, health_second(now))
        if self._adaptive and (penalty or overload):
            pace_refused(&health.past.pace, health.now.in_flight, health_ms(self._began_us), health_ms(health_us(now)))
        self._give_back(now, 0)
        return health

    cpdef int succeeded(
        self, double now, double seconds=-1, double first_token=-1, long long completion_tokens=0,
        long long tokens=-1,
    ) noexcept:
        """Give the slot back and count a success.

        seconds, first_token: how long the answer and its first token took, negative when not known
        completion_tokens: of the answer; durations are remembered for one of them
        tokens: used in all, -1 when not known: then what was reserved stands
        """
        cdef Health health = self.holding
        cdef uint32_t second
        cdef double each = completion_tokens if completion_tokens > 1 else 1
        if health is None:
            return 0
        second = health_second(now)
        health_note(health.now, health.past, second, False)
        if seconds >= 0:
            health_sample(&health.past.latency, &health.now.latency, &self._measure, seconds / each, second)
        if first_token >= 0:
            health_sample(
                &health.past.first_token, &health.now.first_token, &self._measure, first_token / each, second
            )
        if self._adaptive or self._timed:
            self._learn(now, first_token if self.asks.streamed and first_token >= 0 else seconds)
        return self._give_back(now, tokens)

    cdef int _learn(self, double now, double seconds) noexcept:
        # seconds: until the answer stood, or began when it is streamed; negative when not known
        cdef Health health = self.holding
        if self._timed and seconds > 0:
            health_answer(&health.past.answers[self.asks.streamed], seconds, health_second(now))
        if self._adaptive:
            pace_answered(
                &health.past.pace, health.now.in_flight, self._parallel, health_ms(self._began_us),
                health_ms(health_us(now)), max(seconds, 0.0), self.asks.streamed
            )
        return 0

    cdef int _give_back(self, double now, int64_t used) noexcept:
        cdef Health health = self.holding
        if health is None:
            return 0
        self.holding = None
        health_leave(health.now, health.share)
        if used < 0:
            return 0
        if self._reserved:
            health_untake(&health.now.tokens, self._minute, self._reserved - used)
        elif used:
            health_take(&health.now.tokens, health_minute(now + health.table.shift), used, 0)
        return 0
