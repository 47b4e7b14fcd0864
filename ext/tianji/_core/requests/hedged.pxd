"""A request with one attempt under way, or with two of which the first answer wins."""

from tianji._core.requests.asked cimport Asked
from tianji._core.requests.attempt cimport Attempt
from tianji._core.routing.needs cimport Needs
from tianji._core.routing.router cimport Deployment


cdef class Hedged(Asked):
    cdef Attempt rival                # an earlier one that may still answer first; or None
    cdef object hedging               # the timer that begins a rival, or hooks that look at it before; or None
    cdef int attempts                 # that were begun
    cdef object course                # Course, once the first choice was not enough; or None

    cdef bint may_hedge(self) except -1
    cdef int rise(self, Needs second, Deployment deployment) except -1
    cdef int launch(self, Deployment deployment) except -1
    cdef int set_course(self) except -1
    cdef int forget_hedge(self) except -1
    cdef int win(self, Attempt attempt) except -1
    cdef int lose(self, Attempt attempt, object error) except -1
    cdef int give_up(self, Attempt attempt, object error) except -1
    cdef int pay(self) except -1
