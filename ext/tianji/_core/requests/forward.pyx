"""One request of the hot path: from the client's bytes to upstreams and back.

A Forward chooses a deployment, sends the edited bytes, and hands the answer on as it comes: all in callbacks, with no
task of its own. Everything rare (errors, control fields, canned answers, what follows a failed attempt) is Python,
handed in by gateway/.

It is the last of a chain of classes, each about one part of a request's life: asked, hedged, answering, cached,
streaming.
"""

import cython

from tianji._core.sharing.clock cimport monotonic
from tianji._core.journal.entries cimport Entries
from tianji._core.upstreams.http1 cimport Timeouts
from tianji._core.journal.meter cimport Rates
from tianji._core.upstreams.origin cimport Origin
from tianji._core.requests.passing cimport Passing
from tianji._core.requests.shaping cimport Shaped, shape_body
from tianji._core.bodies.spans cimport replace_value
from tianji._core.streams.stream cimport AnswerStream
from tianji._core.requests.turn cimport Turn
from tianji._core.streams.usage cimport tier_number

from functools import partial

import msgspec

from tianji.errors import TianjiError, UpstreamConnectFailed

cdef object ENCODE = msgspec.json.Encoder().encode
cdef bytes STREAM_TYPE = b"text/event-stream"


cdef Origin origin_of(Exchange exchange, Plan plan, Deployment deployment):
    # Where a request in the upstream's own form is sent: what is said over a socket may go on over one.
    cdef object leads = (<Turn>exchange).leads if type(exchange) is Turn else None
    return plan.origin if leads is None else <Origin?>leads(plan, deployment)


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
cdef class Forward(Streaming):
    """One request under way."""

    # -- choosing -------------------------------------------------------------------------------------------------

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

    # -- waiting for a slot ---------------------------------------------------------------------------------------

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

    # -- attempts -------------------------------------------------------------------------------------------------

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
        cdef Passing passing = None
        if deployment.unready is not None and plan.canned is None and (
            self.steer is None or not self.steer.opens(deployment)
        ):
            raise self.pipeline.failures.unready(deployment)
        if self.guard is not None and self.guard.readies:
            readying = self.guard.ready(deployment, self.attempts)
            if readying is not None:
                return self.stand_by(readying, deployment)
        if plan.passage is not None and plan.passage.place.awaits is not None:
            credentials = plan.passage.place.awaits()
            if credentials is not None:
                return self.stand_by(credentials, deployment)
        if self.steer is not None:
            self.steer.fail(self.course)
            plan = self.steer.plan(plan)
            head = self.steer.head(head, deployment)
        if self.trace is not None:
            head = self.trace.marked(head, self.attempts)
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
            if passing.waits is not None:
                return self.stand_by(passing.waits, deployment)
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
            attempt.measures = passing.measures
            attempt.send(passing.request, origin_of(self.exchange, plan, deployment), timeouts)
        if deployment.follow_up:
            self.follow_up(deployment)
        return 0

    cdef int stand_by(self, object credentials, Deployment deployment) except -1:
        """Wait for what has to be known before a deployment can be called; a second attempt has no time for that."""
        if self.rival is not None:
            credentials.cancel()
            raise UpstreamConnectFailed("what this deployment is called with is still being fetched")
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
        attempt.streamed = self.stream or self.operation.media
        attempt.model_json = self.model_json
        attempt.answers = self.operation.answers
        attempt.began = self.began if self.attempt is None else monotonic()
        deployment.stats.began()
        attempt.number = self.attempts
        self.attempts += 1
        if attempt.number == 0 and self.pipeline.entries is not None:
            (<Entries>self.pipeline.entries).meet(self)
        if self.stream and (self.heard is not None or (self.party is not None and self.party.request is not None)):
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

    # -- answers --------------------------------------------------------------------------------------------------

    cdef int answer_canned(self, Plan plan) except -1:
        """Answer for a deployment that has its text in the configuration."""
        cdef str call_id = self.call_id.decode()
        cdef str name = self.operation.name if plan.passage is None else "chat"
        cdef AnswerStream stream
        cdef Passing passing = None
        canned = self.pipeline.canned
        if plan.passage is not None:
            passing = plan.passage.begin(plan, self, self.model_json, plan.head)
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

    cdef int answer_whole(self, Attempt attempt, bytes body, ObjectSpans spans) except -1:
        cdef Py_ssize_t i = -1 if spans is None else spans.find(b"model")
        if self.table.heeds_filter and (
            b'"content_filter"' in body if attempt.passing is None else attempt.passing.filtered
        ):
            self.win(attempt)
            self.set_course()
            if self.course.takes_filtered():
                attempt.close(400)
                self.pay()
                self.course.filtered(monotonic())
                return self.proceed()
        self.win(attempt)
        self.keep_books(attempt.status)
        if i >= 0 and spans.raw(i) != self.model_json:
            body = replace_value(spans, i, self.model_json)
        if self.lookup is not None:
            body = self.completed(attempt, body)
        self.exchange.respond(attempt.status, self.answer_headers(False), body)
        if self.lookup is not None:
            self.keep_whole(attempt, body)
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
