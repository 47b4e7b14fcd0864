"""The bytes of answers, read as they come: no sockets, no calls to anybody."""

from tianji._core.upstreams.fields cimport http_chunks


cdef class ResponseReader:
    # what was found out; the reader's owner takes `headers` when it hands them over
    cdef int status
    cdef list headers          # list[tuple[bytes, bytes]]
    cdef str problem           # what is wrong with the answer, or None
    cdef bint head_done
    cdef bint complete
    cdef bint keep             # the connection may serve again (RFC 9112 section 9.3)
    cdef long long hold        # 0: the body is given out as it comes; else whole, and this many bytes are too many
    cdef bytes body            # a held body of known length, while it comes
    cdef long long length      # of the body; -1: not known
    cdef long long filled      # its bytes that are there

    cdef bytes piece           # of any other body, not handed over yet
    cdef list pieces           # the same where there are several; else None
    cdef Py_ssize_t passed     # bytes of interim answers that need not be given again
    cdef Py_ssize_t seen       # bytes in which no end of the head was found
    cdef Py_ssize_t size       # of the interim heads of this answer
    cdef int count             # of their fields
    cdef http_chunks chunks
    cdef bint head_only
    cdef bint old              # HTTP/1.0
    cdef bint sized, chunked, closes, keeps  # what the head says

    cdef int start(self, bint head_only) except -1
    cdef Py_ssize_t read_head(self, const char* data, Py_ssize_t size) except -2
    cdef int begin_body(self) except -1
    cdef bint read_body(self, const char* data, Py_ssize_t size) except -1
    cdef int body_grew(self) except -1
    cdef bytes take_body(self)
    cdef bint finish_at_close(self) except -1
    cdef int rest(self) except -1

    cdef bint refuse(self, str problem) except -1
    cdef bint read_section(self, const char* data, const char* end) except -1
    cdef bint read_status(self, const char* at, const char* end) except -1
    cdef bint read_fields(self, const char* at, const char* end) except -1
    cdef bint note_field(self, bytes name, const char* value, Py_ssize_t size) except -1
    cdef bint judge(self) except -1
    cdef bint read_chunks(self, const char* data, Py_ssize_t size) except -1
    cdef int take(self, const char* data, Py_ssize_t size) except -1
