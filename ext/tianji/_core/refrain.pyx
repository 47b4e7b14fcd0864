"""What a translated stream repeats with each piece of its text.

Nearly all events of a stream add text and say nothing else, so they differ in one JSON string, and so does what the
client is told of them. Once one was read, the text of those that follow it is copied from the upstream's event into the
client's, with the escapes that it has. The first event that is not alike is read again.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.string cimport memcmp, memcpy

import msgspec

cdef extern from "json_scan.h":
    enum:
        JSON_FINE
    int json_string(const uint8_t **at, const uint8_t *end, char *escaped) noexcept

cdef extern from "refrain.h":
    bint refrain_alike(const uint8_t *p, const uint8_t *end, const uint8_t *q, const uint8_t *q_end) noexcept
    Py_ssize_t refrain_characters(const uint8_t *p, const uint8_t *end) noexcept

cdef object ENCODE = msgspec.json.Encoder().encode


@cython.final
cdef class Refrain:
    """What is known of one stream. `member`: the name of the member in which its upstream writes a piece of text."""

    def __init__(self, str member not None):
        self.member = member.encode()

    cpdef bint learn(self, bytes payload, str text, bytes told):
        """Learn from an event and what the client was told of it, both of `text` alone; whether there was something to.

        payload: the event's data.
        """
        cdef bytes written = ENCODE(text), name
        cdef Py_ssize_t at
        self.before = None
        if told.find(b"\n\n") != len(told) - 2 or told.count(written) != 1:
            return False
        for colon in (b'":', b'": '):
            name = b'"' + self.member + colon
            if payload.count(name + written) == 1:
                at = payload.index(name + written) + len(name)
                self.before, self.after = payload[:at], payload[at + len(written):]
                self.head, _, self.tail = told.partition(written)
                self.used = False
                return True
        return False

    cdef void forget(self) noexcept:
        if self.before is not None:
            self.before = None
            self.fruitless += not self.used

    cdef bytes repeat(self, const uint8_t *start, const uint8_t *end):
        # What the client is to be told of the event whose data is start[:end]; None if that has to be read.
        cdef const uint8_t *text
        cdef const uint8_t *after
        cdef char escaped = 0
        cdef Py_ssize_t before, head, tail, size, characters
        cdef bytes told
        cdef char *to
        if self.before is None:
            return None
        before = PyBytes_GET_SIZE(self.before)
        if end - start <= before or memcmp(start, PyBytes_AS_STRING(self.before), before) != 0 or start[before] != c'"':
            return None
        text = after = start + before + 1
        if json_string(&after, end, &escaped) != JSON_FINE or after == text:
            return None
        characters = refrain_characters(text, after)
        if characters < 0:
            return None
        size = after - text + 2
        if not refrain_alike(
            after + 1, end,
            <const uint8_t *>PyBytes_AS_STRING(self.after),
            <const uint8_t *>PyBytes_AS_STRING(self.after) + PyBytes_GET_SIZE(self.after),
        ):
            return None
        head, tail = PyBytes_GET_SIZE(self.head), PyBytes_GET_SIZE(self.tail)
        told = PyBytes_FromStringAndSize(NULL, head + size + tail)
        to = PyBytes_AS_STRING(told)
        memcpy(to, PyBytes_AS_STRING(self.head), head)
        memcpy(to + head, text - 1, size)
        memcpy(to + head + size, PyBytes_AS_STRING(self.tail), tail)
        self.passed += characters
        self.used = True
        return told
