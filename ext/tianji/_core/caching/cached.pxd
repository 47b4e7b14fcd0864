"""A request whose answer may come out of the cache, or go into it."""

from tianji._core.requests.answering cimport Answering
from tianji._core.requests.attempt cimport Attempt
from tianji._core.caching.memory cimport Answer
from tianji._core.caching.recall cimport Lookup
from tianji._core.bodies.spans cimport ObjectSpans


cdef class Cached(Answering):
    cdef Lookup lookup                # None: the cache has nothing to do with it

    cdef bint find_parts(self) except -1
    cdef bint board(self) except -1
    cdef bint ask_far(self, list keys) except -1
    cdef bint recalled(self, Answer found) except -1
    cdef bint go_on_with_parts(self) except -1
    cdef int answer_from(self, Answer found, bytes body) except -1
    cdef bytes rendered(self, Answer found)
    cdef bytes completed(self, Attempt attempt, bytes body)
    cdef int keep_whole(self, Attempt attempt, bytes body) except -1
    cdef int keep_stream(self, Attempt attempt, bytes rest) except -1
    cdef int keep(self, Attempt attempt, bytes body, bint streamed) except -1
    cdef int keep_no_more(self) except -1


cdef class Flight:
    cdef str key
    cdef dict flights                 # where it stands, until it is over
    cdef list seats                   # of those who wait

    cdef int land(self, Answer answer, bint abandoned) except -1


cdef class Seat:
    cdef Flight flight
    cdef Cached request
