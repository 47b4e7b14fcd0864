"""What receives the answer of an upstream, however it comes."""


cdef class ResponseHandler:
    """Base of what receives an answer. A subclass implements all four methods; see the .pxd for their order."""

    cdef int response_head(self, int status, list headers) except -1:
        raise NotImplementedError("response_head")

    cdef int response_data(self, bytes data) except -1:
        raise NotImplementedError("response_data")

    cdef int response_end(self) except -1:
        raise NotImplementedError("response_end")

    cdef int response_failed(self, object error) except -1:
        raise NotImplementedError("response_failed")
