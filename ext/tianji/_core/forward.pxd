"""One request of the hot path: from the client's bytes to an upstream and back."""

from tianji._core.exchange cimport Exchange, Handler, Producer
from tianji._core.http1 cimport Call, ResponseHandler
from tianji._core.pipeline cimport Operation, Pipeline
from tianji._core.router cimport Deployment, Group, Plan, Table
from tianji._core.spans cimport ObjectSpans
from tianji._core.sse cimport ChatStream
from tianji._core.usage cimport Usage


cdef class Endpoint(Handler):
    cdef readonly Pipeline pipeline
    cdef readonly Operation operation


cdef class ClientSide(Producer):
    cdef Forward forward


cdef class Forward(ResponseHandler):
    cdef Pipeline pipeline
    cdef Table table
    cdef Operation operation
    cdef Exchange exchange
    cdef ObjectSpans spans
    cdef object steer                 # Steering, or None when the request asks for nothing special
    cdef Group group
    cdef Deployment deployment
    cdef Plan plan
    cdef list tried
    cdef Call call
    cdef ChatStream sse
    cdef bytes answer                 # the body of an answer that is no stream
    cdef list upstream_headers
    cdef int upstream_status
    cdef readonly str model           # the name the client asked for
    cdef bytes model_json             # the same as JSON text
    cdef object resolution            # how the name was found, where a pattern gives the upstream's name; or None
    cdef readonly bytes call_id
    cdef bint stream
    cdef bint hide_usage
    cdef bint over                    # answered and counted
    cdef readonly long long prompt_tokens      # -1: not known
    cdef readonly long long completion_tokens
    cdef double began, sent_at, first_byte_at, ended_at   # monotonic seconds; 0: not yet

    cdef int begin(self, dict params) except -1
    cdef int read_request(self, dict params, bint steers) except -1
    cdef int check_members(self, bint model_in_path) except -1
    cdef int resolve(self) except -1
    cdef int attempt(self) except -1
    cdef int attempt_other(self, object error) except -1
    cdef int note_usage(self, Usage usage) except -1
    cdef int answer_canned(self, str text) except -1
    cdef list answer_headers(self, bint streamed)
    cdef int answer_whole(self) except -1
    cdef int answer_refused(self, bytes body) except -1
    cdef int stream_data(self, bytes data) except -1
    cdef int stream_end(self, bytes out) except -1
    cdef int stream_cut(self, object error) except -1
    cdef int refuse(self, object error) except -1
    cdef int report(self, object error) except -1
    cdef int crash(self, object error) except -1
    cdef int settle(self, int status) except -1
    cdef int gone(self) except -1
    cdef int pause(self) except -1
    cdef int unpause(self) except -1
