"""What a client asks for: its request, read by spans, with what it needs of a deployment."""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.limits cimport INT_MIN
from libc.stdint cimport uint64_t
from libc.string cimport memchr, memcmp

from tianji._core.sharing.clock cimport monotonic
from tianji._core.upstreams.headers cimport ClientHeaders, begin_answer, read_client_headers
from tianji._core.limits.terms cimport Terms

import asyncio
from functools import partial

import msgspec

from tianji.errors import ClientGone, InvalidRequest, UnknownModel

cdef object ENCODE = msgspec.json.Encoder().encode
cdef uint64_t ABILITIES = 0xFFFFFFFF  # bits of Needs.bits below those of the operations
cdef object InvalidRequest_ = InvalidRequest
cdef object UnknownModel_ = UnknownModel
cdef object TASK = asyncio.Task
cdef int GONE = ClientGone.status


cdef bint holds_cost(bytes name) noexcept:
    # `in` on bytes first makes an error of its left side, and drops it: dearer than all the looking
    cdef const char* at = PyBytes_AS_STRING(name)
    cdef Py_ssize_t i
    for i in range(len(name) - 3):
        if at[i] == c"c" and memcmp(at + i, b"cost", 4) == 0:
            return True
    return False


cdef class Asked(Requester):
    """A request that was read and not yet answered."""

    cdef bint recall(self) except -1:
        """Look for the answer in the cache; False where the request has to go on now."""
        raise NotImplementedError

    cdef int choose(self) except -1:
        """Make the first attempt."""
        raise NotImplementedError

    cdef int keep_books(self, int status) except -1:
        """Close and enter what is open, before the answer ends: who asks again then finds it paid for."""
        raise NotImplementedError

    cdef bint identify(self) except -1:
        """Give the request its id and its place in a trace, and listen to its client; whether a header steers it."""
        cdef ClientHeaders asked = read_client_headers(self.exchange.noted)
        self.call_id = asked.call_id if asked.call_id is not None else self.pipeline.new_call_id()
        self.named = asked.call_id is not None
        self.exchange.call_id = self.call_id.decode()
        self.exchange.account = self
        if self.pipeline.tracing is not None:
            self.trace = self.pipeline.tracing.begin(self.exchange.noted)
        self.exchange.attach(self)
        return asked.steers

    cdef int begin(self, dict params) except -1:
        cdef bint steers = self.identify()
        if self.over or (self.pipeline.prompts is not None and self.is_prompted(params, steers)):
            return 0
        return self.take_up(params, steers)

    cdef bint is_prompted(self, dict params, bint steers) except -1:
        """Have the prompt that it names put into it; whether there is one, so that it has to wait."""
        self.pending = self.pipeline.prompts(self)
        if self.pending is None:
            return False
        self.pending.add_done_callback(partial(self.prompted, params, steers))
        return True

    def prompted(self, dict params, bint steers, task):
        """Begin, now that the prompt is there or cannot be had."""
        if self.over:
            return
        self.pending = None
        try:
            body = task.result()
            if body is not None:
                self.exchange.body, self.exchange.spool = body, None
            self.take_up(params, steers)
        except Exception as error:  # boundary: the loop
            self.crash(error)

    cdef int take_up(self, dict params, bint steers) except -1:
        """Read the request, and go on."""
        self.read_request(params, steers)
        if not self.resolve():
            return 0
        return self.advance()

    cdef int advance(self) except -1:
        """Go on with a request whose group is known: hold it against the limits of whoever asks."""
        if self.pipeline.searches is not None and self.spans.find(b"tools") >= 0 and self.is_searched():
            return 0
        self.make_needs()
        identity = self.exchange.identity
        if (self.pipeline.limits_all or (identity is not None and identity.limited)) and not self.enter():
            return 0
        return self.go_in()

    cdef bint is_searched(self) except -1:
        """Have it answered by requests of the gateway's, where its model needs those; whether it is."""
        self.pending = self.pipeline.searches(self, self.deliver)
        if self.pending is None:
            return False
        self.pending.add_done_callback(self.searched)
        return True

    def searched(self, task):
        """End a request that nobody has answered: what should have done so has failed."""
        if self.over or task.cancelled():
            return
        self.pending = None
        self.crash(task.exception() or RuntimeError("a request was not answered"))

    cdef bint enter(self) except -1:
        """Be let in, on terms that are known or after a look at who is asked for; whether that is done."""
        cdef object terms = None
        cdef double now = monotonic()
        if self.exchange.identity is not None and not self.names_others():
            terms = self.exchange.identity.terms.get((self.group, self.operation.name))
        if terms is not None and (<Terms>terms).hold(self.table, self.model, now):
            if (<Terms>terms).limits.table is None:
                return True  # nothing limits it
            self.admission = (<Terms>terms).ask(self.spans, now)
            if self.admission.refused_by is None:
                return True
            self.admission = None  # whoever says why asks again
        found = self.pipeline.admissions.enter(self)
        if isinstance(found, TASK):
            self.pending = found
            found.add_done_callback(self.entered)
            return False
        self.admission = found
        return True

    cdef bint names_others(self) except -1:
        """Whether the request may be for a customer, or go under a tag, who has limits of his own."""
        if not self.pipeline.limits_all:
            return False
        return self.steer is not None or self.spans.find(b"user") >= 0 or self.spans.find(b"safety_identifier") >= 0

    def entered(self, task):
        """Go on, now that it is known who is asked for, and whether they may."""
        if self.over:
            return
        self.pending = None
        try:
            self.admission = task.result()
            self.go_in()
        except Exception as error:  # boundary: the loop
            self.crash(error)

    def reroute(self, str name not None):
        """Go on as if another model had been asked for. Raises UnknownModel."""
        self.routed = name
        self.resolution = None
        self.find()
        self.make_needs()

    cdef int go_in(self) except -1:
        """Go on with a request that was let in."""
        if self.pipeline.guards is not None and self.is_watched():
            return 0
        return self.go_further()

    cdef bint is_watched(self) except -1:
        """Have its answer go through a gate where somebody watches it; whether he looks at the request first."""
        guard = self.pipeline.guards(self)
        if guard is None:
            return False
        self.guard = guard
        self.exchange = guard.exchange
        self.exchange.attach(self)
        self.pending = guard.before()
        if self.pending is None:
            return False
        self.pending.add_done_callback(self.looked_at)
        return True

    def looked_at(self, task):
        """Go on, now that the request was looked at; or hand on what is answered in the model's place."""
        if self.over:
            return
        self.pending = None
        try:
            answer = task.result()
            if answer is None:
                self.go_further()
                return
            self.error = answer.error
            headers = begin_answer(False, self.call_id, self.table.compat)
            headers[0] = (b"content-type", answer.content_type)
            self.exchange.respond(200, headers, answer.body)
            self.settle(answer.error.status)
        except Exception as error:  # boundary: the loop
            self.crash(error)

    def go_through(self, Exchange exchange not None):
        """Answer through another exchange from now on, which leads to the one that there was."""
        self.exchange = exchange
        exchange.attach(self)

    def replace(self, bytes body not None):
        """Go on with another body in place of the client's. Raises MalformedJSON for one that is no JSON object."""
        self.spans = self.asked = ObjectSpans.scan(body)
        self.exchange.body, self.exchange.spool = body, None

    def revise(self, bytes body not None):
        """Send another body with the next attempt alone. Raises MalformedJSON for one that is no JSON object."""
        self.spans = ObjectSpans.scan(body)

    def narrow(self, scope):
        """Have only deployments serve it that `scope` admits, see Needs.scope."""
        self.needs.scope = scope

    def stop(self, error not None):
        """End it: the client gets another answer, from whoever asks for that. `error`: why, a TianjiError."""
        if not self.over:
            self.error = error
            self.settle(GONE)

    cdef int go_further(self) except -1:
        """Go on with a request that may be answered."""
        if self.pipeline.cache is not None and self.recall():
            return 0
        return self.seek()

    cdef int seek(self) except -1:
        """Look for a deployment."""
        if self.table.window and self.table.window < len(self.exchange.body):
            self.count()  # where there are fewer bytes than tokens would fit, they need no counting
            return 0
        return self.choose()

    cdef int read_request(self, dict params, bint steers) except -1:
        """Read what steers the request; raise InvalidRequest and its kin for what cannot be served."""
        cdef ObjectSpans spans = ObjectSpans.scan(self.exchange.body)
        cdef Py_ssize_t i
        cdef bytes name
        self.spans = self.asked = spans
        for i in range(spans.count()):
            name = spans.name(i)
            if name in self.table.watched or holds_cost(name):
                steers = True
        i = spans.find(b"model")
        if self.table.default_model is not None:
            self.model = self.table.default_model
        elif i >= 0:
            self.model = spans.text(i)
        else:
            self.model = params.get("model", self.operation.default_model) if params else self.operation.default_model
        if steers or self.table.steers_all or self.exchange.logins is not None:
            self.steer = self.pipeline.steering(self.exchange, self.table, self.model)
            if self.exchange.body is not spans.source:  # what `extra_body` holds is judged like everything else
                self.spans = self.asked = spans = ObjectSpans.scan(self.exchange.body)
                i = spans.find(b"model")
        if not self.model:
            raise InvalidRequest_("`model` is missing: name one of GET /v1/models", param="model")
        self.model_json = spans.raw(i) if i >= 0 else ENCODE(self.model)
        self.check_members(i < 0)
        if self.table.enforced and self.exchange.path:  # the gateway's own requests have none
            self.pipeline.courses.enforce(self.table.enforced, spans)
        i = spans.find(b"stream") if self.operation.streams else -1
        self.stream = self.operation.streamed or (i >= 0 and spans.kind(i) == c"t")
        return 0

    cdef int check_members(self, bint model_in_path) except -1:
        """Hold the members against what the operation needs, by the first byte of each value."""
        cdef ObjectSpans spans = self.spans
        cdef Py_ssize_t i
        cdef bint fine = True
        for name, starts, required in self.operation.members:
            i = spans.find(name)
            if i < 0:
                fine = not required or (model_in_path and name == b"model")
            else:
                fine = memchr(PyBytes_AS_STRING(<bytes>starts), spans.first_byte(i), len(<bytes>starts)) is not NULL
            if not fine:
                break
        if not fine:
            first = {spans.name(i).decode("utf-8", "replace"): spans.first_byte(i) for i in range(spans.count())}
            self.operation.complain(first, model_in_path)
        return 0

    cdef bint resolve(self) except -1:
        """Find the model group; whether it is known now."""
        identity = self.exchange.identity
        self.routed = self.model
        self.plain = identity is None or identity.plain
        if not self.plain:
            self.routed = identity.target(self.model)
            identity.require(self.routed)
            if (identity.demands or identity.account) and self.exchange.path:
                self.pipeline.courses.enforce_for(identity, self.table, self.spans)
        if self.table.autos:
            router = self.table.autos.get(self.routed)
            if router is not None:
                return self.decide(router)
        try:
            self.find()
        except UnknownModel_:
            if "," not in self.routed:
                raise
            return self.divide()
        return True

    cdef bint divide(self) except -1:
        """Have each of several models answer, as `model: a,b` asks."""
        self.pending = self.pipeline.courses.several(self, self.deliver)
        return False

    def deliver(self, int status, list headers, bytes body):
        """Answer with what several models have made of the request."""
        if self.over:
            return
        self.pending = None
        self.exchange.respond(status, headers, body)
        self.settle(status)

    cdef int find(self) except -1:
        found = None
        if self.table.teams and self.exchange.identity is not None:
            found = self.table.teams.get((self.exchange.identity.team_id, self.routed))
        if found is None:
            found = self.table.groups.get(self.routed)
        if found is not None:
            self.group = found
            self.label = self.group.label
            return 0
        self.group, self.resolution = self.table.resolve(self.routed)
        self.label = self.group.label_as(self.routed)
        return 0

    cdef bint decide(self, object router) except -1:
        """Let an auto router name the group; whether it has, or asks an upstream first."""
        decision = self.pipeline.courses.decide(router, self.spans, self.exchange)
        if isinstance(decision, TASK):
            self.pending = decision
            decision.add_done_callback(self.decided)
            return False
        self.routed, self.decision = decision.group, decision.headers
        self.find()
        return True

    def decided(self, task):
        """Go on, now that an auto router has decided."""
        if self.over:
            return
        self.pending = None
        try:
            decision = task.result()
            self.routed, self.decision = decision.group, decision.headers
            self.find()
            self.advance()
        except Exception as error:  # boundary: the loop
            self.crash(error)

    cdef int make_needs(self) except -1:
        """Say what the request needs of a deployment, as far as that makes a difference in its first group."""
        cdef Needs needs = Needs.__new__(Needs)
        cdef uint64_t lacking = self.group.selection.lacking & ABILITIES
        needs.asks.order_after = INT_MIN
        needs.asks.bits = self.operation.bit
        needs.asks.streamed = self.stream
        self.needs = needs
        if lacking:
            needs.asks.bits |= <uint64_t>self.pipeline.courses.abilities(self.spans, lacking)
        if self.table.meters:
            needs.asks.tokens = self.pipeline.courses.reservation(self.spans)
        if self.table.affine:
            needs.affinity = self.pipeline.courses.affinity(self)
        if self.steer is not None or self.table.scoped or not self.plain or self.exchange.pinned is not None:
            needs.scope = self.pipeline.courses.scope(self)
        if self.steer is not None or not self.plain:
            needs.weights = self.pipeline.courses.weights(self)
        return 0

    def count(self):
        """Have the prompt's tokens counted, then choose."""
        self.pending = self.pipeline.courses.count(self.spans, (<Deployment>self.group.deployments[0]).model)
        self.pending.add_done_callback(self.counted)

    def counted(self, task):
        """Choose, now that the tokens are known."""
        if self.over:
            return
        self.pending = None
        try:
            self.needs.asks.input_tokens = task.result()
            self.choose()
        except Exception as error:  # boundary: the loop
            self.crash(error)
