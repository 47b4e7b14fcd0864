"""One request of the hot path: from the client's bytes to upstreams and back."""

from tianji._core.attempt cimport Attempt, Requester
from tianji._core.exchange cimport Exchange, Handler
from tianji._core.needs cimport Needs
from tianji._core.pipeline cimport Operation, Pipeline
from tianji._core.router cimport Deployment, Group, Table
from tianji._core.spans cimport ObjectSpans


cdef class Endpoint(Handler):
    cdef readonly Pipeline pipeline
    cdef readonly Operation operation


cdef class Forward(Requester):
    cdef Table table
    cdef Operation operation
    cdef Exchange exchange
    cdef ObjectSpans spans            # the body; of the next attempt, where a fallback replaces members
    cdef ObjectSpans asked            # the body as the client sent it
    cdef object steer                 # Steering, or None when the request asks for nothing special
    cdef Group group
    cdef tuple label                  # the header that names the group
    cdef object resolution            # how the name was found, where a pattern gives the upstream's name; or None
    cdef Needs needs
    cdef Attempt attempt              # the one under way, or the last
    cdef object course                # Course, once the first choice was not enough; or None
    cdef object pending               # what it waits for: a timer, or the count of its tokens; or None
    cdef bytes held                   # of a stream: events without content, which nobody has seen yet
    cdef readonly str model           # the name the client asked for
    cdef bytes model_json             # the name that the answer has, as JSON text
    cdef readonly bytes call_id
    cdef bint stream
    cdef bint over                    # answered and counted
    cdef readonly long long prompt_tokens      # -1: not known
    cdef readonly long long completion_tokens
    cdef double began                 # monotonic seconds

    cdef int begin(self, dict params) except -1
    cdef int read_request(self, dict params, bint steers) except -1
    cdef int check_members(self, bint model_in_path) except -1
    cdef int resolve(self) except -1
    cdef int make_needs(self) except -1
    cdef int choose(self) except -1
    cdef int set_course(self) except -1
    cdef int recover(self, object error, list headers) except -1
    cdef int proceed(self) except -1
    cdef int launch(self, Deployment deployment) except -1
    cdef Attempt begin_attempt(self, Deployment deployment)
    cdef int answer_canned(self, str text) except -1
    cdef bint shows(self, Attempt attempt, bytes events) except -1
    cdef int start_stream(self) except -1
    cdef int stream_cut(self, object error) except -1
    cdef list answer_headers(self, bint streamed)
    cdef int refuse(self, object error) except -1
    cdef int report(self, object error) except -1
    cdef int settle(self, int status) except -1
    cdef int give_back(self, int status) except -1
