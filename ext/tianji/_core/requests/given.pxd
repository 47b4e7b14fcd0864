"""A handler of requests in whose body names are to be replaced first."""

from tianji._core.edges.exchange cimport Handler


cdef class Given(Handler):
    cdef Handler handler
    cdef bytes mark
    cdef object replace
