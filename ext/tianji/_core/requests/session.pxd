"""A request whose answer is a conversation, or that is answered by a coroutine."""

from tianji._core.requests.asked cimport Asked
from tianji._core.requests.attempt cimport Attempt
from tianji._core.routing.router cimport Deployment
from tianji._core.bodies.spans cimport ObjectSpans
from tianji._core.streams.usage cimport Usage


cdef class Session(Asked):
    cdef object opens                 # Callable[[Session], Coroutine]: answers it, or opens a conversation
    cdef public object course         # Course: who is asked, and who next; set by `opens`
    cdef public object refuses        # Callable[[TianjiError], None]: ends a conversation; None before there is one
    cdef int attempts                 # that have an entry in the ledger
    cdef double answering             # since when the upstream makes a response; monotonic seconds, 0: it makes none
    cdef long long used_input         # tokens since it was let in last, and nano-dollars
    cdef long long used_output
    cdef long long used_in_all
    cdef long long nano_dollars

    cdef Attempt begin_attempt(self, Deployment deployment, double began)
    cdef int answered_by(self, ObjectSpans response) except -1
    cdef int bill(self, Usage usage) except -1
    cdef object renew(self)
    cdef int leave(self) except -1
    cdef int refuse(self, object error) except -1
