"""One request of the hot path: from the client's bytes to upstreams and back."""

from tianji._core.requests.attempt cimport Attempt
from tianji._core.edges.exchange cimport Exchange, Handler
from tianji._core.requests.pipeline cimport Operation, Pipeline
from tianji._core.routing.router cimport Deployment, Plan
from tianji._core.bodies.spans cimport ObjectSpans
from tianji._core.streams.streaming cimport Streaming


cdef class Endpoint(Handler):
    cdef readonly Pipeline pipeline
    cdef readonly Operation operation


cdef class Forward(Streaming):

    cdef int recover(self, object error, list headers) except -1
    cdef int stand_in_line(self) except -1
    cdef int stand_by(self, object credentials, Deployment deployment) except -1
    cdef Attempt begin_attempt(self, Deployment deployment)
    cdef int follow_up(self, Deployment deployment) except -1
    cdef int answer_canned(self, Plan plan) except -1
