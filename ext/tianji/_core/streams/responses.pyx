"""Streams of the Responses API whose bytes go through (https://platform.openai.com/docs/api-reference/responses).

Usage, errors and the end are noticed on the way; nothing but the model's name is changed.
"""

cimport cython
from libc.stdint cimport uint8_t

from tianji._core.bodies.frames cimport Sighting
from tianji._core.bodies.spans cimport ObjectSpans, replace_value
from tianji._core.bodies.templates cimport Holed, Template
from tianji._core.streams.figures cimport Figures
from tianji._core.streams.noted cimport Noted, Notebook, Reader
from tianji._core.streams.refrain cimport Refrain
from tianji._core.streams.sse cimport sse_unit
from tianji._core.streams.stream cimport no_object
from tianji._core.streams.usage cimport read_usage

from tianji.errors import MalformedJSON

cdef enum:
    TRIES = 32  # events of a stream that are looked at in vain: one that never repeats itself is read

cdef object MalformedJSON_ = MalformedJSON
cdef frozenset FAILURES = frozenset({"error", "response.failed"})
cdef str TEXT = "response.output_text.delta"
cdef frozenset ENDS = frozenset({"response.completed", "response.incomplete", "response.cancelled"})


cdef bint speaks(str kind) except -1:
    return kind.endswith(".delta") or kind == "response.output_item.added"


@cython.final
cdef class ResponsesStream(VerbatimStream):
    """One streamed response. model: the JSON string, with quotes, that stands as its model; None leaves it.

    notebook: what is remembered of such streams; None: nothing.

    done and finished: the event that holds the whole response was seen; failed: an error event was, a response that
    failed, or one that is no JSON object. What tells of a failure is not handed on.
    """

    def __init__(self, bytes model=None, Notebook notebook=None):
        self.model = model
        self.refrain = Refrain("delta")
        if notebook is not None:
            self.reader = Reader(notebook, ("responses", model))

    cpdef bytes ending(self):
        """What tells the client that a whole answer ends here: it was handed on already."""
        return b""

    cdef Py_ssize_t skim(self, const uint8_t *s, Py_ssize_t at, Py_ssize_t size) except -1:
        cdef Py_ssize_t end
        while not self.done:
            at = VerbatimStream.skim(self, s, at, size)
            if at == size or self.reader is None:
                return at
            end = self.reader.follow(s, at, size)
            if end == 0:
                return at
            self.recall(<Noted>self.reader.met.value, self.reader, s, at, end)
            at = end
        return at

    cdef int event(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit) except -1:
        cdef bytes payload
        cdef Sighting sighting = None
        cdef str kind
        if self.repeats(s, at, unit):
            return 0
        if self.reader is not None and unit.data_lines == 1 and self.unknown < TRIES:
            sighting = self.look(s[at:unit.end])
            if sighting is not None and sighting.frame is not None and sighting.frame.value is not None:
                self.reader.meet(sighting.frame)
                return self.recall(<Noted>sighting.frame.value, sighting, s, at, unit.end)
            self.unknown += 1
        payload = self.payload(s, at, unit)
        if payload == b"[DONE]":  # others end so; here the event before it did
            return 0
        kind = self.read(s, at, unit, payload)
        if sighting is not None and sighting.again and not self.failed:
            self.reader.notebook.keep(sighting, self.noted(sighting, at, unit, payload, kind))
        return 0

    cdef Sighting look(self, bytes event):
        return self.reader.notebook.look(event, self.reader.key)

    cdef int recall(self, Noted noted, Holed event, const uint8_t *s, Py_ssize_t at, Py_ssize_t end) except -1:
        # Take an event of which it is known what it means.
        cdef sse_unit unit
        self.events += 1
        if noted.figures is not None:
            self.usage = noted.figures.usage(event, 0) or self.usage
        self.out.append(s[at:end] if noted.told is None else event.fill(noted.told, 0))
        if noted.spoke:
            self.spoke = True
        if noted.ends:
            self.done = self.finished = True
        if noted.learns:
            unit.payload, unit.payload_end, unit.end = at + noted.opening, end - noted.closing, end
            unit.data_lines, unit.error = 1, False
            self.learn(s, at, &unit, s[unit.payload:unit.payload_end])
        return 0

    cdef str read(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit, bytes payload):
        # Read an event; its type, "" where it has none.
        cdef ObjectSpans spans
        cdef Py_ssize_t i
        cdef str kind = ""
        try:
            spans = ObjectSpans.scan(payload)
            i = spans.find(b"type")
            if i >= 0 and spans.kind(i) == c"s":
                kind = spans.text(i)
        except MalformedJSON_:
            self.unreadable(no_object(payload))
            return kind
        if kind in FAILURES:
            self.fail(payload, spans)
            return kind
        self.events += 1
        if speaks(kind):
            self.spoke = True
            if kind == TEXT:
                self.learn(s, at, unit, payload)
        elif spans.find(b"response") >= 0:
            self.lifecycle(s, at, unit, spans, kind)
            return kind
        self.out.append(s[at:unit.end])
        return kind

    cdef Noted noted(self, Sighting event, Py_ssize_t at, sse_unit *unit, bytes payload, str kind):
        # What an event means that was read; None where not all like it mean that.
        cdef Noted noted = Noted()
        cdef ObjectSpans spans = ObjectSpans.scan(payload)
        cdef Py_ssize_t i = spans.find(b"response")
        noted.opening, noted.closing = unit.payload - at, unit.end - unit.payload_end
        noted.learns, noted.spoke = kind == TEXT, speaks(kind)
        if noted.spoke or i < 0:
            return noted
        if kind in ENDS:
            noted.spoke = noted.ends = True
        if spans.kind(i) == c"o":
            self.note_response(noted, event, spans, i, kind)
        return noted

    cdef int note_response(self, Noted noted, Sighting event, ObjectSpans spans, Py_ssize_t i, str kind) except -1:
        # Note where the response, member i, says what was used, and where its model stands.
        cdef ObjectSpans response = ObjectSpans.scan(spans.raw(i))
        cdef Py_ssize_t start = noted.opening + spans.tape.items[i].start, k
        cdef list said = []
        cdef bytes name
        for name in (b"usage", b"service_tier"):
            k = response.find(name)
            if k >= 0:
                said += (
                    b',"%b":' % name if said else b'{"%b":' % name,
                    *event.pieces(start + response.tape.items[k].start, start + response.tape.items[k].end, True))
        if said and response.find(b"usage") >= 0:
            noted.figures = Figures(Template((*said, b"}")))
            if noted.figures.silent:
                noted.figures = None
        k = response.find(b"model")
        if self.model is not None and k >= 0:
            noted.told = Template((
                b"event: %b\ndata: " % kind.encode(),
                *event.pieces(noted.opening, start + response.tape.items[k].start, False), self.model,
                *event.pieces(start + response.tape.items[k].end, event.size - noted.closing, False), b"\n\n"))
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
