"""A copy of a request for another model."""

from tianji._core.exchange cimport Exchange


cdef class SilentExchange(Exchange):
    pass
