"""One request of the hot path: from the client's bytes to upstreams and back.

A Forward reads the request's head by spans, chooses a deployment, sends the edited bytes, and hands the answer on as it
comes: all in callbacks, with no task of its own. Everything rare (errors, control fields, canned answers, what follows
a failed attempt) is Python, handed in by gateway/.

Until the first content of an answer goes out, another deployment can still be asked.

Size: a request's life is one class; two halves of it would share every field.
"""

import cython
from cpython.bytes cimport PyBytes_AS_STRING
from libc.limits cimport INT_MIN
from libc.stdint cimport uint64_t
from libc.string cimport memchr, memcmp

from tianji._core.clock cimport monotonic
from tianji._core.headers cimport (
    ClientHeaders, add_times, add_upstream_headers, begin_answer, read_client_headers,
)
from tianji._core.http1 cimport Timeouts
from tianji._core.router cimport Plan
from tianji._core.shaping cimport Shaped, shape_body
from tianji._core.spans cimport replace_value

import logging

import msgspec

from tianji.errors import ClientGone, InvalidRequest, TianjiError, UpstreamFailure, UpstreamRefused

cdef object LOG = logging.getLogger("tianji.gateway")
cdef object ENCODE = msgspec.json.Encoder().encode
cdef uint64_t ABILITIES = 0xFFFFFFFF       # bits of Needs.bits below those of the operations
cdef double LONGEST_HOLD = 5.0             # seconds that the beginning of a stream may be kept from the client


cdef bint holds_cost(bytes name) noexcept:
    # `in` on bytes first makes an error of its left side, and drops it: dearer than all the looking
    cdef const char* at = PyBytes_AS_STRING(name)
    cdef Py_ssize_t i
    for i in range(len(name) - 3):
        if at[i] == c"c" and memcmp(at + i, b"cost", 4) == 0:
            return True
    return False


@cython.final
cdef class Endpoint(Handler):
    """The handler of a route: it answers through the exchange, later."""

    def __init__(self, Pipeline pipeline not None, Operation operation not None):
        self.pipeline = pipeline
        self.operation = operation

    cdef int handle(self, Exchange exchange, object match) except -1:
        cdef Forward forward = Forward.__new__(Forward)
        forward.pipeline = self.pipeline
        forward.table = self.pipeline.table
        forward.operation = self.operation
        forward.exchange = exchange
        forward.began = monotonic()
        forward.prompt_tokens = forward.completion_tokens = -1
        try:
            forward.begin(match.params)
        except Exception as error:  # boundary: the way in
            forward.crash(error)
        return 0


@cython.final
cdef class Forward(Requester):
    """One request under way."""

    # -- the way in ---------------------------------------------------------------------------------------------

    cdef int begin(self, dict params) except -1:
        cdef ClientHeaders asked = read_client_headers(self.exchange.noted)
        self.call_id = asked.call_id if asked.call_id is not None else self.pipeline.new_call_id()
        self.exchange.call_id = self.call_id.decode()
        self.exchange.account = self
        self.exchange.attach(self)
        if self.over:
            return 0
        self.read_request(params, asked.steers)
        self.resolve()
        self.make_needs()
        if self.table.window and self.table.window < len(self.exchange.body):
            self.count()  # where there are fewer bytes than tokens would fit, they need no counting
            return 0
        return self.choose()

    cdef int read_request(self, dict params, bint steers) except -1:
        """Read what steers the request; raise InvalidRequest and its kin for what cannot be served."""
        cdef ObjectSpans spans = ObjectSpans.scan(self.exchange.body)
        cdef Py_ssize_t i
        cdef bytes name
        cdef frozenset watched = self.table.watched
        self.spans = self.asked = spans
        for i in range(spans.count()):
            name = spans.name(i)
            if name in watched or holds_cost(name):
                steers = True
        i = spans.find(b"model")
        if self.table.default_model is not None:
            self.model = self.table.default_model
        elif i >= 0:
            self.model = spans.text(i)
        else:
            self.model = params.get("model", self.operation.default_model) if params else self.operation.default_model
        if steers or self.table.steers_all:
            self.steer = self.pipeline.steering(self.exchange, self.table, self.model)
        if not self.model:
            raise InvalidRequest("`model` is missing: name one of GET /v1/models", param="model")
        self.model_json = spans.raw(i) if i >= 0 else ENCODE(self.model)
        self.check_members(i < 0)
        if self.operation.streams:
            i = spans.find(b"stream")
            self.stream = i >= 0 and spans.kind(i) == c"t"
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

    cdef int resolve(self) except -1:
        found = self.table.groups.get(self.model)
        if found is not None:
            self.group = found
            self.label = self.group.label
            return 0
        self.group, self.resolution = self.table.resolve(self.model)
        self.label = self.group.label_as(self.model)
        return 0

    # -- choosing -----------------------------------------------------------------------------------------------

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
        if self.steer is not None:
            needs.scope = self.steer.scope(self.group)
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

    cdef int choose(self) except -1:
        """Make the first attempt; where nobody takes it, or the client wants to see why, the course decides."""
        cdef int position = -1
        if self.steer is None or not self.steer.explains:
            position = self.group.selection.choose(self.needs, monotonic())
        if position < 0:
            self.set_course()
            return self.proceed()
        try:
            return self.launch(self.group.deployments[position])
        except TianjiError as error:
            return self.recover(error, None)

    cdef int set_course(self) except -1:
        """Leave the path of requests that succeed at once."""
        if self.course is None:
            self.needs.asks.bits |= <uint64_t>self.pipeline.courses.abilities(self.spans, ABILITIES)
            self.course = self.pipeline.courses.begin(
                self.table, self.steer, self.model, self.needs, self.group, self.resolution, self.spans
            )
        return 0

    cdef int recover(self, object error, list headers) except -1:
        """Go on after a failed attempt. `headers`: of the upstream's answer, None when there was none."""
        self.set_course()
        self.course.failed(error, headers, monotonic())
        return self.proceed()

    cdef int proceed(self) except -1:
        """Take the steps of the course until one has to be waited for."""
        while True:
            step = self.course.next(monotonic())
            if step.error is not None:
                return self.refuse(step.error)
            if step.seconds >= 0:
                self.pending = self.pipeline.pool.loop.call_later(step.seconds, self.go_on)
                return 0
            self.group, self.resolution, self.label = step.group, step.resolution, step.label
            self.spans = self.asked if step.body is None else ObjectSpans.scan(step.body)
            self.model_json = step.model_json or self.model_json
            try:
                return self.launch(self.group.deployments[step.position])
            except TianjiError as fault:
                self.course.failed(fault, None, monotonic())

    def go_on(self):
        """Take the next step; a wait is over."""
        if self.over:
            return
        self.pending = None
        try:
            self.proceed()
        except Exception as error:  # boundary: the loop
            self.crash(error)

    # -- attempts -----------------------------------------------------------------------------------------------

    cdef int launch(self, Deployment deployment) except -1:
        """Send the request to a deployment whose slot it has. Raises what is wrong before anything was sent."""
        cdef Attempt attempt
        cdef Plan plan = deployment.plans[self.operation.name]
        cdef Shaped shaped
        cdef Timeouts timeouts
        cdef bytes head = plan.head, model
        if deployment.unready is not None and plan.canned is None:
            raise self.pipeline.failures.unready(deployment)
        if self.steer is not None:
            self.steer.fail(self.course)
            plan = self.steer.plan(plan)
            head = self.steer.head(head)
        if self.operation.streams and plan.streams and self.spans.find(b"stream") < 0:
            self.stream = True
        if plan.canned is not None:
            self.begin_attempt(deployment)
            return self.answer_canned(plan.canned)
        model = plan.model
        if model is None:
            named = deployment.model if self.resolution is None else self.resolution.upstream_model(deployment.model)
            model = ENCODE(named)
        shaped = shape_body(plan, self.spans, model, self.stream)
        timeouts = plan.stream_timeouts if self.stream else plan.timeouts
        if self.steer is not None:
            timeouts = self.steer.timeouts(timeouts, self.stream)
        if self.table.total_timeout > 0:
            timeouts = self.pipeline.courses.within(
                timeouts, self.began + self.table.total_timeout - monotonic(), self.stream)
        attempt = self.begin_attempt(deployment)
        attempt.hide_usage = shaped.hides_usage and not self.table.shows_usage
        attempt.hold = self.table.max_answer
        return attempt.send(shaped.request(head), plan.origin, timeouts)

    cdef Attempt begin_attempt(self, Deployment deployment):
        cdef Attempt attempt = Attempt.__new__(Attempt)
        attempt.requester = self
        attempt.deployment = deployment
        attempt.streamed = self.stream
        attempt.model_json = self.model_json
        attempt.began = self.began if self.attempt is None else monotonic()
        deployment.stats.began()
        self.attempt = attempt
        return attempt

    cdef int answer_canned(self, str text) except -1:
        """Answer for a deployment that has its text in the configuration."""
        cdef str call_id = self.call_id.decode()
        canned = self.pipeline.canned
        if self.stream:
            self.exchange.start(200, self.answer_headers(True))
            for event in canned.events(self.operation.name, self.model, text, call_id):
                self.exchange.write(event)
            self.exchange.finish()
        else:
            body = ENCODE(canned.answer(self.operation.name, self.model, text, call_id))
            self.exchange.respond(200, self.answer_headers(False), body)
        return self.settle(200)

    cdef int answer_whole(self, Attempt attempt, ObjectSpans spans) except -1:
        cdef bytes body = spans.source
        cdef Py_ssize_t i
        if self.table.heeds_filter and b'"content_filter"' in body:
            self.set_course()
            if self.course.takes_filtered():
                attempt.close(400)
                self.course.filtered(monotonic())
                return self.proceed()
        i = spans.find(b"model")
        if i >= 0 and spans.raw(i) != self.model_json:
            body = replace_value(spans, i, self.model_json)
        self.exchange.respond(attempt.status, self.answer_headers(False), body)
        return self.settle(attempt.status)

    cdef int attempt_failed(self, Attempt attempt, object error) except -1:
        self.report(error)
        if self.exchange.status:
            return self.stream_cut(error)
        self.held = None
        attempt.close(error.status)
        return self.recover(error, attempt.headers)

    # -- streams ------------------------------------------------------------------------------------------------

    cdef int stream_piece(self, Attempt attempt, bytes out) except -1:
        if not self.exchange.status:
            if self.held is not None:
                out = self.held + out
            if not self.shows(attempt, out):
                self.held = out
                return 0
            self.start_stream()
        return self.exchange.write(out)

    cdef bint shows(self, Attempt attempt, bytes events) except -1:
        """Whether these first events of a stream are for the client: once it has seen some, nobody else can be asked.

        Comments that keep a connection alive are passed on all the same when the content takes its time.
        """
        cdef Py_ssize_t i = events.find(b'"content":"')
        if 0 <= i < len(events) - 11 and events[i + 11] != c'"':
            return True
        return monotonic() - attempt.sent_at > LONGEST_HOLD or self.pipeline.courses.has_content(events)

    cdef int start_stream(self) except -1:
        self.exchange.start(200, self.answer_headers(True))
        self.spans = self.asked = None  # no other deployment can be asked from here on, and streams last
        self.exchange.body = b""
        self.held = None
        return 0

    cdef int stream_whole(self, Attempt attempt, bytes out) except -1:
        if not self.exchange.status:
            if self.held is not None:
                out = self.held + out
            self.start_stream()
        self.exchange.finish(out)
        return self.settle(200)

    cdef int stream_cut(self, object error) except -1:
        """The stream will not be whole: tell the client with an error event and no [DONE]."""
        if self.course is None:
            self.course = self.pipeline.courses.begin(
                self.table, self.steer, self.model, self.needs, self.group, self.resolution, None
            )
        self.course.failed(error, None, monotonic())
        self.exchange.write(self.pipeline.failures.event(error))
        self.exchange.finish()
        return self.settle(error.status)

    # -- ends ---------------------------------------------------------------------------------------------------

    cdef list answer_headers(self, bint streamed):
        cdef list headers = begin_answer(streamed, self.call_id, self.table.compat)
        cdef list own = []
        cdef double now
        if self.label is not None:
            headers.append(self.label)
        if self.attempt is not None:
            own = self.attempt.deployment.answer_headers
        headers.extend(own if self.course is None else self.course.headers(own))
        if self.attempt is None or self.attempt.headers is None:
            return headers
        add_upstream_headers(headers, self.attempt.headers)
        now = monotonic()
        add_times(headers, now - self.began, self.attempt.upstream_seconds(now), self.table.compat)
        return headers

    cdef int refuse(self, object error) except -1:
        """Answer with an error. `error`: a TianjiError."""
        cdef list headers = self.answer_headers(False)
        headers.extend(error.headers)
        self.exchange.respond(error.status, headers, self.pipeline.failures.body(error))
        return self.settle(error.status)

    cdef int report(self, object error) except -1:
        """Tell the operator what the client is not told: where it was that something failed.

        What the upstream itself said stays out of the log, since it may quote the prompt.
        """
        if isinstance(error, UpstreamFailure):
            LOG.warning(
                "call %s to %s ended with %d: %s", self.exchange.call_id, self.attempt.deployment.api_base,
                error.status, "refused" if isinstance(error, UpstreamRefused) else error.message,
            )
        return 0

    cdef int crash(self, object error) except -1:
        """An exception reached a boundary: answer if that is still possible, cut the connection if not."""
        if not isinstance(error, TianjiError):
            LOG.error("call %s failed inside the gateway", self.call_id.decode(), exc_info=error)
            error = TianjiError("Internal server error")
        if self.over:
            return 0
        if self.exchange.finished:
            return self.settle(error.status)
        if not self.exchange.status:
            return self.refuse(error)
        if self.attempt is not None and self.attempt.sse is not None and isinstance(error, UpstreamFailure):
            self.report(error)
            return self.stream_cut(error)
        self.exchange.abort()
        return self.settle(500)

    cdef int client_gone(self) except -1:
        return self.settle(ClientGone.status)

    cdef int client_full(self) except -1:
        if self.attempt is not None and self.attempt.call is not None:
            self.attempt.call.pause()
        return 0

    cdef int client_ready(self) except -1:
        if self.attempt is not None and self.attempt.call is not None:
            self.attempt.call.resume()
        return 0

    cdef int settle(self, int status) except -1:
        """Count the request, once, and let go of what it held."""
        if self.over:
            return 0
        self.over = True
        if self.pending is not None:
            self.pending.cancel()
        if self.attempt is not None:
            self.attempt.close(status)
            self.prompt_tokens = self.attempt.prompt_tokens
            self.completion_tokens = self.attempt.completion_tokens
        if self.needs is not None:
            self.give_back(status)
        if self.course is not None:
            self.course.close()
        # nothing may point in a circle any more: what is left is freed without the garbage collector
        self.attempt = None
        self.course = None
        self.pending = None
        self.exchange = None
        self.spans = self.asked = None
        return 0

    cdef int give_back(self, int status) except -1:
        """Give the slot back, with what there is to remember of the deployment that answered."""
        cdef Attempt attempt = self.attempt
        cdef double now = monotonic()
        cdef long long used = -1
        if attempt is None or status >= 300:
            return self.needs.release(now)
        if attempt.prompt_tokens >= 0:
            used = attempt.prompt_tokens + max(attempt.completion_tokens, 0)
        return self.needs.succeeded(
            now, attempt.ended_at - attempt.sent_at if attempt.ended_at > 0 else -1,
            attempt.first_byte_at - attempt.sent_at if attempt.first_byte_at > 0 else -1,
            attempt.completion_tokens, used,
        )
