"""The bytes of requests, read as they come: no sockets, no calls to anybody."""

from tianji._core.upstreams.fields cimport http_chunks


cdef enum Framing:
    NO_BODY
    SIZED
    CHUNKED


cdef list all_fields(bytes lines)  # list[tuple[bytes, bytes]], names in lower case, in order


cdef class RequestReader:
    # what read_head() found; the reader's owner takes it over
    cdef str method
    cdef bytes path            # as sent, without query; "*" for OPTIONS *
    cdef bytes query           # without "?"
    cdef bytes lines           # all header lines as they came
    cdef list noted            # see Exchange
    cdef bytes origin          # the header of that name, or None
    cdef bytes agent           # what the client says it is (User-Agent), or None
    cdef Framing framing
    cdef long long length      # of a SIZED body
    cdef bint old              # HTTP/1.0
    cdef bint keep             # the client wants the connection to go on (RFC 9112 section 9.3)
    cdef bint expects          # it waits for 100 before it sends its body (RFC 9110 section 10.1.1)
    cdef bint upgrades         # it asks for WebSocket
    cdef bint browser          # a fetch mode is named: a page may be behind it

    cdef Py_ssize_t max_head   # bytes of all header lines
    cdef Py_ssize_t max_target
    cdef Py_ssize_t seen       # bytes in which no end of the head was found
    cdef http_chunks chunks
    cdef bytes host
    cdef bytes authority       # of a target in absolute form, or None
    cdef bint sized            # content-length was there
    cdef bint closes, keeps, switches  # what the Connection header says

    cdef int rewind(self) except -1
    cdef Py_ssize_t read_head(self, const char* data, Py_ssize_t size) except -1
    cdef Py_ssize_t read_chunks(self, const char* data, Py_ssize_t size, list pieces, bint* over) except -1

    cdef int read_line(self, const char* at, const char* end) except -1
    cdef int read_target(self, const char* at, const char* end) except -1
    cdef int read_fields(self, const char* at, const char* end) except -1
    cdef int note_field(self, bytes name, const char* value, Py_ssize_t size) except -1
    cdef int note_host(self, const char* value, Py_ssize_t size) except -1
    cdef int note_connection(self, const char* value, Py_ssize_t size) except -1
    cdef int note_length(self, const char* value, Py_ssize_t size) except -1
    cdef int note_coding(self, const char* value, Py_ssize_t size) except -1
    cdef int judge(self) except -1
