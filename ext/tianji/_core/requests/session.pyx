"""A request whose answer is a conversation, or that is answered by a coroutine.

It is read, resolved, held against limits and counted as every request is; what is done with a deployment is Python,
because it happens once in minutes. Each response of a conversation is an attempt of its own: it has an entry in the
ledger, and pays, before the client gets it. The conversation is one more, which costs nothing.
"""

from tianji._core.requests.asked cimport Asked
from tianji._core.requests.attempt cimport Attempt
from tianji._core.requests.ending cimport answer_error, finish_up, let_go, owned
from tianji._core.sharing.clock cimport monotonic
from tianji._core.journal.entries cimport Entries
from tianji._core.edges.exchange cimport Exchange
from tianji._core.upstreams.headers cimport begin_answer
from tianji._core.requests.pipeline cimport Operation, Pipeline
from tianji._core.routing.router cimport Deployment
from tianji._core.bodies.spans cimport ObjectSpans
from tianji._core.streams.usage cimport Usage, read_usage

from asyncio import ensure_future

from tianji.errors import RateLimited, TianjiError

cdef object ENSURE_FUTURE = ensure_future
cdef enum:
    SWITCHED = 101  # Switching Protocols: how a conversation ends that was one
cdef frozenset ENDS = frozenset((  # events that say what a response has used, or that somebody was heard
    "response.done", "response.completed", "response.incomplete", "response.failed",
    "conversation.item.input_audio_transcription.completed",
))


cdef class Session(Asked):
    """A request under way. `opens(session)` is awaited when it may be served; it answers, or opens a conversation."""

    def __init__(
        self, Pipeline pipeline not None, Operation operation not None, Exchange exchange not None, opens not None
    ):
        self.pipeline = pipeline
        self.table = pipeline.table
        self.operation = operation
        self.exchange = exchange
        self.opens = opens
        self.began = monotonic()

    def start(self, dict params not None):
        """Read the request and go on with it as far as that goes at once. Raises nothing."""
        try:
            self.begin(params)
        except Exception as error:  # boundary: the way in
            self.crash(error)

    cdef bint recall(self) except -1:
        return False  # what is said in a conversation is in no cache

    # -- choosing -----------------------------------------------------------------------------------------------

    cdef int choose(self) except -1:
        if self.attempts == 0 and self.pending is None:  # else it was let in again, in the middle of a conversation
            self.pending = ENSURE_FUTURE(self.opens(self), loop=self.pipeline.pool.loop)
            self.pending.add_done_callback(self.opened)
        return 0

    def opened(self, task not None):
        """Hear that `opens` has ended."""
        if self.over:
            return
        self.pending = None
        try:
            task.result()
        except Exception as error:  # boundary: the loop
            self.crash(error)

    def reroute(self, str name not None):
        """Go on as if another model had been asked for: not in the middle of a conversation."""
        if self.refuses is not None:
            raise RateLimited("what this key may use of the model is used up, and a session keeps its model")
        Asked.reroute(self, name)

    def take(self, step not None):
        """Begin an attempt at the deployment that a step of the course names, and return that.

        Raises Overloaded for one that cannot be called as it is configured.
        """
        cdef Deployment deployment
        self.group, self.resolution, self.label = step.group, step.resolution, step.label
        if step.model_json is not None:
            self.model_json = step.model_json
        deployment = self.group.deployments[step.position]
        if deployment.unready is not None:
            raise self.pipeline.failures.unready(deployment)
        self.attempt = self.begin_attempt(deployment, monotonic())
        return deployment

    def stay(self):
        """Let go of what has found the upstream: the conversation has begun, and stays where it is."""
        if self.course is not None:  # else it is over already
            self.course.close()
        self.course = self.opens = None

    def upstream_model(self):
        """Name the model as the upstream of the attempt under way calls it."""
        return self.attempt.deployment.model if self.attempt.model is None else self.attempt.model

    def failed(self, error not None):
        """Close the attempt under way, if there is one: it ended with the TianjiError `error`."""
        if self.attempt is not None:
            self.attempt.error = error
            self.attempt.close(error.status)
            self.attempt = None

    cdef Attempt begin_attempt(self, Deployment deployment, double began):
        cdef Attempt attempt = Attempt.__new__(Attempt)
        attempt.requester = self
        attempt.deployment = deployment
        attempt.needs = self.needs
        attempt.began = began
        attempt.number = self.attempts
        attempt.rates = deployment.rates
        if "*" in deployment.model:
            attempt.model = self.resolution.upstream_model(deployment.model)
            attempt.rates = deployment.prices(attempt.model)
        deployment.stats.began()
        if self.attempts == 0 and self.pipeline.entries is not None:
            (<Entries>self.pipeline.entries).meet(self)
        self.attempts += 1
        return attempt

    # -- what a conversation uses -------------------------------------------------------------------------------

    def hear(self, bytes event not None):
        """Bill what an event of the upstream says was used; the TianjiError that ends the conversation, or None."""
        cdef ObjectSpans spans, holder
        cdef Py_ssize_t i
        cdef str kind
        if self.over:
            return None
        try:
            spans = ObjectSpans.scan(event)
            i = spans.find(b"type")
            kind = spans.text(i) if i >= 0 and spans.kind(i) == c"s" else ""
            holder = spans
            if kind.startswith("response."):
                i = spans.find(b"response")
                holder = spans.child(i) if i >= 0 else None
        except TianjiError:
            return None  # the client may make of it what he can
        if kind == "response.created":
            self.answering = monotonic()
            return None
        if kind not in ENDS:
            return None
        if holder is not None:
            self.answered_by(holder)
        self.bill(read_usage(holder) if holder is not None else None)
        return self.renew()

    cdef int answered_by(self, ObjectSpans response) except -1:
        """Take note of who has made a response."""
        return 0

    cdef int bill(self, Usage usage) except -1:
        """Count a response that is whole, with its cost."""
        cdef double now = monotonic()
        cdef Attempt attempt = self.begin_attempt(self.attempt.deployment, self.answering if self.answering else now)
        self.answering = 0
        if usage is not None:
            attempt.usage = usage
            attempt.prompt_tokens = usage.prompt_tokens
            attempt.completion_tokens = usage.completion_tokens
        return attempt.close(200)

    cdef object renew(self):
        """Pay for what was used, and be let in again: the error when that is refused, or None."""
        if self.admission is None or self.pending is not None:
            return None
        self.leave()
        self.admission = None
        self.used_input = self.used_output = self.nano_dollars = 0
        try:
            self.enter()
        except TianjiError as error:
            return error
        return None

    cdef int attempt_closed(self, Attempt attempt, int status) except -1:
        if self.pipeline.entries is not None:
            (<Entries>self.pipeline.entries).attempted(self, attempt, status)
        if attempt.usage is not None:
            self.used_input += max(0, attempt.usage.prompt_tokens)
            self.used_output += max(0, attempt.usage.completion_tokens)
            self.used_in_all += max(0, attempt.usage.prompt_tokens) + max(0, attempt.usage.completion_tokens)
            self.nano_dollars += max(0, attempt.nano_dollars)
        return 0

    cdef int leave(self) except -1:
        if self.admission is not None:
            self.admission.settle(monotonic(), self.used_input, self.used_output, self.nano_dollars)
        return 0

    # -- ends ---------------------------------------------------------------------------------------------------

    def headers(self):
        """The headers of an answer, without those of its content."""
        cdef list found = begin_answer(False, self.call_id, self.table.compat)[1:]
        cdef list own = [] if self.attempt is None else self.attempt.deployment.answer_headers
        if self.label is not None:
            found.append(self.label)
        found.extend(own if self.course is None else self.course.headers(own))
        return found

    def answer(self, bytes body not None):
        """Answer with a JSON text, and be done."""
        cdef list headers = [(b"content-type", b"application/json"), *self.headers()]
        self.keep_books(200)
        self.exchange.respond(200, headers, body)
        self.settle(200)

    def finish(self, error=None):
        """The conversation is over: by the TianjiError `error`, or as conversations end."""
        self.error = error
        self.settle(SWITCHED if error is None else error.status)

    cdef int refuse(self, object error) except -1:
        """Answer with an error. `error`: a TianjiError."""
        cdef list headers = begin_answer(False, self.call_id, self.table.compat)
        if self.label is not None:
            headers.append(self.label)
        return answer_error(self, error, headers)

    cdef int crash(self, object error) except -1:
        """An exception reached a boundary: answer if that is still possible, end the conversation if not."""
        error = owned(self, error)
        if self.over:
            return 0
        if self.refuses is not None:
            self.refuses(error)
            return 0
        if not self.exchange.status:
            if self.call_id is None:
                self.call_id = self.pipeline.new_call_id()
            return self.refuse(error)
        self.exchange.abort()
        return self.settle(error.status)

    cdef int keep_books(self, int status) except -1:
        cdef Attempt attempt = self.attempt
        if attempt is not None:
            if attempt.error is None:
                attempt.error = self.error
            attempt.close(status)
        elif self.error is not None and self.attempts == 0 and self.pipeline.entries is not None:
            (<Entries>self.pipeline.entries).refused(self, status)
            self.error = None
        return self.leave()

    cdef int settle(self, int status) except -1:
        """Count the request, once, and let go of what it held."""
        cdef double now = monotonic()
        if not finish_up(self, status):
            return 0
        if self.needs is not None:
            if status < 300:
                self.needs.succeeded(now, -1, -1, 0, self.used_in_all if self.used_in_all else -1)
            else:
                self.needs.release(now)
            if self.group.line is not None:
                self.group.line.released(now)
        if self.course is not None:
            self.course.close()
        self.course = self.refuses = self.opens = None
        self.exchange.attach(None)
        return let_go(self)
