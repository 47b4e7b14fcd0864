"""One request of the hot path: from the client's bytes to upstreams and back."""

from tianji._core.asked cimport Asked
from tianji._core.attempt cimport Attempt
from tianji._core.exchange cimport Exchange, Handler
from tianji._core.needs cimport Needs
from tianji._core.pipeline cimport Operation, Pipeline
from tianji._core.router cimport Deployment, Plan
from tianji._core.spans cimport ObjectSpans
from tianji._core.stream cimport AnswerStream


cdef class Endpoint(Handler):
    cdef readonly Pipeline pipeline
    cdef readonly Operation operation


cdef class Forward(Asked):
    cdef Attempt attempt              # the one under way, or the last
    cdef Attempt rival                # an earlier one that may still answer first; or None
    cdef object hedging               # the timer that begins a rival; or None
    cdef object course                # Course, once the first choice was not enough; or None
    cdef list sent                    # of a stream: what the client has seen, where another could go on from there
    cdef int attempts                 # that were begun
    cdef bint flowing                 # the attempt's events go to the client
    cdef readonly long long prompt_tokens      # -1: not known
    cdef readonly long long completion_tokens
    cdef long long used_input         # tokens of all attempts together, and nano-dollars
    cdef long long used_output
    cdef long long nano_dollars
    cdef long long metered_at         # events of a stream from which on it is looked whether its reservation covers it

    cdef int set_course(self) except -1
    cdef int recover(self, object error, list headers) except -1
    cdef int proceed(self) except -1
    cdef int stand_in_line(self) except -1
    cdef int launch(self, Deployment deployment) except -1
    cdef int stand_by(self, object credentials, Deployment deployment) except -1
    cdef Attempt begin_attempt(self, Deployment deployment)
    cdef int follow_up(self, Deployment deployment) except -1
    cdef int forget_hedge(self) except -1
    cdef int win(self, Attempt attempt) except -1
    cdef int lose(self, Attempt attempt, object error) except -1
    cdef int answer_canned(self, Plan plan) except -1
    cdef bint shows(self, Attempt attempt, bytes events) except -1
    cdef bytes start_stream(self, Attempt attempt, bytes out)
    cdef int stream_cut(self, object error) except -1
    cdef int end_cut(self, object error) except -1
    cdef list answer_headers(self, bint streamed)
    cdef list stream_headers(self, AnswerStream stream)
    cdef object errors(self)
    cdef int refuse(self, object error) except -1
    cdef int give_up(self, Attempt attempt, object error) except -1
    cdef int keep_books(self, int status) except -1
    cdef int report(self, Attempt attempt, object error) except -1
    cdef int give_back(self, int status) except -1
    cdef int leave(self) except -1
    cdef bint covers(self, Attempt attempt) except -1
    cdef int end_spent(self, Attempt attempt) except -1
