"""The bytes of answers, read as they come: no sockets, no calls to anybody."""

cdef class ResponseReader:
    # what feed() has found out; the reader's owner takes `headers` and `body` when it hands them over
    cdef int status
    cdef list headers          # list[tuple[bytes, bytes]]
    cdef object body           # what this read gave: None, bytes, or list[bytes]
    cdef str problem           # what is wrong with the answer, or None
    cdef bint head_done
    cdef bint head_due         # complete, not yet taken
    cdef bint complete
    cdef bint keep             # the connection may serve again (RFC 9112 section 9.3)

    cdef object parser
    cdef bytes recent          # the end of what was read before, 7 bytes or more if there were as many
    cdef int count             # header and trailer fields
    cdef Py_ssize_t size       # their bytes
    cdef Py_ssize_t barren     # bytes in a row that gave neither head nor body
    cdef Py_ssize_t taken      # body bytes of this read
    cdef int heads             # heads that ended in this read, interim ones too
    cdef bint head_only
    cdef bint begun
    cdef bint versioned        # the answer starts with "HTTP/1."
    cdef bint sized
    cdef bint chunked
    cdef bint extra            # something followed the end

    cdef int start(self, bint head_only) except -1
    cdef bint feed(self, bytes data) except -1
    cdef bint finish_at_close(self) except -1
    cdef bytes take_body(self)
    cdef int rest(self) except -1
    cdef int discard(self) except -1
    cdef int refuse(self, str problem) except -1
    cdef bint judge(self, bytes data) except -1
    cdef bint ends_here(self, bytes data) except -1
