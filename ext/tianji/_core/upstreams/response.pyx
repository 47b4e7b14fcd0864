"""The bytes of answers, read as they come: no sockets, no calls to anybody.

What frames an answer is taken strictly (RFC 9112 sections 2, 4, 6, 7 and 9.6): whatever could be read in two ways is
refused, since the connection would carry one client's bytes into another's answer. Interim answers are read over.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.string cimport memchr, memcmp, memcpy

from tianji._core.upstreams.fields cimport (
    CHUNKS_DATA, CHUNKS_END, CHUNKS_FAULT, HTTP_FIELD, HTTP_LAST, HTTP_VALUE, field_name, has_token, http_chunks_next,
    http_chunks_start, http_field, http_head_end, http_next_field, http_span, length_of, line_fault, same_text,
)

cdef enum:
    MAX_FIELDS = 256        # header fields of an answer, interim ones included
    MAX_HEAD = 64 * 1024    # bytes of them


@cython.final
cdef class ResponseReader:
    """Reads one answer after another: start(), read_head() until it is whole, begin_body(), read_body().

    Whatever returns False, or -1 in read_head(), has found a fault that `problem` names.
    """

    cdef int start(self, bint head_only) except -1:
        # Expect an answer; head_only says that the request is a HEAD.
        self.head_only = head_only
        self.problem = None
        self.headers = None
        self.body = self.piece = self.pieces = None
        self.status = self.count = 0
        self.seen = self.size = 0
        self.length = self.filled = self.hold = 0
        self.head_done = self.complete = self.keep = False
        return 0

    cdef bint refuse(self, str problem) except -1:
        self.problem = problem
        return False

    # ---- the head

    cdef Py_ssize_t read_head(self, const char* data, Py_ssize_t size) except -2:
        # `data` begins with an answer. The offset behind its head, and behind interim ones; 0 while that is not
        # whole: then what lies behind the first `passed` bytes, and more, is to be given again.
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t end
        while True:
            if at == size:
                break
            if data[at] != c"H" or (size - at >= 7 and memcmp(data + at, b"HTTP/1.", 7) != 0):
                self.problem = "the answer does not begin with HTTP/1"
                return -1
            if self.seen < at:
                self.seen = at
            end = http_head_end(data, size, &self.seen)
            if end < 0:
                self.problem = "a line does not end in CR LF"
                return -1
            if self.size + (end or size) - at > MAX_HEAD:
                self.problem = "the head of the answer is too long"
                return -1
            if end == 0:
                break
            if not self.read_section(data + at, data + end):
                return -1
            if self.status >= 200:
                self.head_done = True
                return end if self.judge() else -1
            self.size += end - at
            at = end
        self.passed = at
        self.seen = size - at
        return 0

    cdef bint read_section(self, const char* data, const char* end) except -1:
        cdef const char* line = <const char*>memchr(data, c"\r", <size_t>(end - data))
        if line[1] != c"\n":
            return self.refuse("a line does not end in CR LF")
        return self.read_status(data, line) and self.read_fields(line + 2, end)

    cdef bint read_status(self, const char* at, const char* end) except -1:
        # RFC 9112 section 4: HTTP/1.x SP three digits, then nothing or SP reason
        if end - at < 12 or memcmp(at, b"HTTP/1.", 7) != 0 or not c"0" <= at[7] <= c"1" or at[8] != c" " or not (
                c"0" <= at[9] <= c"9" and c"0" <= at[10] <= c"9" and c"0" <= at[11] <= c"9"):
            return self.refuse("its first line is not HTTP/1.1 STATUS REASON")
        if end - at > 12 and (at[12] != c" " or http_span(at + 12, end, HTTP_VALUE) != end):
            return self.refuse("its first line is not HTTP/1.1 STATUS REASON")
        self.old = at[7] == c"0"
        self.status = (at[9] - c"0") * 100 + (at[10] - c"0") * 10 + (at[11] - c"0")
        if not 100 <= self.status <= 599 or self.status == 101:
            return self.refuse(f"status {self.status} cannot answer this request")
        return True

    cdef bint read_fields(self, const char* at, const char* end) except -1:
        cdef http_field field
        cdef bytes name
        cdef list headers = []
        cdef int line
        self.sized = self.chunked = self.closes = self.keeps = False
        while True:
            line = http_next_field(&at, end, &field)
            if line != HTTP_FIELD:
                break
            self.count += 1
            name = field_name(field.name, field.name_size)
            if not self.note_field(name, field.value, field.value_size):
                return False
            headers.append((name, PyBytes_FromStringAndSize(field.value, field.value_size)))
        if line != HTTP_LAST:
            return self.refuse(line_fault(line))
        if self.count > MAX_FIELDS:
            return self.refuse("the head of the answer is too long")
        self.headers = headers
        return True

    cdef bint note_field(self, bytes name, const char* value, Py_ssize_t size) except -1:
        cdef Py_ssize_t length = len(name)
        if length == 10:
            if name == b"connection":
                self.closes = self.closes or has_token(value, size, b"close", 5)
                self.keeps = self.keeps or has_token(value, size, b"keep-alive", 10)
        elif length == 14:
            if name == b"content-length":
                if self.sized:
                    return self.refuse("it has more than one length")
                self.sized = True
                self.length = length_of(value, size)
                if self.length < 0:
                    return self.refuse("its length is not a number of bytes")
        elif length == 17:
            if name == b"transfer-encoding":
                if self.chunked or not (size == 7 and same_text(b"chunked", value, 7)):
                    return self.refuse("the transfer coding is not chunked")
                self.chunked = True
        return True

    cdef bint judge(self) except -1:
        # RFC 9112 section 6.3: how the body ends, and section 9.3: whether the connection goes on
        if self.chunked and (self.sized or self.old):
            return self.refuse("it has a transfer coding beside a length, or in HTTP/1.0")
        if self.head_only or self.status == 204 or self.status == 304:
            self.chunked = False
            self.sized = True
            self.length = 0
        elif not self.sized:
            self.length = -1
        self.keep = not self.closes and (self.keeps or not self.old) and (self.sized or self.chunked)
        if self.chunked:
            http_chunks_start(&self.chunks)
        return True

    # ---- the body

    cdef int begin_body(self) except -1:
        # Call it once `hold` is set.
        if self.length == 0:
            self.complete = True
        elif self.hold and self.length > 0:
            if self.length > self.hold:
                self.problem = f"its body is over {self.hold} bytes"
            else:
                self.body = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>self.length)
        return 0

    cdef bint read_body(self, const char* data, Py_ssize_t size) except -1:
        if self.problem is not None:
            return False
        if self.complete:
            return size == 0 or self.refuse("bytes follow the end of the answer")
        if self.chunked:
            return self.read_chunks(data, size)
        if self.length < 0:
            self.take(data, size)
            return self.problem is None
        if size > self.length - self.filled:
            self.take(data, <Py_ssize_t>(self.length - self.filled))
            return self.refuse("bytes follow the end of the answer")
        self.take(data, size)
        return True

    cdef bint read_chunks(self, const char* data, Py_ssize_t size) except -1:
        cdef const char* at = data
        cdef const char* piece
        cdef Py_ssize_t length
        cdef int result
        while True:
            result = http_chunks_next(&self.chunks, &at, data + size, &piece, &length)
            if result == CHUNKS_DATA:
                self.take(piece, length)
                if self.problem is not None:
                    return False
            elif result == CHUNKS_FAULT:
                return self.refuse("its chunks are framed wrongly")
            else:
                break
        if result == CHUNKS_END:
            if at != data + size:
                return self.refuse("bytes follow the end of the answer")
            self.complete = True
        return True

    cdef int take(self, const char* data, Py_ssize_t size) except -1:
        # Content of the body.
        cdef bytes piece
        if size == 0:
            return 0
        if self.body is not None:
            memcpy(PyBytes_AS_STRING(self.body) + self.filled, data, <size_t>size)
            self.filled += size
            return self.body_grew()
        self.filled += size
        if 0 < self.hold < self.filled:
            self.problem = f"its body is over {self.hold} bytes"
        piece = PyBytes_FromStringAndSize(data, size)
        if self.pieces is not None:
            self.pieces.append(piece)
        elif self.piece is not None:
            self.pieces = [self.piece, piece]
        self.piece = piece
        if self.filled == self.length:
            self.complete = True
        return 0

    cdef int body_grew(self) except -1:
        # `filled` has grown, by bytes that may have gone right into `body`.
        if self.filled == self.length:
            self.complete = True
        return 0

    cdef bytes take_body(self):
        # What is to be handed over now, in one piece, or None.
        cdef bytes body = self.body
        cdef bytes piece = self.piece
        cdef list pieces = self.pieces
        if self.hold and not self.complete:
            return None
        if body is not None:
            self.body = None
            return body
        self.piece = self.pieces = None
        return piece if pieces is None else b"".join(pieces)

    cdef bint finish_at_close(self) except -1:
        # The upstream closed properly: True if that is how this answer ends.
        if not self.head_done or self.length >= 0 or self.chunked or self.complete:
            return False
        self.complete = True
        return True

    cdef int rest(self) except -1:
        # The answer was taken: hold none of its bytes while the connection is idle.
        self.headers = None
        self.body = self.piece = self.pieces = None
        return 0
