"""One request of the hot path: from the client's bytes to upstreams and back.

A Forward chooses a deployment, sends the edited bytes, and hands the answer on as it comes: all in callbacks, with no
task of its own. Everything rare (errors, control fields, canned answers, what follows a failed attempt) is Python,
handed in by gateway/.

Until the first content of an answer goes out, another deployment can still be asked; with `stream_recovery` even later.

Size: a request's life is one class; two halves of it would share every field.
"""

import cython
from libc.limits cimport LLONG_MAX
from libc.stdint cimport uint64_t

from tianji._core.clock cimport monotonic
from tianji._core.entries cimport Entries
from tianji._core.headers cimport add_times, add_upstream_headers, begin_answer
from tianji._core.http1 cimport Timeouts
from tianji._core.meter cimport Rates, dollars, estimate
from tianji._core.shaping cimport Shaped, shape_body
from tianji._core.spans cimport replace_value
from tianji._core.stream cimport AnswerStream
from tianji._core.usage cimport tier_number

from functools import partial
import logging

import msgspec

from tianji.errors import ClientGone, TianjiError, UpstreamConnectFailed, UpstreamFailure, UpstreamRefused

cdef object LOG = logging.getLogger("tianji.gateway")
cdef object ENCODE = msgspec.json.Encoder().encode
cdef uint64_t ABILITIES = 0xFFFFFFFF       # bits of Needs.bits below those of the operations
cdef enum:
    BYTES_A_TOKEN = 4
    METERED = 16  # events of a stream between two looks at its budget
cdef bytes COST_HEADER = b"x-litellm-response-cost"
cdef bytes STREAM_TYPE = b"text/event-stream"
cdef double LONGEST_HOLD = 5.0             # seconds that the beginning of a stream may be kept from the client


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
cdef class Forward(Asked):
    """One request under way."""

    # -- choosing -----------------------------------------------------------------------------------------------

    cdef int choose(self) except -1:
        """Make the first attempt; where nobody takes it, or the client wants to see why, the course decides."""
        cdef int position = -1
        if self.group.line is not None and len(self.group.line):
            self.set_course()
            return self.stand_in_line()  # others were here before
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
            self.course = self.pipeline.courses.begin(self)
        return 0

    cdef int recover(self, object error, list headers) except -1:
        """Go on after a failed attempt. `headers`: of the upstream's answer, None when there was none."""
        self.set_course()
        if self.attempt is not None:
            self.give_up(self.attempt, error)  # one that was begun and could not be sent
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
            if step.model_json is not None and not self.exchange.status:
                self.model_json = step.model_json
            if step.position < 0:
                return self.stand_in_line()
            try:
                return self.launch(self.group.deployments[step.position])
            except TianjiError as fault:
                if self.attempt is not None:
                    self.give_up(self.attempt, fault)
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

    # -- waiting for a slot -------------------------------------------------------------------------------------

    cdef int stand_in_line(self) except -1:
        self.pending = self.course.stand_in_line(self, monotonic())
        return 0

    def wake(self, double now):
        """Take a slot if there is one for this request; whether it did."""
        cdef int position = -1 if self.over else self.group.selection.choose(self.needs, now)
        if position < 0:
            return False
        self.pending = None
        try:
            self.launch(self.group.deployments[position])
        except TianjiError as error:
            self.recover(error, None)
        except Exception as error:  # boundary: the line
            self.crash(error)
        return True

    def turned_away(self, str reason, double now):
        """Answer that the wait was in vain."""
        if self.over:
            return
        self.pending = None
        try:
            self.refuse(self.course.turned_away(reason))
        except Exception as error:  # boundary: the line
            self.crash(error)

    # -- attempts -----------------------------------------------------------------------------------------------

    cdef int launch(self, Deployment deployment) except -1:
        """Send the request to a deployment whose slot it has. Raises what is wrong before anything was sent."""
        cdef Attempt attempt
        cdef Plan plan = deployment.plans[self.operation.name]
        cdef Shaped shaped
        cdef Timeouts timeouts
        cdef bytes head = plan.head, model
        cdef Rates rates
        cdef Py_ssize_t i
        cdef int tier = 0
        cdef object passing = None
        if deployment.unready is not None and plan.canned is None:
            raise self.pipeline.failures.unready(deployment)
        if plan.passage is not None and plan.passage.place.awaits is not None:
            credentials = plan.passage.place.awaits()
            if credentials is not None:
                return self.stand_by(credentials, deployment)
        if self.steer is not None:
            self.steer.fail(self.course)
            plan = self.steer.plan(plan)
            head = self.steer.head(head)
        if self.operation.streams and plan.streams and self.spans.find(b"stream") < 0:
            self.stream = True
        if plan.canned is not None:
            self.begin_attempt(deployment)
            return self.answer_canned(plan)
        model = plan.model
        rates = deployment.rates
        named = None
        if model is None:
            named = deployment.model if self.resolution is None else self.resolution.upstream_model(deployment.model)
            model = ENCODE(named)
            rates = deployment.prices(named)
        if plan.passage is None:
            shaped = shape_body(plan, self.spans, model, self.stream)
        else:
            passing = plan.passage.begin(plan, self, model, head)
        timeouts = plan.stream_timeouts if self.stream else plan.timeouts
        if self.steer is not None:
            timeouts = self.steer.timeouts(plan, self.stream)
        if self.table.total_timeout > 0:
            timeouts = self.pipeline.courses.within(
                timeouts, self.began + self.table.total_timeout - monotonic(), self.stream)
        i = self.spans.find(b"service_tier")
        if i >= 0 and self.spans.kind(i) == c"s":
            tier = tier_number(self.spans.text(i))
        attempt = self.begin_attempt(deployment)
        attempt.rates = rates
        attempt.model = named
        attempt.asked_bytes = len(self.spans.source)
        attempt.tier = tier
        attempt.hold = self.table.max_answer
        if passing is None:
            attempt.hide_usage = shaped.hides_usage and not self.table.shows_usage
            attempt.send(shaped.request(head), plan.origin, timeouts)
        else:
            attempt.passing = passing
            attempt.send(passing.request, plan.origin, timeouts)
        if deployment.follow_up:
            self.follow_up(deployment)
        return 0

    cdef int stand_by(self, object credentials, Deployment deployment) except -1:
        """Wait for what has to be known before a deployment can be called; a second attempt has no time for that."""
        if self.rival is not None:
            credentials.cancel()
            raise UpstreamConnectFailed("the credentials of this deployment are still being fetched")
        self.pending = credentials
        credentials.add_done_callback(partial(self.stood_by, deployment))
        return 0

    def stood_by(self, Deployment deployment not None, task):
        """Call the deployment, now that its credentials are there or cannot be had."""
        if self.over:
            return
        self.pending = None
        try:
            task.result()
            self.launch(deployment)
        except TianjiError as error:
            self.recover(error, None)
        except Exception as error:  # boundary: the loop
            self.crash(error)

    cdef Attempt begin_attempt(self, Deployment deployment):
        cdef Attempt attempt = Attempt.__new__(Attempt)
        attempt.requester = self
        attempt.deployment = deployment
        attempt.needs = self.needs
        attempt.streamed = self.stream
        attempt.model_json = self.model_json
        attempt.began = self.began if self.attempt is None else monotonic()
        deployment.stats.began()
        attempt.number = self.attempts
        self.attempts += 1
        if attempt.number == 0 and self.pipeline.entries is not None:
            (<Entries>self.pipeline.entries).meet(self)
        if self.stream and self.party is not None and self.party.request is not None:
            attempt.said = []
        self.attempt = attempt
        return attempt

    cdef int follow_up(self, Deployment deployment) except -1:
        """Do what else begins with an attempt: a copy for another model, a second attempt should this one take long."""
        if deployment.silent is not None and self.course is None and not self.exchange.silent:
            self.pipeline.courses.shadow(deployment.silent, self.exchange, Endpoint(self.pipeline, self.operation))
        if deployment.hedge is not None and self.rival is None and self.hedging is None:
            seconds = deployment.hedge.delay(self.needs.holding, monotonic(), streamed=self.stream)
            if seconds is not None and len(self.group.deployments) > 1:
                self.hedging = self.pipeline.pool.loop.call_later(seconds, self.hedge)
        return 0

    def hedge(self):
        """Ask a second deployment: the first one takes longer than usual, and the first answer wins."""
        cdef Needs first = self.needs, second
        cdef Attempt attempt = self.attempt
        cdef int position
        self.hedging = None
        if self.over or self.exchange.status or self.pending is not None or first.holding is None:
            return
        try:
            second = first.again()
            position = self.group.selection.choose(second, monotonic())
            if position < 0:
                return
            self.needs, self.rival = second, attempt
            try:
                self.launch(self.group.deployments[position])
            except TianjiError:  # one that cannot be asked is no help, and no harm
                if self.attempt is not attempt:
                    self.attempt.close(ClientGone.status)
                self.needs, self.attempt, self.rival = first, attempt, None
        except Exception as error:  # boundary: the loop
            self.crash(error)

    cdef int forget_hedge(self) except -1:
        if self.hedging is not None:
            self.hedging.cancel()
            self.hedging = None
        return 0

    cdef int win(self, Attempt attempt) except -1:
        """One of two attempts answers: the other one is given up."""
        cdef Attempt other
        self.forget_hedge()
        if self.rival is None:
            return 0
        other = self.rival if attempt is self.attempt else self.attempt
        self.attempt, self.needs, self.rival = attempt, attempt.needs, None
        other.close(ClientGone.status)
        other.needs.release(monotonic())
        if self.course is not None:
            self.course.adopt(self.needs)
        return 0

    cdef int lose(self, Attempt attempt, object error) except -1:
        """One of two attempts failed: the other one goes on alone."""
        cdef Attempt other = self.rival if attempt is self.attempt else self.attempt
        self.give_up(attempt, error)
        self.needs = attempt.needs
        self.set_course()
        self.course.lost(attempt.needs, other.needs, error, attempt.headers, monotonic())
        self.attempt, self.needs, self.rival = other, other.needs, None
        return 0

    cdef int answer_canned(self, Plan plan) except -1:
        """Answer for a deployment that has its text in the configuration."""
        cdef str call_id = self.call_id.decode()
        cdef str name = self.operation.name if plan.passage is None else "chat"
        cdef AnswerStream stream
        canned = self.pipeline.canned
        passing = None if plan.passage is None else plan.passage.begin(plan, self, self.model_json, plan.head)
        if self.stream:
            stream = None if passing is None else passing.stream(STREAM_TYPE)
            if not self.exchange.status:
                self.exchange.start(200, self.stream_headers(stream))
            for event in canned.events(name, self.model, plan.canned, call_id):
                self.exchange.write(event if stream is None else stream.feed(event))
            self.keep_books(200)
            self.exchange.finish(b"" if stream is None else stream.close() + stream.ending())
        else:
            body = ENCODE(canned.answer(name, self.model, plan.canned, call_id))
            if passing is not None:
                body, _ = passing.answer(body)
            headers = self.answer_headers(False)
            self.keep_books(200)
            self.exchange.respond(200, headers, body)
        return self.settle(200)

    cdef int answer_whole(self, Attempt attempt, ObjectSpans spans) except -1:
        cdef bytes body = spans.source
        cdef Py_ssize_t i
        if self.table.heeds_filter and (
            b'"content_filter"' in body if attempt.passing is None else attempt.passing.filtered
        ):
            self.win(attempt)
            self.set_course()
            if self.course.takes_filtered():
                attempt.close(400)
                self.course.filtered(monotonic())
                return self.proceed()
        self.win(attempt)
        self.keep_books(attempt.status)
        i = spans.find(b"model")
        if i >= 0 and spans.raw(i) != self.model_json:
            body = replace_value(spans, i, self.model_json)
        self.exchange.respond(attempt.status, self.answer_headers(False), body)
        return self.settle(attempt.status)

    cdef int attempt_failed(self, Attempt attempt, object error) except -1:
        self.report(attempt, error)
        if self.rival is not None:
            return self.lose(attempt, error)
        self.forget_hedge()
        if self.exchange.status:
            return self.stream_cut(error)
        self.give_up(attempt, error)
        return self.recover(error, attempt.headers)

    # -- streams ------------------------------------------------------------------------------------------------

    cdef int stream_piece(self, Attempt attempt, bytes out) except -1:
        if not self.flowing:
            if attempt.held is not None:
                out = attempt.held + out
            if not self.shows(attempt, out):
                attempt.held = out
                return 0
            out = self.start_stream(attempt, out)
        if self.sent is not None:
            self.sent.append(out)
        if attempt.said is not None:
            attempt.said.append(out)
        self.exchange.write(out)
        if self.admission is not None and attempt.sse.events >= self.metered_at and not self.covers(attempt):
            return self.end_spent(attempt)
        return 0

    cdef bint shows(self, Attempt attempt, bytes events) except -1:
        """Whether these first events of a stream are for the client: once it has seen some, nobody else can be asked.

        Comments that keep a connection alive are passed on all the same when the content takes its time.
        """
        cdef Py_ssize_t i
        if attempt.sse.knows:
            return attempt.sse.spoke or monotonic() - attempt.sent_at > LONGEST_HOLD
        i = events.find(b'"content":"')
        if 0 <= i < len(events) - 11 and events[i + 11] != c'"':
            return True
        return monotonic() - attempt.sent_at > LONGEST_HOLD or self.pipeline.courses.has_content(events)

    cdef bytes start_stream(self, Attempt attempt, bytes out):
        """Let the client see the attempt's events, which begin with `out`; what of them he is to get."""
        self.win(attempt)
        self.flowing = True
        attempt.held = None
        if self.exchange.status:
            return self.pipeline.courses.from_content(out)  # it goes on where another one was cut
        self.exchange.start(200, self.stream_headers(attempt.sse))
        if self.table.recovers and self.operation.name == "chat":
            self.sent = []
        else:
            self.spans = self.asked = None  # no other deployment can be asked from here on, and streams last
            self.exchange.body = b""
        return out

    cdef int stream_whole(self, Attempt attempt, bytes out) except -1:
        if not self.flowing:
            if attempt.held is not None:
                out = attempt.held + out
            out = self.start_stream(attempt, out)
        if attempt.said is not None:
            attempt.said.append(out)
        self.keep_books(200)
        self.exchange.finish(out)
        return self.settle(200)

    cdef int stream_cut(self, object error) except -1:
        """The stream broke: let another deployment go on, or tell the client with an error event and no [DONE]."""
        cdef double now = monotonic()
        self.give_up(self.attempt, error)
        if self.course is None:
            self.course = self.pipeline.courses.begin(self)
        self.course.failed(error, None, now)
        if self.sent is not None and self.course.go_on_from(self.sent):
            self.flowing = False
            return self.proceed()
        return self.end_cut(error)

    cdef int end_cut(self, object error) except -1:
        cdef bytes told = None
        self.error = error
        self.keep_books(error.status)
        if self.attempt is not None and self.attempt.sse is not None:
            told = self.attempt.sse.cut(error)
        self.exchange.write(self.errors().event(error) if told is None else told)
        self.exchange.finish()
        return self.settle(error.status)

    # -- ends ---------------------------------------------------------------------------------------------------

    cdef list answer_headers(self, bint streamed):
        cdef list headers = begin_answer(streamed, self.call_id, self.table.compat)
        cdef list own = []
        cdef double now
        if self.label is not None:
            headers.append(self.label)
        if self.decision is not None:
            headers.extend(self.decision)
        if self.admission is not None:
            headers.extend(self.admission.asked.quota(self.pipeline.counted, monotonic()))
        elif self.group is not None and self.group.limits is not None:
            headers.extend(self.pipeline.courses.remaining(self.group, monotonic()))
        if self.attempt is not None:
            own = self.attempt.deployment.answer_headers
        headers.extend(own if self.course is None else self.course.headers(own))
        if self.attempt is None or self.attempt.headers is None:
            return headers
        if not streamed and self.attempt.usage is not None and self.attempt.rates is not None:
            headers.append((COST_HEADER, dollars(self.attempt.bill())))
        add_upstream_headers(headers, self.attempt.headers)
        now = monotonic()
        add_times(headers, now - self.began, self.attempt.upstream_seconds(now), self.table.compat)
        return headers

    cdef list stream_headers(self, AnswerStream stream):
        """The head of a streamed answer, of the type that the client's dialect has for it."""
        cdef list headers = self.answer_headers(True)
        if stream is not None and stream.content_type is not None:
            headers[0] = (b"content-type", stream.content_type)
        return headers

    cdef object errors(self):
        """What says an error in the client's dialect."""
        return self.pipeline.failures if self.operation.errors is None else self.operation.errors

    cdef int refuse(self, object error) except -1:
        """Answer with an error. `error`: a TianjiError."""
        cdef list headers
        if self.exchange.status:
            return self.end_cut(error)
        headers = self.answer_headers(False)
        headers.extend(error.headers)
        self.error = error
        self.keep_books(error.status)
        self.exchange.respond(error.status, headers, self.errors().body(error))
        return self.settle(error.status)

    cdef int give_up(self, Attempt attempt, object error) except -1:
        """Close an attempt that failed."""
        if attempt.error is None:
            attempt.error = error
        return attempt.close(error.status)

    cdef int keep_books(self, int status) except -1:
        """Close what is open, have the ledger know it and whoever asks pay for it.

        Before the answer ends: that may be the last thing here, and who asks again then finds it paid for.
        """
        self.win(self.attempt)
        if self.attempt is not None:
            if self.attempt.error is None:
                self.attempt.error = self.error
            self.attempt.close(status)
        elif self.error is not None and self.pipeline.entries is not None:
            (<Entries>self.pipeline.entries).refused(self, status)
            self.error = None
        return self.leave()

    cdef int report(self, Attempt attempt, object error) except -1:
        """Tell the operator what the client is not told: where it was that something failed.

        What the upstream itself said stays out of the log, since it may quote the prompt.
        """
        if isinstance(error, UpstreamFailure):
            told = "refused" if isinstance(error, UpstreamRefused) else getattr(error, "told", error.message)
            LOG.warning(
                "call %s to %s ended with %d: %s", self.exchange.call_id, attempt.deployment.api_base, error.status,
                told,
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
            try:
                return self.refuse(error)
            except Exception as fault:  # what made the answer is what failed
                LOG.error("call %s could not be refused", self.call_id.decode(), exc_info=fault)
        elif self.attempt is not None and self.attempt.sse is not None and isinstance(error, UpstreamFailure):
            self.report(self.attempt, error)
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
        self.keep_books(status)
        if self.attempt is not None:
            self.prompt_tokens = self.attempt.prompt_tokens
            self.completion_tokens = self.attempt.completion_tokens
        if self.needs is not None:
            self.give_back(status)
        if self.course is not None:
            self.course.close()
        # nothing may point in a circle any more: what is left is freed without the garbage collector
        self.attempt = None
        self.admission = None
        self.course = None
        self.pending = None
        self.sent = None
        self.exchange = None
        self.spans = self.asked = None
        return 0

    cdef int give_back(self, int status) except -1:
        """Give the slot back, with what there is to remember of the deployment that answered."""
        cdef Attempt attempt = self.attempt
        cdef double now = monotonic()
        cdef long long used = -1
        if attempt is None or status >= 300:
            self.needs.release(now)
        else:
            if attempt.prompt_tokens >= 0:
                used = attempt.prompt_tokens + max(attempt.completion_tokens, 0)
            self.needs.succeeded(
                now, attempt.ended_at - attempt.sent_at if attempt.ended_at > 0 else -1,
                attempt.first_byte_at - attempt.sent_at if attempt.first_byte_at > 0 else -1,
                attempt.completion_tokens, used,
            )
        if self.group.line is not None:
            self.group.line.released(now)
        return 0

    cdef int attempt_closed(self, Attempt attempt, int status) except -1:
        if self.pipeline.entries is not None:
            (<Entries>self.pipeline.entries).attempted(self, attempt, status)
        if self.admission is not None and attempt.usage is not None:
            self.used_input += max(0, attempt.usage.prompt_tokens)
            self.used_output += max(0, attempt.usage.completion_tokens)
            self.nano_dollars += max(0, attempt.nano_dollars)
        return 0

    cdef bint covers(self, Attempt attempt) except -1:
        """Whether what is reserved pays for the stream so far; more is reserved where there is more."""
        cdef long long covered = self.admission.covered(), spent
        if covered < 0 or attempt.rates is None:
            self.metered_at = LLONG_MAX
            return True
        self.metered_at = attempt.sse.events + METERED
        spent = self.nano_dollars + estimate(
            attempt.rates, attempt.asked_bytes // BYTES_A_TOKEN, attempt.sse.events, None, attempt.tier)
        return spent <= covered or self.admission.extend(max(covered, spent - covered))

    cdef int end_spent(self, Attempt attempt) except -1:
        """End a stream whose caller has spent all of a budget: what came is paid for."""
        cdef str name = self.operation.name
        cdef bytes told = attempt.sse.shortened("budget_exceeded" if name == "chat" else "length")
        self.keep_books(200)
        if told is None:
            told = self.pipeline.canned.last_words(name, self.model, self.call_id.decode())
        self.exchange.finish(told)
        return self.settle(200)

    cdef int leave(self) except -1:
        """Have what all attempts used stand in place of what was reserved for the request."""
        if self.admission is not None:
            self.admission.settle(monotonic(), self.used_input, self.used_output, self.nano_dollars)
        return 0
