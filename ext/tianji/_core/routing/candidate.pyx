"""What a choice has to know of one deployment, packed."""

from hashlib import blake2b

cimport cython
from libc.limits cimport INT_MAX
from libc.stdint cimport int32_t, int64_t, uint64_t

from tianji._core.routing.health cimport Health, health_count

cdef object hashed = blake2b


cdef double figure(const candidate *one, Reason reason, const moment *at) noexcept:
    """What there is to say beside the reason: seconds left, what is under way, what was used this minute."""
    if reason == COOLDOWN:
        return (one.now.cooled_until_us - at.us) / 1e6
    if reason == BUDGET:
        return (one.past.broke_until_us - at.us) / 1e6
    if reason == SICK:
        return (one.now.sick_until_us - at.us) / 1e6
    if reason == PARALLEL:
        return one.now.in_flight
    if reason == REQUESTS:
        return health_count(&one.now.requests, at.minute)
    if reason == TOKENS:
        return health_count(&one.now.tokens, at.minute)
    return 0


@cython.final
cdef class Candidate:
    """What a choice has to know of one deployment.

    lacks: bits of the operations and abilities that it does not have
    window: input tokens that fit; parallel: requests at a time; requests, tokens: a minute. 0 means no limit.
    price: of an input and an output token together
    weight, rpm, tpm: its share; the first of the three that any deployment left has decides
    order: its tier, the lowest goes first; None: after all that have one
    adaptive: it takes as many requests at a time as it has shown that it can, and `parallel` at the most
    budgeted: it is left out while a budget is used up
    timed: how long its answers take is remembered, for Health.answers_within
    """

    def __init__(
        self, Health health not None, *, uint64_t lacks=0, int64_t window=0, int64_t parallel=0, int64_t requests=0,
        int64_t tokens=0, double price=0, double weight=0, double rpm=0, double tpm=0, object order=None,
        bint adaptive=False, bint timed=False, bint budgeted=False,
    ):
        if min(window, parallel, requests, tokens) < 0 or not (price >= 0 and weight >= 0 and rpm >= 0 and tpm >= 0):
            raise ValueError("limits, prices and weights are 0 or more")
        self.health = health
        self.packed.now = health.now
        self.packed.past = health.past
        self.packed.share = health.share
        self.packed.leases = health.leases
        self.packed.mark = int.from_bytes(hashed(health.id.encode(), digest_size=8).digest(), "little")
        self.packed.lacks = lacks
        self.packed.window = window
        self.packed.parallel = parallel
        self.packed.requests = requests
        self.packed.tokens = tokens
        self.packed.price = price
        self.packed.shares = [weight, rpm, tpm]
        self.packed.adaptive = adaptive
        self.packed.timed = timed
        self.packed.budgeted = budgeted
        self.packed.order = INT_MAX if order is None else <int32_t>order
