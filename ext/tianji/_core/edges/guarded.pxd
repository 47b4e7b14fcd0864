"""An exchange whose answer goes through a gate before the client gets it."""

from tianji._core.edges.exchange cimport Exchange, Producer


cdef class Tap(Producer):
    cdef GuardedExchange guarded


cdef class GuardedExchange(Exchange):
    cdef Exchange client              # what stands behind it
    cdef object gate                  # see guarded.pyi; None once it was closed
