"""What a translated stream repeats with each piece of its text."""

from libc.stdint cimport uint8_t

from tianji._core.streams.sse cimport sse_unit

cdef extern from "refrain.h":
    ctypedef struct refrain_piece:
        const char *text
        Py_ssize_t size
        int then
    ctypedef struct refrain_event:
        const uint8_t *data
        const uint8_t *data_end
        const uint8_t *text
        const uint8_t *text_end
    enum:
        REFRAIN_PIECES

cdef enum:
    REFRAIN_EVENTS = 64              # that are told of together


cdef class Side:
    cdef bytes whole                 # as it was in the event that was learnt from
    cdef refrain_piece[REFRAIN_PIECES] pieces
    cdef int count

    cdef bint cut(self, bytes whole) except -1
    cdef const uint8_t *match(self, const uint8_t *start, const uint8_t *end) noexcept


cdef class Refrain:
    cdef bytes member                # in which the upstream writes a piece of text
    cdef tuple named                 # that name as events have it, with its quotes and its colon
    cdef bint known                  # whether there is something to repeat
    cdef Side before                 # what stands around the text in an event of the upstream
    cdef Side after
    cdef bytes head                  # the same in what the client is told, or what stands before a number of the event
    cdef bytes numbered              # what stands between that number and the text; None: events have none
    cdef bytes tail
    cdef bint verbatim               # they stand around the event as it came
    cdef bytes opening               # what frames the event's data; None: that is not known
    cdef bytes closing
    cdef bint through                # what the client is told of an event is that event with its frame
    cdef long long number            # of the last event
    cdef bint used                   # since it was learnt
    cdef bint keeps_texts
    cdef bint keeps_last
    cdef list texts                  # that were repeated, as they stand in JSON
    cdef bytes last                  # event that was
    cdef Py_ssize_t last_text        # where its text begins and ends
    cdef Py_ssize_t last_after
    cdef readonly int fruitless      # how often it was learnt and never used
    cdef readonly long long repeated  # events, since the last that was read
    cdef readonly long long passed   # characters of text in them

    cpdef bint learn(self, bytes payload, str text, bytes told)
    cdef bint learn_as_it_stands(self, bytes payload, bytes told) except -1
    cdef bint learn_around(self, bytes payload, const char *text, const char *text_end, bytes told) except -1
    cdef bint split_number(self) except -1
    cdef bytes run(self)
    cdef int told(self) except -1
    cpdef str taken(self)
    cdef int framed(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit) except -1
    cdef bytes repeat(self, const uint8_t *start, const uint8_t *end)
    cdef bint note(self, const uint8_t *start, const uint8_t *end, refrain_event *event) except -1
    cdef Py_ssize_t skim(self, const uint8_t *s, Py_ssize_t at, Py_ssize_t size, list out) except -1
    cdef const uint8_t *alike(self, const uint8_t *at, const uint8_t *end, refrain_event *event) noexcept
    cdef int keep(self, refrain_event *events, Py_ssize_t count) except -1
    cdef bytes tell(self, refrain_event *events, Py_ssize_t count)
    cdef char *put_number(self, char *to) noexcept
    cdef int rest(self) except -1
    cdef void forget(self) noexcept
