"""What a translated stream repeats with each piece of its text."""

from libc.stdint cimport uint8_t


cdef class Refrain:
    cdef bytes member                # in which the upstream writes a piece of text
    cdef bytes before                # the text in an event of the upstream; None: nothing is known
    cdef bytes after
    cdef bytes head                  # the same in what the client is told
    cdef bytes tail
    cdef bint used                   # since it was learnt
    cdef readonly int fruitless      # how often it was learnt and never used
    cdef public long long passed   # characters of text that were repeated

    cpdef bint learn(self, bytes payload, str text, bytes told)
    cdef bytes repeat(self, const uint8_t *start, const uint8_t *end)
    cdef void forget(self) noexcept
