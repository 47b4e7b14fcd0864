"""Streamed answers of pictures and sound: events whose bytes go through, and bytes that nobody reads."""

cimport cython
from libc.stdint cimport uint8_t

from tianji._core.bodies.spans cimport ObjectSpans
from tianji._core.streams.sse cimport sse_unit
from tianji._core.streams.stream cimport no_object
from tianji._core.streams.usage cimport read_usage

from tianji.errors import MalformedJSON, UpstreamProtocolError

cdef object MalformedJSON_ = MalformedJSON
cdef tuple ENDS = (".completed", ".done")
cdef Py_ssize_t MOST_WHOLE = 64 << 20  # bytes of an answer that is converted


@cython.final
cdef class MediaEvents(EventStream):
    """Events of pictures, of speech and of transcripts; the type of the last one of an answer says so.

    https://platform.openai.com/docs/api-reference/images-streaming, .../audio/speech-audio-delta-event and
    .../audio/transcript-text-delta-event. finished: such an event was seen, and with it what was used; failed: an error
    event was, or one that is no JSON object. What tells of a failure is not handed on.
    """

    def __cinit__(self):
        self.max_event = 64 << 20  # of a whole picture in Base64

    cpdef bytes ending(self):
        """What tells the client that a whole answer ends here: it was handed on already."""
        return b""

    cdef int event(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit) except -1:
        cdef bytes payload = self.payload(s, at, unit)
        cdef ObjectSpans spans
        cdef Py_ssize_t i
        cdef str kind = ""
        if payload == b"[DONE]":
            self.done = self.finished = True
            self.out.append(s[at:unit.end])
            return 0
        try:
            spans = ObjectSpans.scan(payload)
            i = spans.find(b"type")
            if i >= 0 and spans.kind(i) == c"s":
                kind = spans.text(i)
        except MalformedJSON_:
            return self.unreadable(no_object(payload))
        i = spans.find(b"error")
        if kind == "error" or (i >= 0 and spans.kind(i) == c"o"):
            self.failed = True
            self.error = payload if i >= 0 else b'{"error":%b}' % payload
            return 0
        self.events += 1
        self.spoke = True
        if kind.endswith(ENDS):
            self.finished = True
            if spans.find(b"usage") >= 0:
                self.usage = read_usage(spans)
        self.out.append(s[at:unit.end])
        return 0


@cython.final
cdef class MediaBytes(AnswerStream):
    """An answer of any type, which goes through as it is. content_type: its own."""

    def __init__(self, bytes content_type not None):
        self.content_type = content_type
        self.opaque = True

    cpdef bytes feed(self, bytes data):
        """Take the next bytes of the body; they are handed on."""
        self.spoke = True
        self.events += 1
        return data

    cpdef bytes close(self):
        """Take the end of the body."""
        self.finished = True
        return b""

    cpdef bytes ending(self):
        """What tells the client that a whole answer ends here: nothing but its length."""
        return b""


@cython.final
cdef class MediaWhole(AnswerStream):
    """An answer that has to be whole before what is in it can be handed on, as sound in Base64.

    content_type: of what is handed on. convert: makes it of the body; raises UpstreamFailure.
    """

    def __init__(self, bytes content_type not None, convert not None):
        self.content_type = content_type
        self.convert = convert
        self.pieces = []
        self.opaque = True

    cpdef bytes feed(self, bytes data):
        """Take the next bytes of the body; nothing is handed on yet."""
        self.size += len(data)
        if self.size > MOST_WHOLE:
            raise UpstreamProtocolError(f"the upstream's sound is over {MOST_WHOLE} bytes")
        self.pieces.append(data)
        return b""

    cpdef bytes close(self):
        """Take the end of the body; what was in it. Raises UpstreamFailure."""
        cdef bytes found = self.convert(b"".join(self.pieces))
        self.pieces = []
        self.spoke = self.finished = True
        self.events += 1
        return found

    cpdef bytes ending(self):
        """What tells the client that a whole answer ends here: nothing but its length."""
        return b""
