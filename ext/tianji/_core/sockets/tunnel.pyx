"""A conversation with an upstream that goes through as it is: only the credentials are others.

It is known, limited and entered in the ledger as what is passed through over HTTP is (`_core/requests/carry`), and paid
for as conversations are: by response where its events say what was used, else as a whole when it is over.
"""

import cython

from tianji._core.requests.attempt cimport Attempt
from tianji._core.requests.carriage cimport Carriage
from tianji._core.edges.exchange cimport Exchange
from tianji._core.requests.lane cimport handed_on
from tianji._core.routing.router cimport Deployment
from tianji._core.requests.session cimport Session
from tianji._core.bodies.spans cimport ObjectSpans
from tianji._core.streams.usage cimport Usage, read_usage

from tianji.errors import MalformedJSON

cdef object MalformedJSON_ = MalformedJSON
cdef ObjectSpans NOTHING = ObjectSpans.scan(b"{}")  # what an upgrade says in its body
cdef Usage NO_TOKENS = read_usage(ObjectSpans.scan(b'{"usage":{"prompt_tokens":0,"completion_tokens":0}}'))


@cython.final
cdef class Tunnel(Session):
    """A request for one. `raw`: its path as it was sent; model: what its query names, which may be ""."""

    def __init__(
        self, Carriage carriage not None, Exchange exchange not None, opens not None, *, bytes raw not None,
        str model not None,
    ):
        Session.__init__(self, carriage.pipeline, carriage.operation, exchange, opens)
        self.carriage = carriage
        self.raw = raw
        self.asked_model = model
        self.bound = True
        self.model = self.routed = ""

    cdef int begin(self, dict params) except -1:
        cdef bint steers = self.identify()
        if self.over:
            return 0
        self.spans = self.asked = NOTHING
        self.way = self.carriage.lead()
        self.group = self.way.group
        self.rates = self.way.flat
        self.lane = self.way.lane(self.raw)
        self.meet(self.lane.model or self.asked_model)
        identity = self.exchange.identity
        self.plain = identity is None or identity.plain
        if self.way.grant is not None:
            self.way.grant(self.exchange)
        if steers or self.table.steers_all:
            self.steer = self.way.wishes(self.exchange)
        if (self.pipeline.limits_all or (identity is not None and identity.limited)) and not self.enter():
            return 0
        return self.go_in()

    cdef int meet(self, str model) except -1:
        # From here on this is the model that is talked with.
        if model:
            self.model = self.routed = model
            self.resolution, rates = self.way.priced(model)
            if self.way.flat is None:
                self.rates = rates
        return 0

    def names(self, str model not None):
        """Hear which model is talked with, where a message says so. Raises ModelRefused for one that may not be."""
        if not self.plain:
            self.exchange.identity.require(model)
        self.meet(model)

    cdef int answered_by(self, ObjectSpans response) except -1:
        cdef Py_ssize_t i = response.find(b"model")
        if i >= 0 and response.kind(i) == c"s":
            try:
                self.meet(response.text(i))
            except MalformedJSON_:  # half a surrogate pair
                pass
        return 0

    def call(self):
        """Begin the call of the upstream; the head of the request for its socket.

        Raises AuthenticationFailed where neither the gateway nor the client has credentials.
        """
        cdef Exchange exchange = self.exchange
        cdef bytes query = exchange.query if self.way.query is None else self.way.query(exchange.query)
        cdef list headers = None if self.trace is None else self.trace.carried(exchange.headers)
        cdef bytes head = self.way.filter.head(self.lane, exchange, headers, query, 0)
        if self.lane.sign is not None:
            target = self.lane.target + b"?" + query if query else self.lane.target
            signature = self.lane.sign("GET", target, b"", (<object>exchange).header)
            head += b"".join([b"%b: %b\r\n" % pair for pair in signature])
        self.attempt = self.begin_attempt(self.way.deployment, self.began)
        return head

    def hand_on(self, int status, list headers not None, bytes body not None, error not None):
        """Answer with the upstream's own refusal, and be done. `error`: what the books call it."""
        cdef list own = self.headers()
        own.extend(handed_on(headers))
        self.error = error
        self.keep_books(status)
        self.exchange.respond(status, own, body)
        self.settle(status)

    cdef Attempt begin_attempt(self, Deployment deployment, double began):
        cdef Attempt attempt = Session.begin_attempt(self, deployment, began)
        attempt.rates = self.rates
        attempt.model = self.model or None
        return attempt

    cdef int keep_books(self, int status) except -1:
        cdef Attempt attempt = self.attempt
        if attempt is not None and self.refuses is not None:  # there was a conversation
            if self.way.flat is not None or self.measures is not None:
                attempt.usage = NO_TOKENS
                attempt.measures, attempt.owes = self.measures, True
                attempt.rates = self.rates
        return Session.keep_books(self, status)
