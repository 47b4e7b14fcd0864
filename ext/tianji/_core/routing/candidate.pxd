"""What a choice has to know of one deployment, packed, and what its limits say."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from tianji._core.routing.health cimport (
    Health, health_allowance, health_fits, health_lease, health_now, health_past, pace_slots,
)


cdef enum:
    SHARES = 3   # weight, rpm, tpm: the first that any deployment left has decides


cdef enum Reason:  # why a deployment was dropped, in the order in which it is asked; see selection.REASONS
    KEPT
    ACCESS
    BLOCKED
    REGION
    TAGS
    OPERATION
    ABILITY
    CONTEXT
    BUDGET
    SICK
    COOLDOWN
    PARALLEL
    REQUESTS
    TOKENS
    TRIED
    AFFINITY
    ORDER


cdef struct moment:         # what a choice goes by, beside its request
    int64_t us
    uint32_t second
    uint64_t minute
    bint leased             # whether there ever was a lease


cdef struct candidate:      # what every choice reads comes first, in one cache line
    health_now *now
    uint64_t lacks          # bits of what it cannot do
    int64_t window          # tokens that fit into its context; 0: not known
    int64_t parallel        # limits; 0: none
    int64_t requests        # a minute
    int64_t tokens          # a minute
    const health_lease *leases
    int32_t order           # INT_MAX: none
    unsigned char budgeted  # left out while a budget is used up
    unsigned char adaptive  # learns how many requests it takes at a time
    unsigned char timed     # remembers how long its answers take
    health_past *past
    double price
    double shares[SHARES]
    int32_t *share          # of the requests under way, this process's
    uint64_t mark           # of its id, the same on all machines


cdef class Candidate:
    cdef readonly Health health
    cdef candidate packed


cdef inline int64_t slots(const candidate *one) noexcept nogil:
    """How many requests may be under way; 0: any number."""
    return pace_slots(&one.past.pace, one.parallel) if one.adaptive else one.parallel


cdef inline int64_t reservation(const candidate *one, int64_t tokens) noexcept nogil:
    """Tokens to reserve. A request that is larger than the whole limit is let through in a minute without any other."""
    if one.tokens == 0:
        return tokens
    return max(1, min(tokens, one.tokens))


cdef inline int64_t allowance(const candidate *one, int kind, int64_t limit, const moment *at) noexcept nogil:
    """How far a limit may be used here; other machines may use the rest of it."""
    return health_allowance(&one.leases[kind], limit, at.minute) if at.leased and limit else limit


cdef inline bint within_lease(const candidate *one, const moment *at) noexcept nogil:
    """Whether a lease of tokens has something left. The last request may take more than that: it need not be split."""
    if one.tokens == 0 or not at.leased:
        return True
    return health_fits(&one.now.tokens, at.minute, 1, allowance(one, 1, one.tokens, at))


cdef inline Reason limited(const candidate *one, int64_t tokens, const moment *at) noexcept nogil:
    """The limit that a request with so many tokens would pass, or KEPT."""
    cdef int64_t parallel = slots(one)
    if parallel and one.now.in_flight >= parallel:
        return PARALLEL
    if one.requests and not health_fits(&one.now.requests, at.minute, 1, allowance(one, 0, one.requests, at)):
        return REQUESTS
    if one.tokens and not health_fits(&one.now.tokens, at.minute, reservation(one, tokens), one.tokens):
        return TOKENS
    return KEPT if within_lease(one, at) else TOKENS


cdef double figure(const candidate *one, Reason reason, const moment *at) noexcept
