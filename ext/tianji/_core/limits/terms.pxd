"""On what terms a caller is let in to a model group: made once, used by many requests."""

from tianji._core.limits.admission cimport Admission
from tianji._core.limits.limiter cimport LimitSet
from tianji._core.bodies.spans cimport ObjectSpans


cdef class Terms:
    cdef readonly LimitSet limits
    cdef readonly object table      # the Table of the configuration that they were made from
    cdef readonly str model         # the name that the client sent
    cdef double until               # monotonic: when they are over; 0: never
    cdef tuple rates                # what the deployments of the group cost, each price once
    cdef bint free                  # whatever serves the request has a price, and it is nothing
    cdef bint silent                # answers have no tokens
    cdef bint reserves              # money is reserved, not only looked at
    cdef long long most_output      # tokens that a model writes at most; 0: nobody knows
    cdef long long expected         # tokens that the answers to this caller are known to have; 0: nobody knows
    cdef tuple bounds               # members that say how many tokens an answer may have
    cdef bytes prompts              # the member that may hold several prompts, or None
    cdef object measures            # (body) -> Measures, or None
    cdef long long floor            # tokens that an answer is thought to have at least

    cdef bint hold(self, object table, str model, double now) except -1
    cpdef Admission ask(self, ObjectSpans body, double now)
    cdef Admission reckon(self, ObjectSpans body)
    cdef long long dearest(self, ObjectSpans body, long long prompt, long long output) except -1
