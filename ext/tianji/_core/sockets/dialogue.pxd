"""A conversation in which the gateway has a word."""

from picows.picows cimport WSMsgType

from tianji._core.sockets.relay cimport Leg, Relay


cdef class Dialogue(Relay):
    cdef object first                # Callable[[bytes], None]: is told what the client says first; None once it was
    cdef object interpret            # Callable[[bool, bytes], list[(bool, bytes)]], or None
    cdef public object overhears     # Callable[[bytes], Farewell | None], or None
    cdef object flows                # Callable[[bool], None], or None
    cdef bytes opening               # what the upstream is told first; None: nothing
    cdef list waiting                # frames of the client that came before the upstream's socket was open; or None
    cdef list heard                  # pieces of a message of the client that is not whole
    cdef list told                   # the same of the upstream
    cdef Py_ssize_t heard_size, told_size
    cdef bint binary[2]              # whether the message under way is one, of the client and of the upstream

    cdef bytes gather(self, Leg leg, char* data, Py_ssize_t size, bint fin)
    cdef int keep(self, WSMsgType kind, char* data, Py_ssize_t size, bint fin) except -1
    cdef bint overhear(self, char* data, Py_ssize_t size, bint fin) except -1
    cdef int tell(self, list said) except -1
