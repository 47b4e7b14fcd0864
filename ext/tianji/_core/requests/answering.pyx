"""How a request ends: what its answer says above the body, what it is refused with, and what is counted."""

from tianji._core.sharing.clock cimport monotonic
from tianji._core.journal.entries cimport Entries
from tianji._core.requests.ending cimport answer_error, finish_up, let_go, owned
from tianji._core.upstreams.headers cimport add_times, add_upstream_headers, begin_answer
from tianji._core.journal.meter cimport dollars

import logging

from tianji.errors import TianjiError, UpstreamFailure, UpstreamRefused

cdef object LOG = logging.getLogger("tianji.gateway")
cdef bytes COST_HEADER = b"x-litellm-response-cost"


cdef class Answering(Hedged):
    """A request under way, as far as it comes to an end."""

    cdef int stream_cut(self, object error) except -1:
        """A stream broke: go on elsewhere, or end it."""
        raise NotImplementedError

    cdef int end_cut(self, object error) except -1:
        """End a stream that broke."""
        raise NotImplementedError

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
        if self.attempt.rates is not None and (
            self.attempt.owes or self.attempt.usage is not None if not streamed else
            self.attempt.sse is not None and self.attempt.sse.opaque
        ):
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

    cdef int refuse(self, object error) except -1:
        """Answer with an error. `error`: a TianjiError."""
        if self.exchange.status:
            return self.end_cut(error)
        return answer_error(self, error, self.answer_headers(False))

    cdef int keep_books(self, int status) except -1:
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
            error = owned(self, error)
        elif self.attempt is not None:
            error = self.pipeline.failures.named(error, self.attempt.deployment)
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

    cdef int settle(self, int status) except -1:
        """Count the request, once, and let go of what it held."""
        if not finish_up(self, status):
            return 0
        if self.attempt is not None:
            self.prompt_tokens = self.attempt.prompt_tokens
            self.completion_tokens = self.attempt.completion_tokens
        if self.needs is not None:
            self.give_back(status)
        if self.course is not None:
            self.course.close()
        self.course = None
        self.sent = None
        return let_go(self)

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
        if self.admission is not None:
            self.nano_dollars += max(0, attempt.nano_dollars)
            if attempt.usage is not None:
                self.used_input += max(0, attempt.usage.prompt_tokens)
                self.used_output += max(0, attempt.usage.completion_tokens)
        return 0

    cdef int pay(self) except -1:
        # The books may tell the budgets of those long before this request is over, and it would count them again.
        if self.admission is not None and self.nano_dollars:
            self.admission.spend(self.nano_dollars)
            self.nano_dollars = 0
        return 0

    cdef int leave(self) except -1:
        """Have what all attempts used, as far as it is not paid for, stand in place of what was reserved for them."""
        if self.admission is not None:
            self.admission.settle(monotonic(), self.used_input, self.used_output, self.nano_dollars)
        return 0
