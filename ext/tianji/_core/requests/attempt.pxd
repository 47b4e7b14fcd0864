"""One call of one deployment for a request."""

from tianji._core.edges.exchange cimport Producer
from tianji._core.upstreams.http1 cimport Call, Timeouts
from tianji._core.journal.meter cimport Measures, Rates
from tianji._core.routing.needs cimport Needs
from tianji._core.upstreams.origin cimport Origin
from tianji._core.requests.passing cimport Passing
from tianji._core.requests.pipeline cimport Pipeline
from tianji._core.upstreams.receiver cimport ResponseHandler
from tianji._core.routing.router cimport Deployment
from tianji._core.bodies.spans cimport ObjectSpans
from tianji._core.streams.stream cimport AnswerStream
from tianji._core.streams.usage cimport Usage


cdef class Requester(Producer):
    # Who has attempts made and hears from them. An attempt says nothing more once it was closed, or after an end:
    # answer_whole, stream_whole, attempt_failed or crash.
    cdef readonly Pipeline pipeline
    cdef Attempt attempt              # the one under way, or the last; None before
    cdef int answer_whole(self, Attempt attempt, bytes body, ObjectSpans spans) except -1
    cdef int stream_piece(self, Attempt attempt, bytes out) except -1
    cdef int stream_whole(self, Attempt attempt, bytes out) except -1
    cdef int attempt_failed(self, Attempt attempt, object error) except -1   # a TianjiError
    cdef int crash(self, object error) except -1                             # anything that was raised
    cdef int attempt_closed(self, Attempt attempt, int status) except -1   # it was counted: what it cost is known
    cdef int settle(self, int status) except -1   # count the request, once, and let go of what it held


cdef class Attempt(ResponseHandler):
    cdef Requester requester          # None once it was closed
    cdef Deployment deployment
    cdef Needs needs                  # has its slot
    cdef Call call
    cdef AnswerStream sse
    cdef Passing passing              # where the upstream's form is another; or None
    cdef bytes model_json             # the name that the client sees
    cdef bytes held                   # of a stream: events without content, which nobody has seen yet
    cdef bytes answer                 # the body of an answer that is no stream
    cdef list headers                 # of the upstream's answer; None before
    cdef int status                   # likewise; 0 before
    cdef bint streamed                # its answer may be one
    cdef bytes answers                # the member that an answer has to have, an array; or None
    cdef bint hide_usage
    cdef long long prompt_tokens      # -1: not known
    cdef long long completion_tokens
    cdef Usage usage                  # as the upstream said it; None before, or when it said nothing
    cdef Measures measures            # what was made besides tokens, where that costs; or None
    cdef bint owes                    # and it has to be paid for
    cdef Rates rates                  # what it costs; None: nobody knows
    cdef Py_ssize_t asked_bytes       # of the request's body
    cdef int tier                     # the service tier that was asked for
    cdef long long nano_dollars       # what it cost; -1: not worked out yet
    cdef long long billed_at          # when that was, seconds since 1970
    cdef str model                    # the upstream's name, where a pattern captured it; None: the deployment's
    cdef int number                   # of the request's attempts, from 0
    cdef list said                    # events of a stream, where the ledger keeps what was said; or None
    cdef object error                 # why it failed, a TianjiError; or None
    cdef double began, sent_at, first_byte_at, ended_at   # monotonic seconds; 0: not yet

    cdef int send(self, object request, Origin origin, Timeouts timeouts) except -1
    cdef int estimate(self, Py_ssize_t answer_bytes) except -1
    cdef long long bill(self) except -1
    cdef long long costs(self, Usage usage) except -1
    cdef Measures made(self)
    cdef int close(self, int status) except -1
    cdef double upstream_seconds(self, double now) noexcept
    cdef int _whole(self, Requester requester) except -1
    cdef int _stream_data(self, Requester requester, bytes data) except -1
    cdef int _stream_end(self, Requester requester, bytes out) except -1
    cdef int _note_usage(self, Usage usage) except -1
    cdef int _fail(self, Requester requester, object error) except -1
    cdef object _in_band(self)
