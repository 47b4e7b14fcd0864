"""How a request ends: what its answer says above the body, what it is refused with, and what is counted."""

from tianji._core.requests.attempt cimport Attempt
from tianji._core.requests.hedged cimport Hedged
from tianji._core.streams.stream cimport AnswerStream


cdef class Answering(Hedged):
    cdef list sent                    # of a stream: what the client has seen, where another could go on from there
    cdef readonly long long prompt_tokens      # -1: not known
    cdef readonly long long completion_tokens
    cdef long long used_input         # tokens of all attempts together
    cdef long long used_output
    cdef long long nano_dollars       # of those that are not paid for yet

    cdef list answer_headers(self, bint streamed)
    cdef list stream_headers(self, AnswerStream stream)
    cdef int refuse(self, object error) except -1
    cdef int stream_cut(self, object error) except -1
    cdef int end_cut(self, object error) except -1
    cdef int report(self, Attempt attempt, object error) except -1
    cdef int give_back(self, int status) except -1
    cdef int leave(self) except -1
