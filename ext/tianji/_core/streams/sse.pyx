"""Event streams: framing, scanning for usage and errors, model rewrite.

Framing is that of WHATWG HTML section 9.2.6; the events are those of OpenAI's chat completions and completions
(https://platform.openai.com/docs/api-reference/chat-streaming). What needs no edit is handed on as it came.

The first event of a kind is scanned as a whole. Those after it usually differ in the contents of some strings and
numbers only; such an event is recognised by comparing the rest to the byte, which proves that it has the same members.
Until there was something for the reader each is scanned, since an empty string and a full one differ in nothing else.
"""

from json.decoder import scanstring as _scanstring

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.stdint cimport uint8_t
from libc.string cimport memchr, memcmp, memcpy

from tianji._core.bodies.spans cimport (
    JSON_FINE, JSON_NO_MEMORY, ObjectSpans, json_fault, json_member, json_scan, json_tape_free, json_tape_init,
    member_name,
)
from tianji._core.streams.stream cimport no_object
from tianji._core.streams.usage cimport Usage, read_usage

from tianji.errors import MalformedJSON, UpstreamProtocolError

cdef extern from "chat_content.h":
    bint chat_has_content(const uint8_t *chunk, const uint8_t *end) noexcept

cdef object MalformedJSON_ = MalformedJSON
cdef object scanstring = _scanstring

cdef enum:
    MAX_DEPTH = 128   # levels of nesting in a payload
    FINISH_DEPTH = 3  # choices[].finish_reason

cdef bytes MARK = b"\xef\xbb\xbf"  # U+FEFF at the start of a stream is no part of it
cdef bytes DONE = b"[DONE]"
cdef bytes DONE_EVENT = b"data: [DONE]\n\n"


cdef bint _is(const uint8_t *s, const json_member *member, bytes name) except -1:
    if member.name_escaped:
        return member_name(<const char *>s, member) == name
    return member.name_end - member.name == PyBytes_GET_SIZE(name) and memcmp(
        s + member.name, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name)
    ) == 0


cdef bint _is_empty_array(const uint8_t *s, const json_member *member) noexcept:
    cdef Py_ssize_t i = member.start + 1
    while s[i] == c" " or s[i] == c"\t" or s[i] == c"\n" or s[i] == c"\r":
        i += 1
    return i == member.end - 1


@cython.final
cdef class ChatStream(AnswerStream):
    """One streamed answer in OpenAI's dialect, fed with pieces of its body cut anywhere.

    model: the JSON string, with quotes, to stand as `model` in every chunk that has one; None leaves it.
    hide_usage: drop what the client did not ask for, the extra chunk (no choices, but usage) and the `usage` that is
    null in the others (https://platform.openai.com/docs/api-reference/chat/create, stream_options).
    max_event: bytes that one event may have.

    Usage, errors and the end are noted in the attributes. done: [DONE] was seen; finished: a finish_reason that is a
    non-empty string was seen; failed: an error event was seen, or one whose payload is no JSON object. Nothing after
    [DONE] or after an error is looked at. An error event is not handed on, everything before it is. A payload that is
    no JSON object is an error too: a piece of the answer is lost, and clients of this dialect fail on it without a word
    about whose fault it is.
    """

    def __cinit__(self):
        json_tape_init(&self._tape)

    def __init__(self, bytes model=None, bint hide_usage=False, Py_ssize_t max_event=8 << 20):
        if model is not None and not (len(model) > 1 and model.startswith(b'"') and model.endswith(b'"')):
            raise ValueError("model must be a JSON string with its quotes")
        self._model = model
        self._hide_usage = hide_usage
        self._max_event = max_event

    def __dealloc__(self):
        json_tape_free(&self._tape)
        PyMem_Free(self._edits)

    cpdef bytes feed(self, bytes data):
        """Take the next bytes of the body; the bytes to hand on now, b"" if none: whole events and comments only.

        UpstreamProtocolError if an event is longer than max_event.
        """
        cdef Py_ssize_t old
        cdef bytes text
        if data is None:
            raise TypeError("data must be bytes")
        if self.done or self.failed:
            return b""
        if self._held is None:
            return self._pass_on(data)
        old = len(self._held)
        self._held += data
        if not self._begun or sse_worth_reading(<const uint8_t *>(<char *>self._held), len(self._held), old):
            text = bytes(self._held)
            self._held = None
            return self._pass_on(text)
        if len(self._held) > self._max_event:
            raise self._too_long()
        return b""

    cpdef bytes close(self):
        """Take the end of the body; the bytes to hand on. What is incomplete is not handed on.

        An event whose last line or blank line is missing still counts for usage, errors and [DONE]; the latter is
        handed on completed, since it says that nothing is missing.
        """
        cdef bytes out = b"", tail
        cdef long long events
        cdef bint spoke
        if self._held is not None and self._held.endswith(b"\r"):  # no LF can follow any more
            out = self.feed(b"\n")
            if out.endswith(b"\r\n"):
                out = out[:len(out) - 1]
        if self._held is None or self.done or self.failed:
            self._held = None
            return out
        events, spoke = self.events, self.spoke
        tail = self.feed(b"\n\n")
        self._held = None
        if self.done:
            return out + tail
        self.events, self.spoke = events, spoke
        if self.error is None:  # what is cut off is seldom JSON
            self.failed = False
            self.fault = None
        return out

    cpdef bytes ending(self):
        """What tells the client that a whole answer ends here; b"" where that was handed on already."""
        return b"" if self.done else DONE_EVENT

    cdef bint answered(self) noexcept:
        return self.events > 0

    cdef object _too_long(self):
        return UpstreamProtocolError(f"the upstream sent an event of more than {self._max_event} bytes")

    cdef bytes _pass_on(self, bytes text):
        cdef const uint8_t *s = <const uint8_t *>PyBytes_AS_STRING(text)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(text), start = 0, end
        if not self._begun:
            if size < 3 and MARK.startswith(text):
                self._held = bytearray(text) if size else None
                return b""
            self._begun = True
            start = 3 if text.startswith(MARK) else 0
        self._edit_count = 0
        end = self._consume(s, start, size)
        if end < size and not self.done and not self.failed:
            if size - end > self._max_event:
                raise self._too_long()
            self._held = bytearray(text[end:])
        return self._emit(text, start, end)

    cdef Py_ssize_t _consume(self, const uint8_t *s, Py_ssize_t at, Py_ssize_t size) except -1:
        # Read the complete units from s[at] on; where the first one begins that is not handed on or not complete.
        cdef const uint8_t *end
        cdef const uint8_t *model = NULL
        cdef const uint8_t *cut
        cdef Py_ssize_t width
        cdef sse_unit unit
        while at < size and not self.done:
            if self._shape.size and self.spoke:
                cut = NULL
                end = sse_match(&self._shape, s + at, s + size, &model, &cut)
                if end != NULL:
                    if end - s - at > self._max_event:
                        raise self._too_long()
                    self.events += 1
                    width = self._shape.model_end - self._shape.model
                    if cut != NULL:
                        self._edit_both(model - s, width, cut - s, self._shape.cut_end - self._shape.cut)
                    elif self._model is not None and width and not self._is_model(model, width):
                        self._edit(model - s, width, True)
                    at = end - s
                    continue
            if not sse_read_unit(s, at, size, &unit):
                break
            if unit.end - at > self._max_event:
                raise self._too_long()
            if unit.payload_end > unit.payload or unit.data_lines > 1:
                if not self._judge(s, at, &unit):
                    break
            at = unit.end
        return at

    cdef bint _judge(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit) except -1:
        # Look at an event with data. Whether it is handed on, as it is or edited: an error is not.
        cdef bytes joined = None
        cdef Py_ssize_t end = unit.payload_end
        if unit.data_lines > 1:
            joined = PyBytes_FromStringAndSize(NULL, unit.end - at)
            joined = joined[:sse_join(s, at, unit.end, PyBytes_AS_STRING(joined))]
        elif s[unit.payload] == c"[" and not unit.error:
            while s[end - 1] == c" ":
                end -= 1
            if end - unit.payload == 6 and memcmp(s + unit.payload, PyBytes_AS_STRING(DONE), 6) == 0:
                self.done = True
                return True
        if unit.error:
            self._fail(joined if joined is not None else s[unit.payload:unit.payload_end])
        else:
            self._judge_object(s, at, unit, joined)
        if self.failed:
            return False
        self.events += 1
        return True

    cdef int _judge_object(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit, bytes joined) except -1:
        cdef const uint8_t *payload = s if joined is None else <const uint8_t *>PyBytes_AS_STRING(joined)
        cdef Py_ssize_t start = unit.payload if joined is None else 0
        cdef Py_ssize_t end = unit.payload_end if joined is None else PyBytes_GET_SIZE(joined)
        cdef Py_ssize_t place = 0, width = 0, cut = 0, cut_end = 0
        cdef Finding found = Finding(False, False, False, -1, 0, 0, 0)
        cdef json_fault fault
        self._tape.count = 0
        fault = json_scan(
            &self._tape, payload, start, end, MAX_DEPTH, SHAPE_DEPTH if end - start <= SHAPE_BYTES else FINISH_DEPTH,
            NULL
        )
        if fault == JSON_NO_MEMORY:
            raise MemoryError()
        if fault != JSON_FINE:
            self.fault = no_object(payload[start:end])
            return self._fail(None)
        self._look(payload, &found)
        if found.error:
            return self._fail(payload[start:end])
        if found.usage and self._read_usage(payload[start:end]) and found.no_choices and self._hide_usage:
            return self._edit(at, unit.end - at, False)
        if not self.spoke:
            self.spoke = chat_has_content(payload + self._tape.open, payload + self._tape.close)
        if found.models:
            place = found.model if joined is None else sse_unjoin(s, at, unit.end, found.model)
            width = found.model_end - found.model
        if found.no_usage >= 0 and joined is None:
            sse_extent(s, &self._tape, &self._tape.items[found.no_usage], &cut, &cut_end)
        self._edit_both(place, width, cut, cut_end - cut)
        if joined is None and not found.usage:
            sse_learn(&self._shape, s, at, unit.end, &self._tape, found.no_usage)
        return 0

    cdef int _fail(self, bytes error) except -1:
        self.failed = True
        self.error = error
        return 0

    cdef bint _read_usage(self, bytes payload) except -1:
        # Whether the chunk says what was used. An earlier figure stays unless there is a newer one.
        cdef Usage usage
        try:
            usage = read_usage(ObjectSpans.scan(payload, MAX_DEPTH))
        except MalformedJSON_:  # a name stands twice
            return False
        if usage is None:
            return False
        self.usage = usage
        return True

    cdef int _look(self, const uint8_t *s, Finding *found) except -1:
        # Read off the tape what the members of a chunk mean. Members stand in the order of the text.
        cdef Py_ssize_t i
        cdef json_member *member
        cdef bint in_choices = False
        for i in range(self._tape.count):
            member = &self._tape.items[i]
            if member.depth == 1:
                in_choices = _is(s, member, b"choices")
                if in_choices:
                    found.no_choices = member.kind == c"a" and _is_empty_array(s, member)
                elif member.kind == c"0":
                    if self._hide_usage and _is(s, member, b"usage"):
                        found.no_usage = i
                elif member.kind == c"s" and _is(s, member, b"model"):
                    found.models += 1
                    found.model, found.model_end = member.start, member.end
                    if self.first_model is None and member.end - member.start > 2:
                        self.first_model = _text(s, member)
                elif _is(s, member, b"error"):
                    found.error = True
                elif _is(s, member, b"usage") or member.kind == c"o" and _is(s, member, b"x_groq"):
                    found.usage = True
            elif in_choices and member.depth == FINISH_DEPTH and not self.finished:
                if member.kind == c"s" and member.end - member.start > 2:
                    self.finished = _is(s, member, b"finish_reason")
        return 0

    cdef bint _is_model(self, const uint8_t *found, Py_ssize_t width) noexcept:
        # Whether this is what would be set in its place.
        return PyBytes_GET_SIZE(self._model) == width and memcmp(PyBytes_AS_STRING(self._model), found, width) == 0

    cdef int _edit_both(
        self, Py_ssize_t model, Py_ssize_t width, Py_ssize_t cut, Py_ssize_t cut_width
    ) except -1:
        # Set the model and take a member out, in the order of their places; a width of 0 means that there is none.
        if self._model is None:
            width = 0
        if width and model < cut:
            self._edit(model, width, True)
        if cut_width:
            self._edit(cut, cut_width, False)
        if width and model >= cut:
            self._edit(model, width, True)
        return 0

    cdef int _edit(self, Py_ssize_t at, Py_ssize_t cut, bint put) except -1:
        cdef Edit *grown
        if self._edit_count == self._edit_room:
            grown = <Edit *>PyMem_Realloc(self._edits, (self._edit_room * 2 + 16) * sizeof(Edit))
            if grown == NULL:
                raise MemoryError()
            self._edits = grown
            self._edit_room = self._edit_room * 2 + 16
        self._edits[self._edit_count] = Edit(at, cut, put)
        self._edit_count += 1
        return 0

    cdef bytes _emit(self, bytes text, Py_ssize_t start, Py_ssize_t end):
        # text[start:end] with the edits, which are in order and do not overlap.
        cdef const char *s = PyBytes_AS_STRING(text)
        cdef Py_ssize_t i, size = end - start, width = 0 if self._model is None else PyBytes_GET_SIZE(self._model)
        cdef bytes out
        cdef char *to
        if self._edit_count == 0:
            return text if size == PyBytes_GET_SIZE(text) else text[start:end]
        for i in range(self._edit_count):
            size += (width if self._edits[i].put else 0) - self._edits[i].cut
        out = PyBytes_FromStringAndSize(NULL, size)
        to = PyBytes_AS_STRING(out)
        for i in range(self._edit_count):
            memcpy(to, s + start, self._edits[i].at - start)
            to += self._edits[i].at - start
            start = self._edits[i].at + self._edits[i].cut
            if self._edits[i].put:
                memcpy(to, PyBytes_AS_STRING(self._model), width)
                to += width
        memcpy(to, s + start, end - start)
        return out


cdef str _text(const uint8_t *s, const json_member *member):
    cdef str text = s[member.start + 1:member.end - 1].decode()
    if member.value_escaped:
        text = scanstring(text + '"', 0)[0].encode("utf-8", "replace").decode()
    return text


cpdef bytes encode_event(bytes payload):
    """An event that carries `payload`. ValueError if that holds a line end, which would begin a line of the framing."""
    cdef const char *s
    if payload is None:
        raise TypeError("payload must be bytes")
    s = PyBytes_AS_STRING(payload)
    if memchr(s, c"\n", len(payload)) != NULL or memchr(s, c"\r", len(payload)) != NULL:
        raise ValueError("the payload of an event must stand in one line")
    return b"data: " + payload + b"\n\n"
