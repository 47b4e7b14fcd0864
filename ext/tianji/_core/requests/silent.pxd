"""A request that no client sent."""

from tianji._core.edges.exchange cimport Exchange


cdef class SilentExchange(Exchange):
    cdef object listener
    cdef list parts
    cdef list answered                # the headers
    cdef readonly bint copied         # a copy of a client's request, that nobody is to be held against
