"""One request that goes to an upstream as it came: method, path, query and body; only the credentials are others.

It is known, limited and entered in the ledger as every request is, and it is never repeated. An answer is handed on as
it comes and read on the way for what it used; a small one is held until it is whole, so that its head says the cost.
"""

import cython

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from tianji._core.requests.attempt cimport Attempt
from tianji._core.sharing.clock cimport monotonic
from tianji._core.journal.entries cimport Entries
from tianji._core.edges.exchange cimport Exchange
from tianji._core.requests.ending cimport answer_error, finish_up, let_go, owned
from tianji._core.upstreams.headers cimport begin_answer
from tianji._core.requests.lane cimport Lane, Way, handed_on, length_in
from tianji._core.journal.meter cimport dollars
from tianji._core.bodies.spans cimport ObjectSpans
from tianji._core.streams.tally cimport Tally
from tianji._core.streams.usage cimport Usage, read_usage

import logging

from tianji.errors import BudgetExceeded, MalformedJSON, UpstreamFailure, UpstreamRefused

cdef object LOG = logging.getLogger("tianji.gateway")
cdef object MalformedJSON_ = MalformedJSON
cdef enum:
    WHOLE = 256 * 1024         # bytes of an answer that is held
    READ = 32 * 1024 * 1024    # bytes of a body in a file that is read for the model it names
cdef ObjectSpans NOTHING = ObjectSpans.scan(b"{}")  # what a body says that is no JSON object
# what a request used that has a price of its own: no tokens
cdef Usage NO_TOKENS = read_usage(ObjectSpans.scan(b'{"usage":{"prompt_tokens":0,"completion_tokens":0}}'))
cdef bytes COST_HEADER = b"x-litellm-response-cost"


cdef bint begins_object(bytes body) noexcept:
    # Whether it may be a JSON object.
    cdef const char* at = PyBytes_AS_STRING(body)
    cdef const char* end = at + PyBytes_GET_SIZE(body)
    while at < end and (at[0] == c" " or c"\t" <= at[0] <= c"\r"):
        at += 1
    return at < end and at[0] == c"{"


@cython.final
cdef class Listener(ResponseHandler):
    """Hears the answer for a request, as long as that is under way."""

    cdef int response_head(self, int status, list headers) except -1:
        cdef Carry carry = self.carry
        if carry is None:
            return 0
        try:
            self.hold = carry.head(status, headers)
        except Exception as error:  # boundary: the way back
            carry.crash(error)
        return 0

    cdef int response_data(self, bytes data) except -1:
        cdef Carry carry = self.carry
        if carry is None:
            return 0
        try:
            carry.data(data)
        except Exception as error:  # boundary: the way back
            carry.crash(error)
        return 0

    cdef int response_end(self) except -1:
        cdef Carry carry = self.carry
        if carry is None:
            return 0
        try:
            carry.end()
        except Exception as error:  # boundary: the way back
            carry.crash(error)
        return 0

    cdef int response_failed(self, object error) except -1:
        cdef Carry carry = self.carry
        if carry is None:
            return 0
        try:
            carry.failed(error)
        except Exception as fault:  # boundary: the way back
            carry.crash(fault)
        return 0


@cython.final
cdef class Carry(Asked):
    """One request under way."""

    cdef bint arrive(self, Pipeline pipeline, Operation operation, Exchange exchange) except -1:
        """Read what has to be known of the request; whether it goes on."""
        self.pipeline = pipeline
        self.table = pipeline.table
        self.operation = operation
        self.exchange = exchange
        self.bound = True
        self.began = monotonic()
        self.model = self.routed = ""
        self.steers = self.identify()
        if not self.over:
            self.read_body()
        return not self.over

    cdef int set_out(self, Way way, bytes raw) except -1:
        """Hold the request against limits and rights, and send it."""
        self.way = way
        self.group = way.group
        self.lane = way.lane(raw)
        self.routed = self.model = self.lane.model or self.model
        if self.model:
            self.resolution, self.rates = way.priced(self.model)
        if way.flat is not None:
            self.rates = way.flat
        identity = self.exchange.identity
        self.plain = identity is None or identity.plain
        if way.grant is not None:
            way.grant(self.exchange)
        if not self.plain and way.confine is not None:
            way.confine(self)
        if self.steers or self.table.steers_all:
            self.steer = way.wishes(self.exchange)
        if (self.pipeline.limits_all or (identity is not None and identity.limited)) and not self.enter():
            return 0
        return self.go_in()

    cdef int read_body(self) except -1:
        cdef bytes body = self.exchange.body
        cdef Py_ssize_t i
        self.spans = NOTHING
        if self.exchange.spool is not None and self.exchange.spool.size <= READ:
            if (self.exchange.header(b"content-type") or b"").startswith(b"application/json"):
                body = self.exchange.read(0, READ)
        if begins_object(body):
            try:
                self.spans = ObjectSpans.scan(body)
            except MalformedJSON_:  # the upstream's to judge
                pass
        self.asked = self.spans
        i = self.spans.find(b"model")
        if i >= 0 and self.spans.kind(i) == c"s":
            try:
                self.model = self.spans.text(i)
            except MalformedJSON_:  # half a surrogate pair
                pass
        i = self.spans.find(b"stream")
        self.stream = i >= 0 and self.spans.kind(i) == c"t"
        return 0

    cdef int go_further(self) except -1:
        """Send it, once its credentials are there."""
        credentials = None if self.lane.awaits is None else self.lane.awaits()
        if credentials is None:
            return self.launch()
        self.pending = credentials
        credentials.add_done_callback(self.stood_by)
        return 0

    def stood_by(self, task):
        """Go on, now that the credentials are there or cannot be had."""
        if self.over:
            return
        self.pending = None
        try:
            task.result()
            self.launch()
        except Exception as error:  # boundary: the loop
            self.crash(error)

    cdef int launch(self) except -1:
        cdef Way way = self.way
        cdef Lane lane = self.lane
        cdef Exchange exchange = self.exchange
        cdef bytes query = exchange.query if way.query is None else way.query(exchange.query)
        cdef list headers = None if self.trace is None else self.trace.carried(exchange.headers)
        cdef object request = way.filter.request(lane, exchange, headers, query)
        cdef Attempt attempt = Attempt.__new__(Attempt)
        self.attempt = attempt
        attempt.requester = self
        attempt.deployment = way.deployment
        attempt.streamed = self.stream
        attempt.began = self.began
        attempt.rates = self.rates
        attempt.model = self.model or None
        attempt.asked_bytes = exchange.size
        if lane.asked is not None:
            attempt.model, attempt.measures, attempt.rates = lane.asked(exchange)
        way.deployment.stats.began()
        if self.pipeline.entries is not None:
            (<Entries>self.pipeline.entries).meet(self)
        self.tally = Tally.__new__(Tally)
        self.tally.attempt, self.tally.form = attempt, lane.form
        self.listener = Listener.__new__(Listener)
        self.listener.carry = self
        attempt.sent_at = monotonic()
        if exchange.spool is not None:
            self.spans = self.asked = NOTHING  # the body is in a file so that it needs no memory
        attempt.call = self.pipeline.pool.send(
            lane.origin, request, self.listener, way.timeouts, exchange.method == "HEAD")
        return 0

    # -- the way back -----------------------------------------------------------------------------------------------

    cdef long long head(self, int status, list headers) except -1:
        """Take the head of the answer; the bytes of its body that are wanted whole, 0 for piece by piece."""
        cdef Attempt attempt = self.attempt
        cdef long long length = length_in(headers)
        cdef bytes kind = b""
        attempt.status = status
        attempt.headers = headers
        for name, value in headers:
            if name == b"content-type":
                kind = value
        self.events = kind.startswith(b"text/event-stream")
        if 0 <= length <= WHOLE and not self.events:
            return WHOLE
        if status < 300:
            self.tally.begin(kind)
            self.stream = self.stream or attempt.sse is not None
        self.exchange.start(status, self.answer_headers())
        self.spans = self.asked = NOTHING  # a stream may last, and its request is not needed any more
        if not self.over:
            self.exchange.body, self.exchange.spool = b"", None
        return 0

    cdef int data(self, bytes piece) except -1:
        if self.attempt.first_byte_at == 0:
            self.attempt.first_byte_at = monotonic()
        if not self.exchange.status:
            self.answer = piece
            return 0
        self.tally.take(piece)
        if self.admission is not None and not self.tally.covered(self.admission):
            return self.end_spent()
        self.exchange.write(piece)
        return 0

    cdef int end(self) except -1:
        """The answer is whole."""
        cdef Attempt attempt = self.attempt
        cdef Exchange exchange = self.exchange
        cdef bytes body = self.answer or b""
        cdef int status = attempt.status
        cdef list headers
        attempt.ended_at = monotonic()
        if status >= 400:
            attempt.error = self.pipeline.failures.refused(status, body, self.way.deployment)
        else:
            self.read(body)
        if exchange.status:
            if attempt.sse is not None and attempt.sse.error is not None:
                attempt.error = self.pipeline.failures.in_band(attempt.sse.error, self.way.deployment)
                status = attempt.error.status
            self.keep_books(status)
            exchange.finish()
            return self.settle(status)
        attempt.answer = body
        headers = self.answer_headers()
        if attempt.rates is not None and (attempt.usage is not None or attempt.owes):
            headers.append((COST_HEADER, dollars(attempt.bill())))
        self.keep_books(status)
        if exchange.method == "HEAD":  # its length is that of a body which is not here
            exchange.start(status, headers)
            exchange.finish()
        else:
            exchange.respond(status, headers, body)
        return self.settle(status)

    cdef int read(self, bytes body) except -1:
        """Note what a good answer says that it used. `body`: of one that was held."""
        if self.exchange.status:
            self.tally.end()
        else:
            self.tally.whole(body)
        if self.attempt.usage is None and self.way.flat is not None:
            self.attempt.usage = NO_TOKENS
        return 0

    cdef int end_spent(self) except -1:
        """End a stream whose caller has spent all of a budget: what came is paid for."""
        self.keep_books(200)
        if self.events:
            self.exchange.finish(self.pipeline.failures.event(BudgetExceeded("the budget is used up in mid-stream")))
        else:
            self.exchange.abort()
        return self.settle(200)

    cdef int failed(self, object error) except -1:
        if isinstance(error, UpstreamFailure):
            LOG.warning(
                "call %s to %s ended with %d: %s", self.exchange.call_id, self.way.deployment.api_base, error.status,
                "refused" if isinstance(error, UpstreamRefused) else error.message)
        self.attempt.error = error
        if not self.exchange.status:
            return self.refuse(error)
        self.keep_books(error.status)
        self.exchange.abort()
        return self.settle(error.status)

    # -- ends -------------------------------------------------------------------------------------------------------

    cdef list answer_headers(self):
        cdef list headers = begin_answer(False, self.call_id, self.table.compat)
        del headers[:3:2]  # the type of the content and the id of the request are the upstream's word
        headers.extend(self.way.deployment.answer_headers)
        headers.extend(handed_on(self.attempt.headers))
        return headers

    cdef int refuse(self, object error) except -1:
        """Answer with an error. `error`: a TianjiError."""
        return answer_error(self, error, begin_answer(False, self.call_id, self.table.compat))

    cdef int keep_books(self, int status) except -1:
        cdef Attempt attempt = self.attempt
        cdef long long prompt = 0, completion = 0, nano = 0
        if attempt is not None:
            if attempt.error is None:
                attempt.error = self.error
            attempt.close(status)
            nano = attempt.nano_dollars
            if attempt.usage is not None:
                prompt, completion = attempt.usage.prompt_tokens, attempt.usage.completion_tokens
        elif self.error is not None and self.pipeline.entries is not None:
            (<Entries>self.pipeline.entries).refused(self, status)
            self.error = None
        if self.admission is not None:
            self.admission.settle(monotonic(), max(0, prompt), max(0, completion), max(0, nano))
        return 0

    cdef int attempt_closed(self, Attempt attempt, int status) except -1:
        if self.pipeline.entries is not None:
            (<Entries>self.pipeline.entries).attempted(self, attempt, status)
        return 0

    cdef int crash(self, object error) except -1:
        """An exception reached a boundary: answer if that is still possible, cut the connection if not."""
        if self.over:
            return 0
        error = owned(self, error)
        if self.attempt is not None and self.attempt.error is None:
            self.attempt.error = error
        if not self.exchange.status and not self.exchange.finished:
            return self.refuse(error)
        self.exchange.abort()
        return self.settle(error.status)

    cdef int settle(self, int status) except -1:
        """Let go of everything, once."""
        if not finish_up(self, status):
            return 0
        if self.listener is not None:
            self.listener.carry = None
            self.listener = None
        self.tally = None
        return let_go(self)
