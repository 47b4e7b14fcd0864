"""What a choice has to know of one deployment, packed."""

cimport cython
from libc.limits cimport INT_MAX
from libc.stdint cimport int32_t, int64_t, uint64_t

from tianji._core.health cimport Health


@cython.final
cdef class Candidate:
    """What a choice has to know of one deployment.

    lacks: bits of the operations and abilities that it does not have
    window: input tokens that fit; parallel: requests at a time; requests, tokens: a minute. 0 means no limit.
    price: of an input and an output token together
    weight, rpm, tpm: its share; the first of the three that any deployment left has decides
    order: its tier, the lowest goes first; None: after all that have one
    """

    def __init__(
        self, Health health not None, *, uint64_t lacks=0, int64_t window=0, int64_t parallel=0, int64_t requests=0,
        int64_t tokens=0, double price=0, double weight=0, double rpm=0, double tpm=0, object order=None,
    ):
        if min(window, parallel, requests, tokens) < 0 or not (price >= 0 and weight >= 0 and rpm >= 0 and tpm >= 0):
            raise ValueError("limits, prices and weights are 0 or more")
        self.health = health
        self.packed.now = health.now
        self.packed.past = health.past
        self.packed.share = health.share
        self.packed.lacks = lacks
        self.packed.window = window
        self.packed.parallel = parallel
        self.packed.requests = requests
        self.packed.tokens = tokens
        self.packed.price = price
        self.packed.shares = [weight, rpm, tpm]
        self.packed.order = INT_MAX if order is None else <int32_t>order
