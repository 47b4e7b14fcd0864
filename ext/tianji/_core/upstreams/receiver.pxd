"""What receives the answer of an upstream, however it comes."""


cdef class ResponseHandler:
    # Receives one answer, in this order: head, data*, then end or failed. failed may come alone and at any time
    # before end; nothing follows end, failed or Call.cancel(). All calls are on the loop's thread.
    # A handler that sets `hold` before response_head returns gets the body whole, in one response_data (none for an
    # empty one); a body of more bytes than that fails the call.
    cdef long long hold
    cdef int response_head(self, int status, list headers) except -1   # list[tuple[bytes, bytes]], lower-case names
    cdef int response_data(self, bytes data) except -1                 # framing removed; pieces of one read joined
    cdef int response_end(self) except -1
    cdef int response_failed(self, object error) except -1             # an UpstreamFailure
