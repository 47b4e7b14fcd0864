"""A handler of upstream answers for callers that are not compiled."""

from tianji._core.upstreams.receiver cimport ResponseHandler


cdef class Callbacks(ResponseHandler):
    cdef object on_head
    cdef object on_data
    cdef object on_end
    cdef object on_failed
