"""A request whose answer is kept before the client has all of it."""

from tianji._core.edges.exchange cimport Exchange, Producer


cdef class KeptExchange(Exchange):
    cdef Exchange client
    cdef object keeper                # called once with what is to be kept; None after that
    cdef list answered                # the headers, until it is clear whether pieces follow
    cdef bytes echo                   # what stands in the place of NOTHING_BEFORE; None: nothing
    cdef list held                    # pieces of a stream that wait; None while nothing has to
    cdef bint ended                   # the last of them was among those

    cdef int send_whole(self, bytes body) except -1
    cdef int hold(self, bytes payload) except -1


cdef class Relay(Producer):
    cdef KeptExchange kept
