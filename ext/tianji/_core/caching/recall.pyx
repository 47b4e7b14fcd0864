"""The cache of answers, as a request meets it: whether it may be looked for there, and by which key.

What only few requests say (the member `cache`, a header, the key's own word) is read by `wishes`; answers that are kept
beyond this worker are behind `far`. A Lookup is what one request knows of all that.
"""

import cython

from tianji._core.caching.recipe cimport elements
from tianji._core.routing.router cimport Deployment
from tianji._core.routing.selection cimport Selection

cdef bytes KEYED_HEADER = b"cache-control"
cdef str SHARED = "shared"
cdef str TEAM = "team"
cdef str END_USER = "end_user"


@cython.final
cdef class Kind:
    """How answers of one operation are kept; see recall.pxd."""

    def __init__(
        self, *, object codec, bytes content not None, bytes turns=None, bint hides_usage=False, bint owned=False,
        object divide=None, bytes variant=None,
    ):
        self.codec = codec
        self.content = content
        self.turns = turns
        self.hides_usage = hides_usage
        self.owned = owned
        self.divide = divide
        self.variant = variant


@cython.final
cdef class Cache:
    """The answers of one worker's cache, and the rules by which requests meet them."""

    def __init__(
        self, *, dict kinds not None, Recipe recipe not None, MemoryCache memory, object far, object wishes,
        object tally, object meaning, str scope not None, str namespace not None, dict models not None, double ttl,
        bint opt_in, long long most_turns, long long largest, bint shares_calls,
    ):
        self.kinds = kinds
        self.recipe = recipe
        self.memory = memory
        self.far = far
        self.wishes = wishes
        self.tally = tally
        self.meaning = meaning
        self.scope = scope
        self.namespace = namespace
        self.models = models
        self.ttl = ttl
        self.opt_in = opt_in
        self.most_turns = most_turns
        self.largest = largest
        self.flights = {} if shares_calls else None

    cdef Lookup begin(self, Asked asked):
        """What the cache can do for a request; None for nothing. Raises what is wrong with its wishes."""
        cdef Kind kind = self.kinds.get(asked.operation.name)
        cdef ObjectSpans spans = asked.spans
        cdef Lookup lookup
        cdef Py_ssize_t i
        if kind is None or asked.exchange.silent or (asked.stream and kind.codec is None):
            return None
        if kind.turns is not None and self.most_turns >= 0:
            i = spans.find(kind.turns)
            if i >= 0 and spans.kind(i) == c"a" and elements(spans, i) > self.most_turns:
                return None
        lookup = Lookup.__new__(Lookup)
        lookup.looks = lookup.stores = True
        lookup.ttl = self.ttl
        lookup.oldest = -1
        lookup.namespace = self.namespace
        if self.speaks(asked):
            if not self.wishes(asked, lookup):
                return None
        elif self.opt_in:
            return None
        if self.meaning is not None:
            lookup.meaning = self.meaning(asked.operation.name, spans.source)
            if lookup.meaning is None:
                return None
        lookup.cache = self
        lookup.kind = kind
        lookup.group = asked.group
        lookup.circle = self.circle(asked, kind)
        if lookup.meaning is not None:
            lookup.circle += (lookup.meaning.context,)
        lookup.model_json = asked.model_json
        if asked.stream and kind.hides_usage:
            lookup.shows_usage = asked.table.shows_usage or wants_usage(spans)
        if kind.divide is None:
            lookup.key = lookup.key_of(spans)
        return lookup

    cdef bint speaks(self, Asked asked) except -1:
        # Whether anybody has a word on how this request is cached.
        cdef tuple pair
        cdef object identity = asked.exchange.identity
        if asked.steer is not None or asked.spans.find(b"cache") >= 0 or asked.spans.find(b"caching") >= 0:
            return True
        for pair in asked.exchange.noted:
            if pair[0] == KEYED_HEADER:
                return True
        return identity is not None and "cache" in identity.metadata

    cdef tuple circle(self, Asked asked, Kind kind):
        # Texts that say among whom, and for what model, a request may have the answer of another one.
        cdef object identity = asked.exchange.identity
        cdef str model = asked.group.name
        cdef str organization = "", team = "", key = "", owner = ""
        cdef bint of_team
        if asked.table.groups.get(model) is not asked.group:
            model = asked.routed  # one of a pattern's models, or a deployment by its id
        model = self.models.get(model, model)
        if identity is not None:
            of_team = bool(asked.table.teams) and asked.table.teams.get(
                (identity.team_id, asked.routed)) is asked.group
            organization = identity.organization_id or ""
            if of_team or self.scope == TEAM:
                team = identity.team_id or ""
            if self.scope != SHARED and not (self.scope == TEAM and team):
                key = identity.key
            if kind.owned and self.scope == SHARED and is_stored(asked.spans):
                owner = f"team {identity.team_id}" if identity.team_id else f"user {identity.user_id or identity.key}"
        if self.scope == END_USER and asked.party is not None:
            owner = asked.party.end_user or ""
        return asked.operation.name, model, organization, team, key, owner, variant(asked, kind), eligible(asked)


@cython.final
cdef class Lookup:
    """What one request knows of the cache."""

    cpdef str key_of(self, ObjectSpans spans, bytes name=None, bytes value=None):
        """The key of a request, or of a part of it that has `value`, a JSON text, as member `name`."""
        return self.namespace + self.cache.recipe.digest(spans, self.circle, name, value)

    cdef bint takes(self, Answer answer, double now) except -1:
        """Whether an answer out of the cache is fresh enough."""
        return answer.fresh(now) and (self.oldest < 0 or now - answer.stored_at <= self.oldest)

    cdef int collect(self, bytes events) except -1:
        """Note what was streamed; too much of it is not stored, nor what cannot become a whole answer."""
        if self.kind.codec is None:
            self.stores = False
        if not self.stores:
            return 0
        if self.events is None:
            self.events = []
        self.events.append(events)
        self.size += len(events)
        if self.size > self.cache.largest:
            self.stores = False
            self.events = None
        return 0


cdef bint is_stored(ObjectSpans spans) except -1:
    # Whether a response is stored, which is so unless the request says otherwise.
    cdef Py_ssize_t i = spans.find(b"store")
    return i < 0 or spans.kind(i) != c"f"


cdef str variant(Asked asked, Kind kind):
    # What a header says of the form that the answer has.
    cdef tuple pair
    if kind.variant is not None:
        for pair in asked.exchange.noted:
            if pair[0] == kind.variant:
                return (<bytes>pair[1]).decode("latin-1")
    return ""


cdef str eligible(Asked asked):
    # Which deployments of the group may serve the request, where they are not those that serve everybody: what tags or
    # a region lead to may be another model.
    cdef Selection selection = asked.group.selection
    cdef bytes pool
    cdef Py_ssize_t i
    if asked.needs.scope is None:
        return ""
    pool = selection._pool(asked.needs.scope)
    if pool == selection._pool(None):
        return ""
    return " ".join(sorted([
        (<Deployment>asked.group.deployments[i]).id for i in range(len(pool)) if pool[i] == 0]))


cdef bint wants_usage(ObjectSpans spans) except -1:
    cdef Py_ssize_t i = spans.find(b"stream_options")
    cdef ObjectSpans options
    if i < 0 or spans.kind(i) != c"o":
        return False
    options = spans.child(i)
    i = options.find(b"include_usage")
    return i >= 0 and options.kind(i) == c"t"
