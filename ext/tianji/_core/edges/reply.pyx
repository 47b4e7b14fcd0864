"""Answers of the native edge as bytes: RFC 9112 sections 4 and 7.1, RFC 9110 section 6.6.1.

Header values come from handlers and from upstreams; what ext/include/http_write.h writes cannot end a line early.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_RawFree
from libc.string cimport memcpy
from posix.time cimport time_t

cdef extern from "<time.h>":
    time_t time(time_t* where) noexcept nogil

cdef extern from "http_write.h":
    int http_text_add(http_text* text, const char* data, Py_ssize_t size) except -1
    int http_text_field(
        http_text* text, const char* name, Py_ssize_t name_size, const char* value, Py_ssize_t size) except -1
    int http_text_number(http_text* text, unsigned long long number, unsigned base) except -1
    void http_date_line(time_t now, char* line) noexcept

cdef enum:
    DATE_LINE = 37
    KEPT_ROOM = 64 * 1024  # bytes; a larger head is rare, and its memory is given back

cdef dict STATUS_LINES = {
    status: b"HTTP/1.1 %d %b\r\n" % (status, reason)
    for status, reason in (
        (200, b"OK"), (201, b"Created"), (202, b"Accepted"), (204, b"No Content"), (206, b"Partial Content"),
        (301, b"Moved Permanently"), (302, b"Found"), (303, b"See Other"), (304, b"Not Modified"),
        (307, b"Temporary Redirect"), (308, b"Permanent Redirect"), (400, b"Bad Request"), (401, b"Unauthorized"),
        (402, b"Payment Required"), (403, b"Forbidden"), (404, b"Not Found"), (405, b"Method Not Allowed"),
        (406, b"Not Acceptable"), (408, b"Request Timeout"), (409, b"Conflict"), (410, b"Gone"),
        (411, b"Length Required"), (413, b"Content Too Large"), (414, b"URI Too Long"),
        (415, b"Unsupported Media Type"), (417, b"Expectation Failed"), (422, b"Unprocessable Content"),
        (426, b"Upgrade Required"), (429, b"Too Many Requests"), (431, b"Request Header Fields Too Large"),
        (500, b"Internal Server Error"), (501, b"Not Implemented"), (502, b"Bad Gateway"),
        (503, b"Service Unavailable"), (504, b"Gateway Timeout"), (505, b"HTTP Version Not Supported"),
    )
}


cdef bytes status_line(int status):
    cdef object line = STATUS_LINES.get(status)
    return <bytes>line if line is not None else b"HTTP/1.1 %d \r\n" % status


@cython.final
cdef class Reply:
    """Builds one head after another: begin(), then what frames the answer, then head() or whole()."""

    def __init__(self):
        self.second = -1

    def __dealloc__(self):
        PyMem_RawFree(self.text.data)

    cdef int begin(self, int status, list headers) except -1:
        cdef bytes line = status_line(status)
        cdef tuple pair
        cdef bytes name, value
        cdef long long now = time(NULL)
        self.text.size = 0
        http_text_add(&self.text, PyBytes_AS_STRING(line), PyBytes_GET_SIZE(line))
        if now != self.second:
            self.second = now
            http_date_line(<time_t>now, self.date)
        http_text_add(&self.text, self.date, DATE_LINE)
        for pair in headers:
            name = pair[0]
            value = pair[1]
            http_text_field(
                &self.text, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), PyBytes_AS_STRING(value),
                PyBytes_GET_SIZE(value))
        return 0

    cdef int close_after(self) except -1:
        # The connection ends with this answer (RFC 9112 section 9.6).
        return http_text_add(&self.text, b"connection: close\r\n", 19)

    cdef int keep_open(self) except -1:
        # For clients of HTTP/1.0, which expect it to end.
        return http_text_add(&self.text, b"connection: keep-alive\r\n", 24)

    cdef int chunked(self) except -1:
        return http_text_add(&self.text, b"transfer-encoding: chunked\r\n", 28)

    cdef bytes head(self):
        # The head of an answer whose body follows.
        http_text_add(&self.text, b"\r\n", 2)
        return self.taken(0)

    cdef bytes whole(self, Py_ssize_t length, bytes body):
        # The head of an answer with `length` bytes (-1: none, and no length is said), and `body` behind it.
        cdef Py_ssize_t size = PyBytes_GET_SIZE(body)
        if length >= 0:
            http_text_add(&self.text, b"content-length: ", 16)
            http_text_number(&self.text, <unsigned long long>length, 10)
            http_text_add(&self.text, b"\r\n", 2)
        http_text_add(&self.text, b"\r\n", 2)
        answer = self.taken(size)
        memcpy(PyBytes_AS_STRING(answer) + PyBytes_GET_SIZE(answer) - size, PyBytes_AS_STRING(body), <size_t>size)
        return answer

    cdef bytes taken(self, Py_ssize_t more):
        # what was written, with room for `more` bytes behind it
        cdef bytes answer = PyBytes_FromStringAndSize(NULL, self.text.size + more)
        memcpy(PyBytes_AS_STRING(answer), self.text.data, <size_t>self.text.size)
        if self.text.room > KEPT_ROOM:
            PyMem_RawFree(self.text.data)
            self.text.data = NULL
            self.text.room = 0
        return answer


cdef bytes framed(bytes head, bytes chunk, bint last):
    # `chunk` as a chunk (none when it is empty) behind `head` (or None); with the end of the body when `last`.
    cdef char frame[24]
    cdef Py_ssize_t size = PyBytes_GET_SIZE(chunk)
    cdef Py_ssize_t before = 0 if head is None else PyBytes_GET_SIZE(head)
    cdef int digits = 0
    cdef Py_ssize_t rest = size
    cdef bytes text
    cdef char* at
    while rest:
        digits += 1
        frame[24 - digits] = b"0123456789abcdef"[rest & 15]
        rest >>= 4
    text = PyBytes_FromStringAndSize(NULL, before + (digits + 4 + size if size else 0) + (5 if last else 0))
    at = PyBytes_AS_STRING(text)
    if before:
        memcpy(at, PyBytes_AS_STRING(head), <size_t>before)
        at += before
    if size:
        memcpy(at, frame + 24 - digits, <size_t>digits)
        at += digits
        memcpy(at, b"\r\n", 2)
        memcpy(at + 2, PyBytes_AS_STRING(chunk), <size_t>size)
        at += 2 + size
        memcpy(at, b"\r\n", 2)
        at += 2
    if last:
        memcpy(at, b"0\r\n\r\n", 5)
    return text
