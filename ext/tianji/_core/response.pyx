"""The bytes of answers, read as they come: no sockets, no calls to anybody.

llhttp, as httptools builds it, reads the framing; ResponseReader adds what llhttp lets pass (RFC 9112 sections 2, 6
and 9.6): transfer codings other than one `chunked`, transfer codings in HTTP/1.0, other protocols and versions,
statuses outside 200-599 after the interim ones, long heads, and line ends after the end of an answer.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcmp

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

cdef enum:
    MAX_FIELDS = 256        # header and trailer fields of an answer, interim ones included
    MAX_HEAD = 64 * 1024    # bytes of them, and of anything else that is neither head nor body

cdef object Parser = HttpResponseParser
cdef tuple PARSER_ERRORS = (HttpParserError, HttpParserUpgrade)


cdef bytes lowered(bytes name):
    # ASCII only, as field names are; the same object when there is nothing to do
    cdef const char* source = PyBytes_AS_STRING(name)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(name)
    cdef Py_ssize_t i = 0
    cdef char* target
    cdef bytes result
    while i < size and not c"A" <= source[i] <= c"Z":
        i += 1
    if i == size:
        return name
    result = PyBytes_FromStringAndSize(NULL, size)
    target = PyBytes_AS_STRING(result)
    for i in range(size):
        target[i] = source[i] + 32 if c"A" <= source[i] <= c"Z" else source[i]
    return result


cdef bytes ending(bytes data, Py_ssize_t count):
    # the last `count` bytes, or all
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    return data if size <= count else data[size - count:]


@cython.final
cdef class ResponseReader:
    """Reads one answer after another. start() begins one, feed() takes what the socket gave."""

    cdef int start(self, bint head_only) except -1:
        # Expect an answer; head_only says that the request is a HEAD.
        if self.parser is None:
            self.parser = Parser(self)
        self.head_only = head_only
        self.problem = None
        self.headers = []
        self.body = None
        self.recent = b""
        self.status = self.count = 0
        self.size = self.barren = 0
        self.begun = self.versioned = self.sized = self.chunked = False
        self.head_done = self.head_due = self.complete = self.extra = self.keep = False
        return 0

    cdef bint feed(self, bytes data) except -1:
        # Read on. False: the answer is faulty and `problem` says why; what was found before the fault stands.
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        cdef const char* start = PyBytes_AS_STRING(data)
        if size == 0:
            return True
        if not self.begun:
            self.begun = True
            if start[0] != c"H":  # llhttp skips line ends, and takes RTSP and ICE
                self.problem = "the answer does not begin with HTTP/1"
                return False
            self.versioned = size >= 7 and memcmp(start, b"HTTP/1.", 7) == 0
        self.heads = 0
        self.taken = 0
        try:
            self.parser.feed_data(data)
        except PARSER_ERRORS as error:
            self.problem = self.problem or str(error)
            return False
        return self.judge(data)

    cdef bint judge(self, bytes data) except -1:
        if self.complete:
            if self.extra or not self.ends_here(data):
                self.problem = "bytes follow the end of the answer"
                return False
            return True
        if self.head_due or self.body is not None:
            self.barren = 0
        else:
            self.barren += PyBytes_GET_SIZE(data)
            if self.barren > MAX_HEAD:
                self.problem = "too many bytes without a head or a body"
                return False
        self.recent = data if PyBytes_GET_SIZE(data) >= 7 else ending(self.recent + data, 7)
        return True

    cdef bint finish_at_close(self) except -1:
        # The upstream closed properly: True if that is how this answer ends.
        if not self.head_done or self.sized or self.chunked or self.complete:
            return False
        self.complete = True
        return True

    cdef bytes take_body(self):
        # The body bytes of this read in one piece, or None.
        cdef object body = self.body
        self.body = None
        return b"".join(<list> body) if type(body) is list else <bytes> body

    cdef int rest(self) except -1:
        # The answer was taken: hold none of its bytes while the connection is idle.
        self.headers = None
        self.recent = None
        if self.head_only:
            self.parser = None  # llhttp would wait for the body that the head announced
        return 0

    cdef int discard(self) except -1:
        # The connection is gone: let go of the parser, which refers back to the reader.
        self.parser = None
        return self.rest()

    # what llhttp calls

    def on_message_begin(self):
        """A second answer to one request is a fault."""
        if self.complete:
            self.extra = True

    def on_header(self, bytes name not None, bytes value not None):
        """Collect a header field, or count a trailer field and drop it."""
        if self.complete:
            return
        self.count += 1
        self.size += PyBytes_GET_SIZE(name) + PyBytes_GET_SIZE(value) + 4
        if self.count > MAX_FIELDS or self.size > MAX_HEAD:
            self.refuse("the head of the answer is too long")
        if self.head_done:
            return
        name = lowered(name)
        if PyBytes_GET_SIZE(name) == 17 and name == b"transfer-encoding":
            if self.chunked or value.strip().lower() != b"chunked":
                self.refuse("the transfer coding is not chunked")
            self.chunked = True
        elif PyBytes_GET_SIZE(name) == 14 and name == b"content-length":
            self.sized = True
        self.headers.append((name, value))

    def on_headers_complete(self):
        """Take the head, or forget an interim one (RFC 9110 section 15.2)."""
        cdef int status
        self.heads += 1
        if self.complete:
            return
        status = self.parser.get_status_code()
        if not self.versioned and self.parser.get_http_version() not in ("1.1", "1.0"):
            self.refuse("the answer is not HTTP/1")
        if self.chunked and self.parser.get_http_version() != "1.1":
            self.refuse("a transfer coding in an answer of HTTP/1.0")
        if not 100 <= status <= 599 or status == 101:
            self.refuse(f"status {status} cannot answer this request")
        if status < 200:
            self.headers = []
            self.sized = False
            self.chunked = False
            self.versioned = False
            return
        self.status = status
        self.head_done = True
        self.head_due = True
        if status == 204 or status == 304:
            self.sized = True  # a body of no bytes, whatever the fields say (RFC 9112 section 6.3)
            self.chunked = False
        if self.head_only:
            self.complete = True
            self.keep = self.parser.should_keep_alive()

    def on_body(self, bytes data not None):
        """Collect a piece of the body."""
        if self.complete:
            self.extra = True
            return
        self.taken += PyBytes_GET_SIZE(data)
        if self.body is None:
            self.body = data
        elif type(self.body) is bytes:
            self.body = [self.body, data]
        else:
            (<list> self.body).append(data)

    def on_message_complete(self):
        """Note the end of the final answer."""
        if self.head_done and not self.complete:
            self.complete = True
            self.keep = self.parser.should_keep_alive()

    cdef int refuse(self, str problem) except -1:
        self.problem = problem
        raise ValueError(problem)  # llhttp stops, feed_data raises

    cdef bint ends_here(self, bytes data) except -1:
        # Whether the answer ends with the last byte of `data`. llhttp reports everything after the end except line
        # ends, so only an answer that ends in one needs a closer look.
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        cdef Py_ssize_t end = 0
        cdef int _
        cdef char last = PyBytes_AS_STRING(data)[size - 1]
        if last != c"\n" and last != c"\r":
            return True
        before = ending(self.recent, 3)
        if self.chunked and not self.head_only:
            # 0 CRLF CRLF, or a line and CRLF CRLF: never three line ends
            data = ending(self.recent + data if size < 5 else data, 5)
            return data.endswith(b"\r\n\r\n") and data[0] not in b"\r\n"
        if self.heads:
            text = before + data
            for _ in range(self.heads):
                end = text.find(b"\r\n\r\n", end) + 4
            end -= len(before)
        return end + self.taken == size
