"""One call of one deployment for a request: the request goes out, the answer comes in and is judged.

Two boundaries catch every exception, because a callback that raised would leave a client waiting for ever: here for
what an upstream sends, and `Endpoint.handle` for the way in.
"""

import cython

from cpython.bytes cimport PyBytes_GET_SIZE
from libc.time cimport time

from tianji._core.sharing.clock cimport monotonic
from tianji._core.journal.meter cimport cost
from tianji._core.streams.sse cimport ChatStream
from tianji._core.streams.usage cimport estimated_usage, read_usage

from tianji.errors import ClientGone, StreamFailed, TianjiError, UpstreamDisconnected, UpstreamProtocolError

cdef object TianjiError_ = TianjiError
cdef object ClientGone_ = ClientGone
cdef object StreamFailed_ = StreamFailed
cdef object UpstreamProtocolError_ = UpstreamProtocolError
cdef enum:
    BYTES_A_TOKEN = 4


cdef class Requester(Producer):
    """Base of what has attempts made."""

    cdef int answer_whole(self, Attempt attempt, bytes body, ObjectSpans spans) except -1:
        """Answer with this body. `spans`: where it may name the model otherwise than the client does; or None."""
        raise NotImplementedError

    cdef int stream_piece(self, Attempt attempt, bytes out) except -1:
        raise NotImplementedError

    cdef int stream_whole(self, Attempt attempt, bytes out) except -1:
        raise NotImplementedError

    cdef int attempt_failed(self, Attempt attempt, object error) except -1:
        raise NotImplementedError

    cdef int crash(self, object error) except -1:
        raise NotImplementedError

    cdef int attempt_closed(self, Attempt attempt, int status) except -1:
        raise NotImplementedError

    cdef int settle(self, int status) except -1:
        raise NotImplementedError

    cdef int client_gone(self) except -1:
        return self.settle(ClientGone_.status)

    cdef int client_full(self) except -1:
        if self.attempt is not None and self.attempt.call is not None:
            self.attempt.call.pause()
        return 0

    cdef int client_ready(self) except -1:
        if self.attempt is not None and self.attempt.call is not None:
            self.attempt.call.resume()
        return 0


@cython.final
cdef class Attempt(ResponseHandler):
    """One call under way. It is counted for its deployment when it is closed, whatever became of it."""

    def __cinit__(self):
        self.prompt_tokens = self.completion_tokens = self.nano_dollars = -1

    cdef int send(self, object request, Origin origin, Timeouts timeouts) except -1:
        """Send `request`, bytes or a list of them."""
        self.sent_at = monotonic()
        self.call = self.requester.pipeline.pool.send(origin, request, self, timeouts)
        return 0

    cdef int response_head(self, int status, list headers) except -1:
        self.status = status
        self.headers = headers
        if self.requester is None or not self.streamed or status >= 300:
            return 0
        for name, value in headers:
            if name == b"content-type":
                if self.passing is not None:
                    self.sse = self.passing.stream(value)
                elif (<bytes>value).startswith(b"text/event-stream"):
                    self.sse = ChatStream(self.model_json, self.hide_usage)
                if self.sse is not None:
                    self.hold = 0
                    self.owes = self.sse.opaque
                break
        return 0

    cdef int response_data(self, bytes data) except -1:
        cdef Requester requester = self.requester
        if requester is None:
            return 0
        try:
            if self.first_byte_at == 0:
                self.first_byte_at = monotonic()
            if self.sse is not None:
                return self._stream_data(requester, data)
            self.answer = data
        except Exception as error:  # boundary: the way back
            requester.crash(error)
        return 0

    cdef int response_end(self) except -1:
        cdef Requester requester = self.requester
        if requester is None:
            return 0
        try:
            self.ended_at = monotonic()
            if self.sse is not None:
                return self._stream_end(requester, b"")
            return self._whole(requester)
        except Exception as error:  # boundary: the way back
            requester.crash(error)
        return 0

    cdef int response_failed(self, object error) except -1:
        cdef Requester requester = self.requester
        if requester is None:
            return 0
        try:
            return self._fail(requester, error)
        except Exception as fault:  # boundary: the way back
            requester.crash(fault)
        return 0

    cdef int estimate(self, Py_ssize_t answer_bytes) except -1:
        """Guess what was used of an upstream that says nothing of it: a token has some four bytes, an event is one."""
        cdef long long events = 0 if self.sse is None else self.sse.events
        if self.measures is not None:
            self.owes = True  # bytes say nothing of pictures and sound
            return 0
        if self.usage is None and self.sent_at > 0:
            self.usage = estimated_usage(
                self.asked_bytes // BYTES_A_TOKEN, events + answer_bytes // BYTES_A_TOKEN)
        elif self.sse is not None and self.usage is not None:
            self.usage.fill(self.asked_bytes // BYTES_A_TOKEN, events)
        return 0

    cdef long long bill(self) except -1:
        """Work out what it cost, once, from what the upstream said of usage; nano-dollars."""
        if self.nano_dollars < 0:
            self.nano_dollars = 0
            if self.rates is not None and (self.usage is not None or self.made() is not None):
                self.billed_at = <long long>time(NULL)
                self.nano_dollars = self.costs(self.usage)
        return self.nano_dollars

    cdef long long costs(self, Usage usage) except -1:
        """What so much use costs, nano-dollars: by the hour of the bill, or by now where there is none."""
        return cost(self.rates, usage, self.billed_at or <long long>time(NULL), self.made(), self.tier)

    cdef int close(self, int status) except -1:
        """Count it, once, and let go of what it held; a call that is under way is cancelled."""
        cdef double now
        cdef double upstream = -1
        cdef Requester requester = self.requester
        if requester is None:
            return 0
        # nothing may point in a circle any more: what is left is freed without the garbage collector
        self.requester = None
        self.held = None
        if self.sse is not None:
            self._note_usage(self.sse.usage)
        if self.sse is not None and self.sse.events > 0:
            if status >= 400 and self.usage is not None:
                self.usage.doubt_zeros()
            self.estimate(0)  # cut: what came will be billed
        elif status == ClientGone_.status and self.call is not None and self.call.sent:
            self.estimate(0)  # given up while the upstream works on it
        if self.call is not None:
            if self.ended_at == 0:
                self.call.cancel()
            self.call = None
        now = monotonic()
        if self.ended_at > 0 and self.sent_at > 0:
            upstream = self.ended_at - self.sent_at
        self.deployment.stats.ended(
            status, now - self.began, now - self.began - upstream if upstream >= 0 else -1,
            self.first_byte_at - self.sent_at if self.first_byte_at > 0 else -1,
        )
        self.deployment.stats.used(self.prompt_tokens, self.completion_tokens, self.bill())
        if self.nano_dollars > 0 and self.deployment.purse is not None:
            self.deployment.purse.spend(self.nano_dollars)
        requester.attempt_closed(self, status)
        self.answer = None
        return 0

    cdef Measures made(self):
        """What was made besides tokens, once it has to be paid for."""
        return self.measures if self.owes else None

    cdef double upstream_seconds(self, double now) noexcept:
        """How long the upstream took, or has taken so far."""
        return (self.ended_at if self.ended_at > 0 else now) - self.sent_at

    # -- judging ---------------------------------------------------------------------------------------------------

    cdef int _whole(self, Requester requester) except -1:
        cdef bytes body = self.answer or b"", said = body, told
        cdef ObjectSpans spans = None
        cdef Py_ssize_t i
        failures = requester.pipeline.failures
        if self.status >= 300:
            if self.passing is not None and self.passing.lost is not None and self.passing.lost(body):
                return requester.attempt_failed(self, failures.lost(self.status, self.deployment))
            return requester.attempt_failed(self, failures.refused(self.status, body, self.deployment))
        if self.passing is not None and (told := self.passing.recall(body)) is not None:
            self._note_usage(self.passing.used)
            self.estimate(PyBytes_GET_SIZE(told))
            return requester.answer_whole(self, told, None)
        try:
            spans = ObjectSpans.scan(body)
            i = spans.find(b"error")
            if i >= 0 and spans.kind(i) == c"o":
                return requester.attempt_failed(self, failures.in_band(body, self.deployment))
        except TianjiError_ as fault:
            if self.passing is None or not self.passing.takes_lists:
                return requester.attempt_failed(self, failures.unreadable(self.status, body, fault, self.deployment))
        if self.passing is None:
            self._note_usage(read_usage(spans))
        else:
            try:
                body, used = self.passing.answer(body)
            except StreamFailed_ as failure:
                return requester.attempt_failed(self, failures.in_band(failure.payload, self.deployment))
            except UpstreamProtocolError_ as fault:
                return self._fail(requester, fault)
            if said is not body or spans is None:
                spans = None if used is not None and self.passing.names_model else ObjectSpans.scan(body)
            self._note_usage(read_usage(spans) if used is None else used)
            self.measures = self.passing.measures
            if self.passing.rates is not None:
                self.rates = self.passing.rates
        if self.answers is not None and spans is not None:
            i = spans.find(self.answers)
            if i < 0 or spans.kind(i) != c"a":
                return requester.attempt_failed(
                    self, failures.lacking(self.answers, self.status, said, self.deployment))
        self.estimate(len(body))
        return requester.answer_whole(self, body, spans)

    cdef int _stream_data(self, Requester requester, bytes data) except -1:
        cdef bytes out = self.sse.feed(data)
        if self.sse.done and not self.sse.failed:
            return self._stream_end(requester, out)
        if out:
            requester.stream_piece(self, out)
        if self.sse.failed and self.requester is not None:
            return self._fail(requester, self._in_band())
        return 0

    cdef int _stream_end(self, Requester requester, bytes out) except -1:
        # The upstream has said all. Without [DONE] it must at least have given a finish_reason to count as whole, and
        # [DONE] alone says nothing.
        cdef bytes rest = self.sse.close()
        if rest:
            out = out + rest
        if self.ended_at == 0:
            self.ended_at = monotonic()
        if not self.sse.failed and (self.sse.done or self.sse.finished):
            if self.sse.answered():
                self._note_usage(self.sse.usage)
                return requester.stream_whole(self, out + self.sse.ending())
            out = b""
        if out:
            requester.stream_piece(self, out)
            if self.requester is None:
                return 0
        return self._fail(
            requester,
            self._in_band() if self.sse.failed
            else UpstreamDisconnected("the upstream ended its stream early; what came before is incomplete"),
        )

    cdef int _fail(self, Requester requester, object error) except -1:
        """Have it fail with an error that need not say yet whose it is."""
        return requester.attempt_failed(
            self, requester.pipeline.failures.named(error, self.deployment, answered=self.status != 0))

    cdef object _in_band(self):
        if self.sse.fault is not None:
            return self.sse.fault
        return self.requester.pipeline.failures.in_band(self.sse.error, self.deployment)

    cdef int _note_usage(self, Usage usage) except -1:
        if usage is not None:
            self.usage = usage
            self.prompt_tokens = usage.prompt_tokens
            self.completion_tokens = usage.completion_tokens
        return 0
