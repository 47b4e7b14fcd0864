"""The deployment table as the hot path reads it.

A Snapshot compiles the configuration into these objects once; afterwards they are only read. A Plan says how one
operation reaches one deployment, a Deployment is one upstream of one model, a Group is the public name over them.
"""

import cython

cdef extern from "xorshift.h":
    ctypedef struct xorshift_t:
        pass
    void xorshift_seed(xorshift_t *state, unsigned long long seed) noexcept
    double xorshift_unit(xorshift_t *state) noexcept


cdef xorshift_t DICE


def seed_dice(unsigned long long seed):
    """Seed the generator behind weighted choice. Each worker does so with its own entropy, after the fork."""
    xorshift_seed(&DICE, seed)


@cython.final
cdef class Plan:
    """How one operation reaches one deployment, as bytes that only need joining."""

    def __init__(
        self, *, Origin origin not None, str path not None, bytes head not None, bytes model, dict fields not None,
        dict renames not None, tuple conditions not None, tuple defaults not None, tuple overrides not None,
        object adapt, bint adapt_always, tuple needles not None, object shaping, bint asks_usage,
        Timeouts timeouts not None, Timeouts stream_timeouts not None, str canned,
    ):
        self.origin = origin
        self.path = path
        self.head = head
        self.model = model
        self.fields = fields
        self.renames = renames
        self.conditions = conditions
        self.defaults = defaults
        self.overrides = overrides
        self.adapt = adapt
        self.adapt_always = adapt_always
        self.needles = needles
        self.shaping = shaping
        self.asks_usage = asks_usage
        self.streams = (b"stream", b"true") in defaults
        self.timeouts = timeouts
        self.stream_timeouts = stream_timeouts
        self.canned = canned


@cython.final
cdef class Deployment:
    """One upstream of one model."""

    def __init__(
        self, *, str id not None, str group not None, str provider not None, str model not None, str api_base not None,
        dict plans not None, tuple secrets not None, str unready, list answer_headers not None,
        DeploymentStats stats not None,
    ):
        self.id = id
        self.group = group
        self.provider = provider
        self.model = model
        self.api_base = api_base
        self.weight = 1
        self.plans = plans
        self.secrets = secrets
        self.unready = unready
        self.answer_headers = answer_headers
        self.stats = stats


@cython.final
cdef class Group:
    """The deployments behind one public model name."""

    def __init__(self, str name not None, list deployments not None, Selection selection=None):
        self.name = name
        self.deployments = deployments
        self.selection = selection

    cpdef Deployment choose(self, str operation, list tried=None):
        """Draw a deployment that offers `operation` and is not in `tried`, by weight; None when none is left.

        When every candidate weighs nothing they are equally likely.
        """
        cdef Deployment deployment
        cdef list candidates = []
        cdef double total = 0
        cdef double mark
        for deployment in self.deployments:
            if operation in deployment.plans and (tried is None or deployment not in tried):
                candidates.append(deployment)
                total += deployment.weight
        if len(candidates) < 2:
            return candidates[0] if candidates else None
        if total <= 0:
            return candidates[<Py_ssize_t>(xorshift_unit(&DICE) * len(candidates))]
        mark = xorshift_unit(&DICE) * total
        for deployment in candidates:
            mark -= deployment.weight
            if mark < 0:
                return deployment
        return candidates[len(candidates) - 1]


@cython.final
cdef class Table:
    """One Snapshot's deployments and the settings the hot path reads. Immutable; a reload makes a new one."""

    def __init__(
        self, *, dict groups not None, object resolve, frozenset watched not None, str default_model,
        bint shows_usage, bint compat, bint trusts_clients, bint forwards_client_headers, long long max_answer,
    ):
        self.groups = groups
        self.resolve = resolve
        self.watched = watched
        self.default_model = default_model
        self.shows_usage = shows_usage
        self.compat = compat
        self.trusts_clients = trusts_clients
        self.forwards_client_headers = forwards_client_headers
        self.max_answer = max_answer
