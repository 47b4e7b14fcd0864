"""Server-sent events, one by one (WHATWG HTML, section 9.2.6): the framing for streams whose every event is read."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from tianji._core.streams.sse cimport sse_join, sse_read_unit, sse_worth_reading

from tianji.errors import UpstreamProtocolError

cdef bytes MARK = b"\xef\xbb\xbf"  # U+FEFF at the start of a stream is no part of it


cdef class EventStream(AnswerStream):
    """Base of streams that look at each event: a subclass is told of those with data and hands on what it likes."""

    def __cinit__(self):
        self.max_event = 8 << 20
        self.out = []

    cdef int event(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit) except -1:
        """Take the event at s[at], which has data."""
        raise NotImplementedError

    cdef Py_ssize_t skim(self, const uint8_t *s, Py_ssize_t at, Py_ssize_t size) except -1:
        """Take events from s[at] on that are known without being read; where the first begins that is not."""
        return at

    cdef bytes payload(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit):
        """The data of an event, its lines joined."""
        cdef bytes joined
        if unit.data_lines == 1:
            return s[unit.payload:unit.payload_end]
        joined = PyBytes_FromStringAndSize(NULL, unit.end - at)
        return joined[:sse_join(s, at, unit.end, PyBytes_AS_STRING(joined))]

    cdef int unreadable(self, object fault) except -1:
        """End the stream, because of an event that nobody can read."""
        self.failed = True
        self.fault = fault
        return 0

    cpdef bytes feed(self, bytes data):
        """Take the next bytes of the body; the bytes to hand on now, b"" if none."""
        cdef Py_ssize_t old
        cdef bytes text = data
        if data is None:
            raise TypeError("data must be bytes")
        if self.done or self.failed:
            return b""
        if self.held is not None:
            old = len(self.held)
            self.held += data
            if self.begun and not sse_worth_reading(<const uint8_t *>(<char *>self.held), len(self.held), old):
                if len(self.held) > self.max_event:
                    self.unreadable(UpstreamProtocolError(
                        f"the upstream sent an event of more than {self.max_event} bytes"))
                return b""
            text = bytes(self.held)
            self.held = None
        self.consume(text)
        return self.handed_on()

    cpdef bytes close(self):
        """Take the end of the body; the bytes to hand on. An event without its blank line counts if it is whole."""
        cdef bytes out
        cdef object held = self.held
        if held is None or self.done or self.failed:
            self.held = None
            return b""
        out = self.feed(b"\n\n")
        self.held = None
        if self.failed and self.error is None:  # what is cut off is seldom JSON
            self.failed = False
            self.fault = None
        return out

    cdef int consume(self, bytes text) except -1:
        cdef const uint8_t *s = <const uint8_t *>PyBytes_AS_STRING(text)
        cdef Py_ssize_t at = 0, size = PyBytes_GET_SIZE(text)
        cdef sse_unit unit
        if not self.begun:
            if size < 3 and MARK.startswith(text):
                self.held = bytearray(text) if size else None
                return 0
            self.begun = True
            at = 3 if text.startswith(MARK) else 0
        while at < size and not self.done and not self.failed:
            at = self.skim(s, at, size)
            if at == size or self.done:
                return 0
            if not sse_read_unit(s, at, size, &unit):
                self.held = bytearray(text[at:])
                return 0
            if unit.payload_end > unit.payload or unit.data_lines > 1:
                self.event(s, at, &unit)
            at = unit.end
        return 0

    cdef bytes handed_on(self):
        cdef list out = self.out
        cdef bytes text
        if not out:
            return b""
        text = <bytes>out[0] if len(out) == 1 else b"".join(out)
        self.out = []
        return text
