"""Streams of the Responses API whose bytes go through (https://platform.openai.com/docs/api-reference/responses).

Usage, errors and the end are noticed on the way; nothing but the model's name is changed.
"""

cimport cython
from libc.stdint cimport uint8_t

from tianji._core.streams.refrain cimport Refrain
from tianji._core.bodies.spans cimport ObjectSpans, replace_value
from tianji._core.streams.sse cimport sse_unit
from tianji._core.streams.stream cimport no_object
from tianji._core.streams.usage cimport read_usage

from tianji.errors import MalformedJSON

cdef object MalformedJSON_ = MalformedJSON
cdef frozenset FAILURES = frozenset({"error", "response.failed"})
cdef str TEXT = "response.output_text.delta"
cdef frozenset ENDS = frozenset({"response.completed", "response.incomplete", "response.cancelled"})


@cython.final
cdef class ResponsesStream(VerbatimStream):
    """One streamed response. model: the JSON string, with quotes, that stands as its model; None leaves it.

    done and finished: the event that holds the whole response was seen; failed: an error event was, a response that
    failed, or one that is no JSON object. What tells of a failure is not handed on.
    """

    def __init__(self, bytes model=None):
        self.model = model
        self.refrain = Refrain("delta")

    cpdef bytes ending(self):
        """What tells the client that a whole answer ends here: it was handed on already."""
        return b""

    cdef int event(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit) except -1:
        cdef bytes payload
        cdef ObjectSpans spans
        cdef Py_ssize_t i
        cdef str kind = ""
        if self.repeats(s, at, unit):
            return 0
        payload = self.payload(s, at, unit)
        if payload == b"[DONE]":  # others end so; here the event before it did
            return 0
        try:
            spans = ObjectSpans.scan(payload)
            i = spans.find(b"type")
            if i >= 0 and spans.kind(i) == c"s":
                kind = spans.text(i)
        except MalformedJSON_:
            return self.unreadable(no_object(payload))
        if kind in FAILURES:
            return self.fail(payload, spans)
        self.events += 1
        if kind.endswith(".delta") or kind == "response.output_item.added":
            self.spoke = True
            if kind == TEXT:
                self.learn(s, at, unit, payload)
        elif spans.find(b"response") >= 0:
            return self.lifecycle(s, at, unit, spans, kind)
        self.out.append(s[at:unit.end])
        return 0

    cdef int lifecycle(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit, ObjectSpans spans, str kind) except -1:
        # Note what the response used and whether it has ended, and set the model.
        cdef Py_ssize_t i = spans.find(b"response")
        cdef Py_ssize_t name = -1
        cdef ObjectSpans response = None
        if kind in ENDS:
            self.spoke = self.done = self.finished = True
        if spans.kind(i) == c"o":
            response = ObjectSpans.scan(spans.raw(i))
            if response.find(b"usage") >= 0:
                self.usage = read_usage(response) or self.usage
            name = response.find(b"model")
        if self.model is None or name < 0:
            self.out.append(s[at:unit.end])
            return 0
        self.out.append(b"event: %b\ndata: " % kind.encode())
        self.out.append(replace_value(spans, i, replace_value(response, name, self.model)).replace(b"\n", b""))
        self.out.append(b"\n\n")
        return 0

    cdef int fail(self, bytes payload, ObjectSpans spans) except -1:
        # The error of a response stands in it, that of a stream beside its type; both are said like any other error.
        cdef Py_ssize_t i = spans.find(b"response")
        cdef ObjectSpans response = spans.child(i) if i >= 0 and spans.kind(i) == c"o" else None
        cdef Py_ssize_t error = -1 if response is None else response.find(b"error")
        self.failed = True
        if error >= 0:
            payload = response.raw(error)
        elif spans.find(b"error") >= 0:
            self.error = payload
            return 0
        self.error = b'{"error":%b}' % payload
        return 0
