"""The bytes of requests, read as they come: no sockets, no calls to anybody.

A front door has to be strict: whatever another server on the way could read differently is refused (RFC 9112 sections
3 to 7, and what section 11.2 says of request smuggling). One empty line before a request is the only thing read over.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memchr, memcmp

from tianji._core.upstreams.fields cimport (
    CHUNKS_DATA, CHUNKS_END, CHUNKS_FAULT, HTTP_FIELD, HTTP_LAST, HTTP_TARGET, HTTP_TOKEN, field_name, find_name,
    has_token, http_chunks_next, http_chunks_start, http_field, http_head_end, http_next_field, http_span, is_host,
    is_plain, known_name, length_of, line_fault, same_text,
)

from tianji.errors import (
    ExpectationFailed, HeadersTooLarge, InvalidRequest, NotImplementedHere, PayloadTooLarge, TargetTooLong,
    VersionNotSupported,
)

cdef enum:
    MAX_FIELDS = 100
    MAX_METHOD = 32

cdef dict METHODS = {
    name.encode(): name for name in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
}


cdef object malformed(str problem):
    return InvalidRequest(f"the request is malformed: {problem}")


cdef list all_fields(bytes lines):
    # The fields of a section that read_fields() found sound.
    cdef const char* at = PyBytes_AS_STRING(lines)
    cdef const char* end = at + PyBytes_GET_SIZE(lines)
    cdef http_field field
    cdef list fields = []
    while http_next_field(&at, end, &field) == HTTP_FIELD:
        fields.append((
            field_name(field.name, field.name_size), PyBytes_FromStringAndSize(field.value, field.value_size)))
    return fields


@cython.final
cdef class RequestReader:
    """Reads one request after another: rewind(), then read_head() until it says where the body begins.

    What it raises has the status to answer with; the connection must be closed then.
    """

    def __init__(self, *, Py_ssize_t max_head, Py_ssize_t max_target):
        self.max_head = max_head
        self.max_target = max_target
        self.rewind()

    cdef int rewind(self) except -1:
        # Expect another request.
        self.method = None
        self.path = self.query = self.origin = self.agent = None
        self.noted = None
        self.lines = None
        self.host = self.authority = None
        self.framing = NO_BODY
        self.length = 0
        self.old = self.keep = self.expects = self.upgrades = self.browser = False
        self.sized = self.closes = self.keeps = self.switches = False
        self.seen = 0
        return 0

    cdef Py_ssize_t read_head(self, const char* data, Py_ssize_t size) except -1:
        # `data` begins with a request. The offset behind its head; 0 while that is not whole.
        cdef Py_ssize_t skipped = 0
        cdef Py_ssize_t end
        cdef const char* line
        if size >= 2 and data[0] == c"\r" and data[1] == c"\n":
            skipped = 2
        elif size == 1 and data[0] == c"\r":
            return 0
        if size > skipped and http_span(data + skipped, data + skipped + 1, HTTP_TOKEN) == data + skipped:
            raise malformed("it does not begin with a method; this port speaks HTTP/1.1")
        if self.seen < skipped:
            self.seen = skipped
        end = http_head_end(data, size, &self.seen)
        if end < 0:
            raise malformed("a line does not end in CR LF")
        if end == 0:
            if size > self.max_target + MAX_METHOD and memchr(data + skipped, c"\n", <size_t>(size - skipped)) is NULL:
                raise TargetTooLong(f"path and query are over {self.max_target} bytes; send parameters in the body")
            if size > self.max_head + self.max_target:
                raise HeadersTooLarge(f"the headers are over {self.max_head} bytes in all; send fewer or shorter ones")
            return 0
        line = <const char*>memchr(data + skipped, c"\r", <size_t>(end - skipped))
        self.read_line(data + skipped, line)
        if line[1] != c"\n":
            raise malformed("a line does not end in CR LF")
        self.read_fields(line + 2, data + end)
        self.judge()
        return end

    cdef int read_line(self, const char* at, const char* end) except -1:
        # RFC 9112 section 3: method SP target SP version, one space each
        cdef const char* space = http_span(at, end, HTTP_TOKEN)
        cdef const char* target = space + 1
        cdef Py_ssize_t size = space - at
        if space == end or space[0] != c" " or size == 0:
            raise malformed("its first line is not METHOD TARGET HTTP/1.1")
        if size > MAX_METHOD:
            raise NotImplementedHere("no method is that long; see GET /routes")
        method = <bytes>at[:size]
        self.method = METHODS.get(method) or method.decode("ascii")
        space = http_span(target, end, HTTP_TARGET)
        if space - target > self.max_target:
            raise TargetTooLong(f"path and query are over {self.max_target} bytes; send parameters in the body")
        if space == end or space[0] != c" " or space == target:
            raise malformed("its target is empty or holds what has to be percent-encoded")
        at = space + 1
        if end - at != 8 or memcmp(at, b"HTTP/", 5) != 0 or at[6] != c"." or not c"0" <= at[5] <= c"9" or (
                not c"0" <= at[7] <= c"9"):
            raise malformed("its first line is not METHOD TARGET HTTP/1.1")
        if at[5] != c"1" or at[7] > c"1":
            raise VersionNotSupported("this port speaks HTTP/1.1; `tianji serve --edge granian` speaks HTTP/2 as well")
        self.old = at[7] == c"0"
        return self.read_target(target, space)

    cdef int read_target(self, const char* at, const char* end) except -1:
        # RFC 9112 section 3.2: a path, or the absolute form, whose authority must then be that of Host
        cdef Py_ssize_t scheme
        cdef const char* mark
        if at[0] == c"/" or (at[0] == c"*" and end - at == 1 and self.method == "OPTIONS"):
            mark = at
        else:
            scheme = 0
            if end - at > 8:
                scheme = 7 if same_text(b"http://", at, 7) else 8 if same_text(b"https://", at, 8) else 0
            if scheme == 0:
                raise malformed("its target is not a path; send /path and a Host header")
            mark = at = at + scheme
            while mark < end and mark[0] != c"/" and mark[0] != c"?":
                mark += 1
            self.authority = at[:mark - at]
            at = mark
        mark = <const char*>memchr(mark, c"?", <size_t>(end - mark))
        if mark is NULL:
            mark = end
            self.query = b""
        else:
            self.query = mark[1:end - mark]
        self.path = at[:mark - at] if mark > at else b"/"
        return 0

    cdef int read_fields(self, const char* at, const char* end) except -1:
        # No objects are made of fields that nobody looks at again: all_fields() can still make them.
        cdef http_field field
        cdef bytes name
        cdef list noted = []
        cdef const char* start = at
        cdef int line
        cdef int slot
        cdef int count = 0
        while True:
            line = http_next_field(&at, end, &field)
            if line != HTTP_FIELD:
                break
            count += 1
            slot = find_name(field.name, field.name_size)
            if slot >= 0:
                name = known_name(slot)
                if is_plain(slot):
                    self.note_field(name, field.value, field.value_size)
                    continue
            else:
                name = field_name(field.name, field.name_size)
            noted.append((name, PyBytes_FromStringAndSize(field.value, field.value_size)))
        if line != HTTP_LAST:
            raise malformed(line_fault(line))
        if at - start > self.max_head or count > MAX_FIELDS:
            raise HeadersTooLarge(
                f"the headers are over {self.max_head} bytes or {MAX_FIELDS} lines; send fewer or shorter ones")
        self.noted = noted
        self.lines = start[:at - start]
        return 0

    cdef int note_field(self, bytes name, const char* value, Py_ssize_t size) except -1:
        # what frames the message, and what an edge asks for: all of them plain; by length first, since most are neither
        cdef Py_ssize_t length = len(name)
        if length == 4:
            if name == b"host":
                self.note_host(value, size)
        elif length == 6:
            if name == b"expect":
                if not (size == 12 and same_text(b"100-continue", value, 12)):
                    raise ExpectationFailed("the only expectation served is 100-continue")
                self.expects = True
            elif name == b"origin":
                self.origin = value[:size]
        elif length == 7:
            if name == b"upgrade":
                self.upgrades = self.upgrades or has_token(value, size, b"websocket", 9)
        elif length == 10:
            if name == b"connection":
                self.note_connection(value, size)
            elif name == b"user-agent":
                self.agent = value[:size]
        elif length == 14:
            if name == b"content-length":
                self.note_length(value, size)
            elif name == b"sec-fetch-mode":
                self.browser = True
        elif length == 17:
            if name == b"transfer-encoding":
                self.note_coding(value, size)
        return 0

    cdef int note_host(self, const char* value, Py_ssize_t size) except -1:
        # RFC 9112 section 3.2
        if self.host is not None:
            raise malformed("it has more than one Host header; send exactly one")
        if not is_host(value, value + size):
            raise malformed("its Host header is not HOST or HOST:PORT")
        self.host = value[:size]
        return 0

    cdef int note_connection(self, const char* value, Py_ssize_t size) except -1:
        # RFC 9110 section 7.6.1. Nobody honest names a field that frames the message
        if has_token(value, size, b"content-length", 14) or has_token(value, size, b"transfer-encoding", 17) or (
                has_token(value, size, b"host", 4)):
            raise malformed("its Connection header names a field that every server on the way needs")
        self.closes = self.closes or has_token(value, size, b"close", 5)
        self.keeps = self.keeps or has_token(value, size, b"keep-alive", 10)
        self.switches = self.switches or has_token(value, size, b"upgrade", 7)
        return 0

    cdef int note_length(self, const char* value, Py_ssize_t size) except -1:
        # RFC 9112 section 6.3: several lengths, even equal ones, are refused; so is anything but digits
        if self.framing == CHUNKED:
            raise malformed("it has both Content-Length and Transfer-Encoding")
        if self.sized:
            raise malformed("it has more than one Content-Length")
        self.sized = True
        self.length = length_of(value, size)
        if self.length < 0 and value[:size].isdigit():
            raise PayloadTooLarge("content-length is beyond any limit; send a smaller body")
        if self.length < 0:
            raise malformed("its Content-Length is not a number of bytes")
        if self.length > 0:
            self.framing = SIZED
        return 0

    cdef int note_coding(self, const char* value, Py_ssize_t size) except -1:
        # RFC 9112 section 6.1: an unknown coding is 501; in HTTP/1.0 any is a framing error
        if self.sized:
            raise malformed("it has both Content-Length and Transfer-Encoding")
        if self.old:
            raise malformed("a transfer coding does not exist in HTTP/1.0")
        if self.framing == CHUNKED:
            raise malformed("it has more than one Transfer-Encoding")
        if not (size == 7 and same_text(b"chunked", value, 7)):
            raise NotImplementedHere("the only transfer coding served is chunked")
        self.framing = CHUNKED
        return 0

    cdef int judge(self) except -1:
        # What only the whole head can tell.
        if self.host is None:
            if not self.old:
                raise malformed("it has no Host header; HTTP/1.1 requires one")
        elif not self.host:
            raise malformed("its Host header is empty; HTTP/1.1 requires a host")
        if self.authority is not None and self.authority.lower() != (self.host or b"").lower():
            raise malformed("its target and its Host header name different hosts")
        self.keep = not self.closes and (self.keeps or not self.old)
        self.upgrades = self.upgrades and self.switches and self.method == "GET" and not self.old
        if self.framing == CHUNKED:
            http_chunks_start(&self.chunks)
        elif self.framing == NO_BODY or self.old:
            self.expects = False
        return 0

    cdef Py_ssize_t read_chunks(self, const char* data, Py_ssize_t size, list pieces, bint* over) except -1:
        # Take the content out of a chunked body. The bytes that were read; `over` says whether the body ends there.
        cdef const char* at = data
        cdef const char* piece
        cdef Py_ssize_t length
        cdef int result
        while True:
            result = http_chunks_next(&self.chunks, &at, data + size, &piece, &length)
            if result == CHUNKS_FAULT:
                raise malformed("its chunked body is framed wrongly")
            if result != CHUNKS_DATA:
                over[0] = result == CHUNKS_END
                return at - data
            pieces.append(PyBytes_FromStringAndSize(piece, length))
