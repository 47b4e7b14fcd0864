"""Streams of Anthropic's Messages whose bytes go through (https://docs.anthropic.com/en/api/messages-streaming).

Usage, errors and the end are noticed on the way; nothing but the model's name is changed.
"""

cimport cython
from libc.stdint cimport uint8_t

from tianji._core.streams.refrain cimport Refrain
from tianji._core.bodies.spans cimport ObjectSpans, replace_value
from tianji._core.streams.sse cimport sse_unit
from tianji._core.streams.stream cimport no_object
from tianji._core.streams.usage cimport read_usage

import msgspec

from tianji.errors import MalformedJSON

cdef object MalformedJSON_ = MalformedJSON
cdef object ENCODE = msgspec.json.Encoder().encode
cdef object MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
cdef bytes STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
cdef bytes SHORTENED = (
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"max_tokens","stop_sequence":null},'
    b'"usage":{"output_tokens":%d}}\n\n'
)
cdef bytes NOTHING = b"null"


@cython.final
cdef class MessagesStream(VerbatimStream):
    """One streamed message. model: the JSON string, with quotes, that stands as its model; None leaves it.

    done: message_stop was seen; finished: a stop_reason was; failed: an error event was, or one that is no JSON object.
    An error event is not handed on. Usage is known from the beginning, and until the end without the completion.
    """

    def __init__(self, bytes model=None):
        self.model = model
        self.refrain = Refrain("text")

    cpdef bytes ending(self):
        """What tells the client that a whole answer ends here; b"" where that was handed on already."""
        return b"" if self.done else STOP

    cpdef bytes shortened(self, str reason):
        """What ends an answer here, on purpose: as one that has reached its greatest length."""
        cdef bytes told = b""
        if self.block is not None:
            told = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%b}\n\n' % self.block
        return told + SHORTENED % self.events + STOP

    cdef int event(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit) except -1:
        cdef bytes payload
        cdef ObjectSpans spans, delta
        cdef Py_ssize_t i
        cdef str kind = ""
        if self.repeats(s, at, unit):
            return 0
        payload = self.payload(s, at, unit)
        try:
            spans = ObjectSpans.scan(payload)
            i = spans.find(b"type")
            if i >= 0 and spans.kind(i) == c"s":
                kind = spans.text(i)
        except MalformedJSON_:
            return self.unreadable(no_object(payload))
        if kind == "error":
            self.failed = True
            self.error = payload
            return 0
        self.events += 1
        if kind == "message_start":
            return self.begin(s, at, unit, spans)
        if kind == "content_block_delta":
            self.spoke = True
            self.learn(s, at, unit, payload)
        elif kind == "content_block_start":
            self.spoke = True
            i = spans.find(b"index")
            self.block = spans.raw(i) if i >= 0 else None
        elif kind == "content_block_stop":
            self.block = None
        elif kind == "message_delta":
            self.spoke = True
            i = spans.find(b"usage")
            if i >= 0:
                self.ended_with = spans.raw(i)
                self.note_usage()
            i = spans.find(b"delta")
            delta = spans.child(i) if i >= 0 else None
            i = -1 if delta is None else delta.find(b"stop_reason")
            self.finished = self.finished or (i >= 0 and delta.kind(i) == c"s")
        elif kind == "message_stop":
            self.done = True
        self.out.append(s[at:unit.end])
        return 0

    cdef int begin(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit, ObjectSpans spans) except -1:
        # Note what the prompt used, and set the model.
        cdef Py_ssize_t i = spans.find(b"message")
        cdef Py_ssize_t name = -1
        cdef ObjectSpans message = None
        if i >= 0 and spans.kind(i) == c"o":
            message = ObjectSpans.scan(spans.raw(i))
            name = message.find(b"usage")
            if name >= 0:
                self.begun_with = message.raw(name)
                self.note_usage()
            name = message.find(b"model")
        if self.model is None or name < 0:
            self.out.append(s[at:unit.end])
            return 0
        self.out.append(b"event: message_start\ndata: ")
        self.out.append(replace_value(spans, i, replace_value(message, name, self.model)).replace(b"\n", b""))
        self.out.append(b"\n\n")
        return 0

    cdef int note_usage(self) except -1:
        # What the end says counts, and for what it does not say the beginning, where the completion is not known yet.
        cdef dict members = {}
        try:
            if self.begun_with is not None:
                members = MEMBERS(self.begun_with)
            members.pop("output_tokens", None)
            if self.ended_with is not None:
                for name, value in MEMBERS(self.ended_with).items():
                    if bytes(value) != NOTHING:
                        members[name] = value
            self.usage = read_usage(ObjectSpans.scan(ENCODE({"usage": members})))
        except (msgspec.DecodeError, MalformedJSON_):  # no object, or a name that stands twice
            pass
        return 0
