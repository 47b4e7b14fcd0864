"""Streams whose events go through as they came, in a form that is not OpenAI's chat.

Most events bring a piece of text. One that is like an earlier one but for its text, its numbers and its padding means
what that meant, so it is handed on unread.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcmp

cdef enum:
    TRIES = 16  # times that something is learnt of a stream: one whose events alternate is read


cdef class VerbatimStream(EventStream):
    """Base of such streams. `refrain`: what is known of the events that bring text."""

    cdef bint repeats(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit) except -1:
        """Hand on an event that is like the one that was learnt; False where it has to be read."""
        cdef Py_ssize_t size = unit.end - at
        cdef bytes told
        if unit.data_lines != 1:
            return False
        told = self.refrain.repeat(s + unit.payload, s + unit.payload_end)
        if told is None:
            return False
        self.refrain.rest()
        if PyBytes_GET_SIZE(told) != size or memcmp(PyBytes_AS_STRING(told), s + at, size) != 0:
            told = s[at:unit.end]  # its lines are others
        self.events += 1
        self.out.append(told)
        return True

    cdef int learn(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit, bytes payload) except -1:
        """Learn from an event of text that is handed on as it came."""
        if self.tries < TRIES and unit.data_lines == 1:
            self.tries += 1
            self.refrain.learn_as_it_stands(payload, s[at:unit.end])
            self.refrain.framed(s, at, unit)
        return 0

    cdef Py_ssize_t skim(self, const uint8_t *s, Py_ssize_t at, Py_ssize_t size) except -1:
        at = self.refrain.skim(s, at, size, self.out)
        self.events += self.refrain.repeated
        self.refrain.rest()
        return at
