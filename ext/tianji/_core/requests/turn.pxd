"""A request that was sent as a message of a conversation."""

from tianji._core.edges.exchange cimport Exchange


cdef class Turn(Exchange):
    cdef object heard                 # Callable[[int, bytes, bool], None]; None once nobody wants the answer
    cdef object leads                 # Callable[[Plan, Deployment], Origin]: where it is sent; None: as every other
