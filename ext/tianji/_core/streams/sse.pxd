"""Event streams: framing, scanning for usage and errors, model rewrite."""

from libc.stdint cimport uint8_t

from tianji._core.bodies.spans cimport json_fault, json_member, json_tape
from tianji._core.streams.stream cimport AnswerStream


cdef extern from "sse_events.h":
    enum:
        SHAPE_BYTES
        SHAPE_DEPTH

    ctypedef struct sse_unit:
        Py_ssize_t end
        Py_ssize_t payload
        Py_ssize_t payload_end
        Py_ssize_t data_lines
        Py_ssize_t name
        Py_ssize_t name_end
        bint error

    ctypedef struct sse_shape:
        Py_ssize_t size
        Py_ssize_t model
        Py_ssize_t model_end
        Py_ssize_t cut
        Py_ssize_t cut_end

    bint sse_read_unit(const uint8_t *s, Py_ssize_t at, Py_ssize_t size, sse_unit *unit) noexcept
    bint sse_worth_reading(const uint8_t *s, Py_ssize_t size, Py_ssize_t old) noexcept
    Py_ssize_t sse_join(const uint8_t *s, Py_ssize_t at, Py_ssize_t unit_end, char *out) noexcept
    Py_ssize_t sse_unjoin(const uint8_t *s, Py_ssize_t at, Py_ssize_t unit_end, Py_ssize_t joined) noexcept
    void sse_learn(
        sse_shape *shape, const uint8_t *s, Py_ssize_t at, Py_ssize_t unit_end, const json_tape *tape, Py_ssize_t cut
    ) noexcept
    const uint8_t *sse_match(
        sse_shape *shape, const uint8_t *p, const uint8_t *end, const uint8_t **model, const uint8_t **cut
    ) noexcept
    void sse_extent(
        const uint8_t *s, const json_tape *tape, const json_member *m, Py_ssize_t *start, Py_ssize_t *to
    ) noexcept

cdef struct Edit:
    Py_ssize_t at
    Py_ssize_t cut   # bytes taken out at `at`
    bint put         # the model's name goes in their place


cdef struct Finding:
    # What one payload turned out to be.
    bint error
    bint usage
    bint no_choices
    Py_ssize_t no_usage  # the number of the member that says so; -1: there is none
    Py_ssize_t model
    Py_ssize_t model_end
    Py_ssize_t models


cdef class ChatStream(AnswerStream):
    cdef readonly str first_model    # the first non-empty `model` of the upstream
    cdef bytes _model
    cdef bint _hide_usage
    cdef Py_ssize_t _max_event
    cdef bint _begun                 # past the place of a byte order mark
    cdef bytearray _held             # an incomplete unit, None if there is none
    cdef Edit *_edits
    cdef Py_ssize_t _edit_count
    cdef Py_ssize_t _edit_room
    cdef json_tape _tape
    cdef sse_shape _shape

    cdef object _too_long(self)
    cdef bint _read_usage(self, bytes payload) except -1
    cdef bytes _pass_on(self, bytes text)
    cdef Py_ssize_t _consume(self, const uint8_t *s, Py_ssize_t at, Py_ssize_t size) except -1
    cdef int _fail(self, bytes error) except -1
    cdef bint _judge(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit) except -1
    cdef int _judge_object(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit, bytes joined) except -1
    cdef int _look(self, const uint8_t *s, Finding *found) except -1
    cdef bint _is_model(self, const uint8_t *found, Py_ssize_t width) noexcept
    cdef int _edit_both(
        self, Py_ssize_t model, Py_ssize_t width, Py_ssize_t cut, Py_ssize_t cut_width
    ) except -1
    cdef int _edit(self, Py_ssize_t at, Py_ssize_t cut, bint put) except -1
    cdef bytes _emit(self, bytes text, Py_ssize_t start, Py_ssize_t end)


cpdef bytes encode_event(bytes payload)
