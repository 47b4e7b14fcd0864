"""What a translated stream repeats with each piece of its text."""

from libc.stdint cimport uint8_t

cdef extern from "refrain.h":
    ctypedef struct refrain_piece:
        const char *text
        Py_ssize_t size
        int then
    enum:
        REFRAIN_PIECES


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
    cdef bint learn_written(self, bytes payload, bytes written, bytes told) except -1
    cdef bytes run(self)
    cdef int told(self) except -1
    cpdef str taken(self)
    cdef bytes repeat(self, const uint8_t *start, const uint8_t *end)
    cdef bytes write(self, const uint8_t *text, Py_ssize_t size)
    cdef int rest(self) except -1
    cdef void forget(self) noexcept
