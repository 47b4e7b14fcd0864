"""One request of the hot path: from the client's bytes to an upstream and back.

A Forward reads the request's head by spans, picks a deployment, sends the edited bytes, and hands the answer on as it
comes: all in callbacks, with no task of its own. Everything rare (errors, control fields, canned answers) is Python,
handed in by gateway/.

Two boundaries catch every exception, because a callback that raised would leave a client waiting for ever:
`Endpoint.handle` for the way in and `crash` for the way back.

Size: a request's life is one class; two halves of it would share every field.
"""

import cython
from cpython.bytes cimport PyBytes_AS_STRING
from libc.string cimport memchr, memcmp

from tianji._core.clock cimport monotonic
from tianji._core.exchange cimport Exchange, Handler, Producer
from tianji._core.headers cimport (
    ClientHeaders, add_times, add_upstream_headers, begin_answer, read_client_headers,
)
from tianji._core.http1 cimport ResponseHandler, Timeouts
from tianji._core.pipeline cimport Operation, Pipeline
from tianji._core.router cimport Deployment, Plan
from tianji._core.shaping cimport Shaped, shape_body
from tianji._core.spans cimport ObjectSpans, replace_value
from tianji._core.sse cimport ChatStream
from tianji._core.usage cimport Usage, read_usage

import logging

import msgspec

from tianji.errors import (
    ClientGone,
    InvalidRequest,
    TianjiError,
    UpstreamDisconnected,
    UpstreamFailure,
    UpstreamProtocolError,
    UpstreamRefused,
)

cdef object LOG = logging.getLogger("tianji.gateway")
cdef object ENCODE = msgspec.json.Encoder().encode
cdef bytes DONE_EVENT = b"data: [DONE]\n\n"


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
cdef class ClientSide(Producer):
    """What a Forward hears of its client."""

    cdef int client_gone(self) except -1:
        cdef Forward forward = self.forward
        return forward.gone()

    cdef int client_full(self) except -1:
        cdef Forward forward = self.forward
        return forward.pause()

    cdef int client_ready(self) except -1:
        cdef Forward forward = self.forward
        return forward.unpause()


@cython.final
cdef class Forward(ResponseHandler):
    """One request under way."""

    # -- the way in ---------------------------------------------------------------------------------------------

    cdef int begin(self, dict params) except -1:
        cdef ClientSide side = ClientSide.__new__(ClientSide)
        cdef ClientHeaders asked = read_client_headers(self.exchange.noted)
        self.call_id = asked.call_id if asked.call_id is not None else self.pipeline.new_call_id()
        self.exchange.call_id = self.call_id.decode()
        side.forward = self
        self.exchange.account = self
        self.exchange.attach(side)
        if self.over:
            return 0
        self.read_request(params, asked.steers)
        self.resolve()
        return self.attempt()

    cdef int read_request(self, dict params, bint steers) except -1:
        """Read what steers the request; raise InvalidRequest and its kin for what cannot be served."""
        cdef ObjectSpans spans = ObjectSpans.scan(self.exchange.body)
        cdef Py_ssize_t i
        cdef bytes name
        cdef frozenset watched = self.table.watched
        self.spans = spans
        for i in range(spans.count()):
            name = spans.name(i)
            if name in watched or holds_cost(name):
                steers = True
        if steers or self.table.forwards_client_headers:
            self.steer = self.pipeline.steering(self.exchange, self.table)
        i = spans.find(b"model")
        if self.table.default_model is not None:
            self.model = self.table.default_model
        elif i >= 0:
            self.model = spans.text(i)
        else:
            self.model = params.get("model", self.operation.default_model) if params else self.operation.default_model
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
            return 0
        self.group, self.resolution = self.table.resolve(self.model)
        return 0

    cdef int attempt(self) except -1:
        """Send the request to the next deployment of the group."""
        cdef Deployment deployment = self.group.choose(self.operation.name, self.tried)
        cdef Plan plan
        cdef Shaped shaped
        cdef Timeouts timeouts
        cdef bytes head, model
        if deployment is None:
            raise InvalidRequest(
                f"model {self.model} does not offer {self.operation.name}: no deployment of it has such an endpoint",
                param="model",
            )
        self.deployment = deployment
        plan = deployment.plans[self.operation.name]
        if deployment.unready is not None and plan.canned is None:
            self.deployment = None
            raise self.pipeline.failures.unready(deployment)
        if self.steer is not None:
            plan = self.steer.plan(plan)
        self.plan = plan
        if self.operation.streams and plan.streams and self.spans.find(b"stream") < 0:
            self.stream = True
        deployment.stats.began()
        if plan.canned is not None:
            return self.answer_canned(plan.canned)
        model = plan.model
        if model is None:
            named = deployment.model if self.resolution is None else self.resolution.upstream_model(deployment.model)
            model = ENCODE(named)
        shaped = shape_body(plan, self.spans, model, self.stream)
        self.hide_usage = shaped.hides_usage and not self.table.shows_usage
        timeouts = plan.stream_timeouts if self.stream else plan.timeouts
        head = plan.head
        if self.steer is not None:
            timeouts = self.steer.timeouts(timeouts, self.stream)
            head = self.steer.head(head)
        self.hold = self.table.max_answer
        self.sent_at = monotonic()
        self.call = self.pipeline.pool.send(plan.origin, shaped.request(head), self, timeouts)
        return 0

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

    # -- the way back -------------------------------------------------------------------------------------------

    cdef int response_head(self, int status, list headers) except -1:
        self.upstream_status = status
        self.upstream_headers = headers
        if self.over or not self.stream or status >= 300:
            return 0
        for name, value in headers:
            if name == b"content-type":
                if (<bytes>value).startswith(b"text/event-stream"):
                    self.sse = ChatStream(self.model_json, self.hide_usage)
                    self.hold = 0
                break
        return 0

    cdef int response_data(self, bytes data) except -1:
        if self.over:
            return 0
        try:
            if self.first_byte_at == 0:
                self.first_byte_at = monotonic()
            if self.sse is not None:
                return self.stream_data(data)
            self.answer = data
        except Exception as error:  # boundary: the way back
            self.crash(error)
        return 0

    cdef int response_end(self) except -1:
        if self.over:
            return 0
        try:
            self.ended_at = monotonic()
            if self.sse is not None:
                return self.stream_end(b"")
            return self.answer_whole()
        except Exception as error:  # boundary: the way back
            self.crash(error)
        return 0

    cdef int response_failed(self, object error) except -1:
        if self.over:
            return 0
        try:
            if self.exchange.status:
                return self.stream_cut(error)
            if not error.sent and len(self.group.deployments) > 1:
                return self.attempt_other(error)
            return self.refuse(error)
        except Exception as fault:  # boundary: the way back
            self.crash(fault)
        return 0

    cdef int attempt_other(self, object error) except -1:
        """The upstream saw nothing of the request, so another deployment may have it."""
        self.deployment.stats.ended(error.status, monotonic() - self.began, -1, -1)
        self.tried = self.tried or []
        self.tried.append(self.deployment)
        if self.group.choose(self.operation.name, self.tried) is None:
            self.deployment.stats.began()
            return self.refuse(error)
        return self.attempt()

    cdef int answer_whole(self) except -1:
        cdef bytes body = self.answer or b""
        cdef ObjectSpans spans
        cdef Py_ssize_t i
        self.answer = None
        if self.upstream_status >= 300:
            return self.answer_refused(body)
        try:
            spans = ObjectSpans.scan(body)
        except TianjiError as fault:
            raise UpstreamProtocolError(
                f"the upstream answered {self.upstream_status} with a body that is no JSON object: {fault.message}"
            ) from None
        i = spans.find(b"error")
        if i >= 0 and spans.kind(i) == c"o":
            return self.refuse(self.pipeline.failures.in_band(body, self.deployment))
        self.note_usage(read_usage(spans))
        i = spans.find(b"model")
        if i >= 0 and spans.raw(i) != self.model_json:
            body = replace_value(spans, i, self.model_json)
        self.exchange.respond(self.upstream_status, self.answer_headers(False), body)
        return self.settle(self.upstream_status)

    cdef int answer_refused(self, bytes body) except -1:
        error = self.pipeline.failures.refused(self.upstream_status, body, self.deployment)
        return self.refuse(error)

    cdef int note_usage(self, Usage usage) except -1:
        if usage is not None:
            self.prompt_tokens = usage.prompt_tokens
            self.completion_tokens = usage.completion_tokens
        return 0

    # -- streams ------------------------------------------------------------------------------------------------

    cdef int stream_data(self, bytes data) except -1:
        cdef bytes out = self.sse.feed(data)
        if out and not self.exchange.status:
            self.exchange.start(200, self.answer_headers(True))
            self.spans = None  # no other deployment can be asked from here on, and streams last
            self.exchange.body = b""
        if self.sse.done and not self.sse.failed:
            return self.stream_end(out)
        if out:
            self.exchange.write(out)
        if self.sse.failed:
            self.call.cancel()
            return self.stream_cut(self.pipeline.failures.in_band(self.sse.error, self.deployment))
        return 0

    cdef int stream_end(self, bytes out) except -1:
        """The upstream has said all; `out` is still to be written.

        Without [DONE] it must at least have given a finish_reason to count as whole.
        """
        cdef bytes rest = self.sse.close()
        if rest:
            out = out + rest
        if self.ended_at == 0:
            self.ended_at = monotonic()
        if not self.exchange.status and (out or self.sse.done or self.sse.finished):
            self.exchange.start(200, self.answer_headers(True))
        if self.sse.failed or not (self.sse.done or self.sse.finished):
            if out:
                self.exchange.write(out)
            return self.stream_cut(
                self.pipeline.failures.in_band(self.sse.error, self.deployment) if self.sse.failed
                else UpstreamDisconnected("the upstream ended its stream early; what came before is incomplete"))
        if not self.sse.done:
            out = out + DONE_EVENT
        self.note_usage(self.sse.usage)
        self.exchange.finish(out)
        return self.settle(200)

    cdef int stream_cut(self, object error) except -1:
        """The stream will not be whole: tell the client with an error event and no [DONE]."""
        if not self.exchange.status:
            return self.refuse(error)
        self.report(error)
        self.note_usage(self.sse.usage)
        self.exchange.write(self.pipeline.failures.event(error))
        self.exchange.finish()
        return self.settle(error.status)

    cdef list answer_headers(self, bint streamed):
        cdef list headers = begin_answer(streamed, self.call_id, self.table.compat)
        cdef double now
        if self.deployment is None:
            return headers
        headers.extend(self.deployment.answer_headers)
        if self.upstream_headers is None:
            return headers
        add_upstream_headers(headers, self.upstream_headers)
        now = monotonic()
        add_times(headers, now - self.began, (self.ended_at if self.ended_at > 0 else now) - self.sent_at,
                  self.table.compat)
        return headers

    # -- ends ----------------------------------------------------------------------------------------------------

    cdef int refuse(self, object error) except -1:
        """Answer with an error. `error`: a TianjiError."""
        self.report(error)
        cdef list headers = self.answer_headers(False)
        headers.extend(error.headers)
        self.exchange.respond(error.status, headers, self.pipeline.failures.body(error))
        return self.settle(error.status)

    cdef int report(self, object error) except -1:
        """Tell the operator what the client is not told: where it was that something failed.

        What the upstream itself said stays out of the log, since it may quote the prompt.
        """
        if self.deployment is not None and isinstance(error, UpstreamFailure):
            LOG.warning(
                "call %s to %s ended with %d: %s", self.exchange.call_id, self.deployment.api_base, error.status,
                "refused" if isinstance(error, UpstreamRefused) else error.message,
            )
        return 0

    cdef int crash(self, object error) except -1:
        """An exception reached a boundary: answer if that is still possible, cut the connection if not."""
        if not isinstance(error, TianjiError):
            LOG.error("call %s failed inside the gateway", self.call_id.decode(), exc_info=error)
            error = TianjiError("Internal server error")
        if self.over:
            return 0
        if self.call is not None:
            self.call.cancel()
        if self.exchange.finished:
            return self.settle(error.status)
        if not self.exchange.status:
            return self.refuse(error)
        if self.sse is not None and isinstance(error, UpstreamFailure):
            return self.stream_cut(error)
        self.exchange.abort()
        return self.settle(500)

    cdef int gone(self) except -1:
        if self.over:
            return 0
        if self.call is not None:
            self.call.cancel()
        if self.sse is not None:
            self.note_usage(self.sse.usage)
        return self.settle(ClientGone.status)

    cdef int pause(self) except -1:
        if self.call is not None and not self.over:
            self.call.pause()
        return 0

    cdef int unpause(self) except -1:
        if self.call is not None and not self.over:
            self.call.resume()
        return 0

    cdef int settle(self, int status) except -1:
        """Count the request, once, and let go of what it held."""
        cdef double now
        cdef double upstream
        if self.over:
            return 0
        self.over = True
        if self.deployment is not None:
            now = monotonic()
            upstream = -1
            if self.ended_at > 0 and self.sent_at > 0:
                upstream = self.ended_at - self.sent_at
            self.deployment.stats.ended(
                status, now - self.began, now - self.began - upstream if upstream >= 0 else -1,
                self.first_byte_at - self.sent_at if self.first_byte_at > 0 else -1,
            )
            self.deployment.stats.used(self.prompt_tokens, self.completion_tokens)
        # nothing may point in a circle any more: what is left is freed without the garbage collector
        self.call = None
        self.exchange = None
        self.spans = None
        self.answer = None
        return 0
