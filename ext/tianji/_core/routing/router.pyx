"""The deployment table as the hot path reads it.

A Snapshot compiles the configuration into these objects once; afterwards they are only read. A Plan says how one
operation reaches one deployment, a Deployment is one upstream of one model, a Group is the public name over them.
"""

import cython


@cython.final
cdef class Plan:
    """How one operation reaches one deployment, as bytes that only need joining."""

    def __init__(
        self, *, Origin origin not None, str path not None, bytes head not None, bytes model, dict fields not None,
        dict renames not None, tuple conditions not None, tuple defaults not None, tuple overrides not None,
        object passage, object adapt, bint adapt_always, tuple needles not None, object shaping, bint asks_usage,
        Timeouts timeouts not None, Timeouts stream_timeouts not None, dict tiers not None, str canned,
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
        self.passage = passage
        self.adapt = adapt
        self.adapt_always = adapt_always
        self.needles = needles
        self.shaping = shaping
        self.asks_usage = asks_usage
        self.streams = (b"stream", b"true") in defaults
        self.timeouts = timeouts
        self.stream_timeouts = stream_timeouts
        self.tiers = tiers
        self.canned = canned


@cython.final
cdef class Deployment:
    """One upstream of one model."""

    def __init__(
        self, *, str id not None, str group not None, str provider not None, str model not None, str api_base not None,
        dict plans not None, tuple secrets not None, str unready, list answer_headers not None,
        DeploymentStats stats not None, Rates rates, object prices, object hedge, object silent,
    ):
        self.id = id
        self.group = group
        self.provider = provider
        self.model = model
        self.api_base = api_base
        self.plans = plans
        self.secrets = secrets
        self.unready = unready
        self.answer_headers = answer_headers
        self.stats = stats
        self.rates = rates
        self.prices = prices
        self.hedge = hedge
        self.silent = silent
        self.follow_up = hedge is not None or silent is not None


@cython.final
cdef class Group:
    """The deployments behind one public model name, and how one of them is chosen.

    name: of the model group; label: (name, value) of the answer header that says what was asked for.
    """

    def __init__(
        self, str name not None, list deployments not None, Selection selection not None, tuple label not None,
        object line=None, object limits=None,
    ):
        if len(selection) != len(deployments):
            raise ValueError("a group and its selection hold the same deployments")
        self.name = name
        self.deployments = deployments
        self.selection = selection
        self.label = label
        self.line = line
        self.limits = limits

    cpdef tuple label_as(self, str shown):
        """The header with another name in it; its own where that is nothing for a header."""
        if shown.isascii() and shown.isprintable():
            return self.label[0], shown.encode()
        return self.label


@cython.final
cdef class Table:
    """One Snapshot's deployments and the settings the hot path reads. Immutable; a reload makes a new one."""

    def __init__(
        self, *, dict groups not None, dict autos not None, dict teams not None, object resolve,
        frozenset watched not None, str default_model, bint shows_usage, bint tells_cost, bint compat,
        bint trusts_clients, object forwarding not None, long long max_answer, object router not None,
        bint steers_all, bint scoped, bint affine, bint recovers, bint meters, bint heeds_filter,
        long long window, double total_timeout, tuple enforced not None,
        tuple enforced_of_accounts not None,
    ):
        self.groups = groups
        self.autos = autos
        self.teams = teams
        self.scoped = scoped
        self.resolve = resolve
        self.watched = watched
        self.default_model = default_model
        self.shows_usage = shows_usage
        self.tells_cost = tells_cost
        self.compat = compat
        self.trusts_clients = trusts_clients
        self.forwarding = forwarding
        self.max_answer = max_answer
        self.router = router
        self.steers_all = steers_all
        self.affine = affine
        self.recovers = recovers
        self.meters = meters
        self.heeds_filter = heeds_filter
        self.window = window
        self.total_timeout = total_timeout
        self.enforced = enforced
        self.enforced_of_accounts = enforced_of_accounts
