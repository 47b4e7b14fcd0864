"""What a translated stream repeats with each piece of its text.

Nearly all events of a stream add text and say nothing else, so they differ in one JSON string, and so does what the
client is told of them. Once one was read, the text of those that follow it is copied from the upstream's event into
the client's, with the escapes that it has; where clients get events as they come, it is the event. Numbers of events,
counts of tokens so far and padding differ, too, and make no other event of it. The first event that is not alike is
read again.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

import msgspec

cdef extern from "json_scan.h":
    enum:
        JSON_FINE
    int json_string(const uint8_t **at, const uint8_t *end, char *escaped) noexcept

cdef extern from "refrain.h":
    int refrain_cut(refrain_piece *piece, const char *p, const char *end) noexcept
    const uint8_t *refrain_match(
        const uint8_t *p, const uint8_t *end, const refrain_piece *piece, int count) noexcept
    bint refrain_alike(const uint8_t *p, const uint8_t *end, const uint8_t *q, const uint8_t *q_end) noexcept
    Py_ssize_t refrain_characters(const uint8_t *p, const uint8_t *end) noexcept

cdef enum:
    DIGITS = 20

cdef object ENCODE = msgspec.json.Encoder().encode
cdef object DECODE = msgspec.json.Decoder(str).decode
cdef bytes NUMBER = b'"sequence_number":'


cdef Py_ssize_t digits_end(bytes text, Py_ssize_t at) noexcept:
    # Behind the digits that stand there.
    cdef const char *s = PyBytes_AS_STRING(text)
    while c"0" <= s[at] <= c"9":
        at += 1
    return at


@cython.final
cdef class Side:
    """One side of the text in an event."""

    cdef bint cut(self, bytes whole) except -1:
        # Cut it where it may differ; False where it could differ in too many places.
        cdef const char *text = PyBytes_AS_STRING(whole)
        self.whole = whole
        self.count = refrain_cut(self.pieces, text, text + PyBytes_GET_SIZE(whole))
        return self.count > 0

    cdef const uint8_t *match(self, const uint8_t *start, const uint8_t *end) noexcept:
        # Behind it in start[:end], NULL where something else stands there.
        return refrain_match(start, end, self.pieces, self.count)


@cython.final
cdef class Refrain:
    """What is known of one stream.

    member: the name of the member in which its upstream writes a piece of text. keeps_texts, keeps_last: whether
    `taken` returns the texts that were repeated, and `last` the event that was the last of them.
    """

    def __init__(self, str member not None, bint keeps_texts=False, bint keeps_last=False):
        self.member = member.encode()
        self.named = (b'"%b":' % self.member, b'"%b": ' % self.member)
        self.before, self.after = Side(), Side()
        self.keeps_texts, self.keeps_last = keeps_texts, keeps_last
        self.texts = []

    cpdef bint learn(self, bytes payload, str text, bytes told):
        """Learn from an event and what the client was told of it, both of `text` alone; whether there was something to.

        payload: the event's data.
        """
        return self.learn_written(payload, ENCODE(text), told)

    cdef bint learn_as_it_stands(self, bytes payload, bytes told) except -1:
        # The same where it is known that the event is of text alone.
        cdef const uint8_t *start = <const uint8_t *>PyBytes_AS_STRING(payload)
        cdef const uint8_t *end = start + PyBytes_GET_SIZE(payload)
        cdef const uint8_t *at
        cdef char escaped = 0
        cdef Py_ssize_t found
        cdef bytes name
        self.known = False
        for name in self.named:
            found = payload.find(name)
            if found < 0 or payload[found + len(name)] != c'"':
                continue
            at = start + found + len(name) + 1
            if json_string(&at, end, &escaped) != JSON_FINE:
                return False
            return self.learn_written(payload, payload[found + len(name):at + 1 - start], told)
        return False

    cdef bint learn_written(self, bytes payload, bytes written, bytes told) except -1:
        # Learn from an event in which the text is written so, with its quotes.
        cdef Py_ssize_t at, end = len(told) - (4 if told.endswith(b"\r\n\r\n") else 2)
        cdef bytes name
        self.known = False
        if max(told.find(b"\n\n"), told.find(b"\r\n\r\n")) != end or told.count(written) != 1:
            return False
        for name in self.named:
            if payload.count(name + written) == 1:
                at = payload.index(name + written) + len(name)
                if not self.before.cut(payload[:at]) or not self.after.cut(payload[at + len(written):]):
                    return False
                self.verbatim = payload in told
                self.head, _, self.tail = told.partition(payload if self.verbatim else written)
                self.numbered = None
                if self.verbatim:
                    self.known, self.used = True, False
                    return True
                at = self.head.find(NUMBER) + len(NUMBER)
                if at >= len(NUMBER):
                    end = digits_end(self.head, at)
                    self.number = int(self.head[at:end])
                    self.numbered, self.head = self.head[end:], self.head[:at]
                elif NUMBER in self.tail:
                    return False
                self.known, self.used = True, False
                return True
        return False

    cdef bytes run(self):
        # What was repeated since something was read, as a JSON object.
        cdef list said = [b'{"events":%d,"characters":%d' % (self.repeated, self.passed)]
        if self.keeps_texts:
            said += [b",", self.named[0], b'"', *self.texts, b'"']
        if self.keeps_last:
            said += [b',"last":', self.last[:self.last_text], self.last[self.last_after:]]
        return b"".join((*said, b"}"))

    cdef int told(self) except -1:
        # Of what was repeated everybody knows.
        self.texts.clear()
        return self.rest()

    cpdef str taken(self):
        """Return the text that was repeated since this was asked, or since something was read."""
        cdef str text = "" if not self.texts else DECODE(b'"%b"' % b"".join(self.texts))
        self.texts.clear()
        return text

    cdef void forget(self) noexcept:
        if self.known:
            self.known = False
            self.fruitless += not self.used

    cdef int rest(self) except -1:
        # All that was repeated was told.
        self.repeated = self.passed = 0
        self.last = None
        return 0

    cdef bytes repeat(self, const uint8_t *start, const uint8_t *end):
        # What the client is to be told of the event whose data is start[:end]; None if that has to be read.
        cdef const uint8_t *text
        cdef const uint8_t *after
        cdef const uint8_t *behind
        cdef const uint8_t *whole
        cdef char escaped = 0
        cdef Py_ssize_t characters
        if not self.known:
            return None
        text = self.before.match(start, end)
        if text is NULL or text == end or text[0] != c'"':
            return None
        text += 1
        after = text
        if json_string(&after, end, &escaped) != JSON_FINE or after == text:
            return None
        characters = refrain_characters(text, after)
        if characters < 0:
            return None
        behind = self.after.match(after + 1, end)
        if behind != end:
            whole = <const uint8_t *>PyBytes_AS_STRING(self.after.whole)
            if not refrain_alike(after + 1, end, whole, whole + PyBytes_GET_SIZE(self.after.whole)):
                return None
        if self.keeps_texts:
            self.texts.append(text[:after - text])
        if self.keeps_last:
            self.last, self.last_text, self.last_after = start[:end - start], text - start, after - start
        self.passed += characters
        self.repeated += 1
        self.used = True
        return self.write(start, end - start) if self.verbatim else self.write(text - 1, after - text + 2)

    cdef bytes write(self, const uint8_t *text, Py_ssize_t size):
        # What the client is told of a text, which stands there with its quotes, or of all that stands there.
        cdef Py_ssize_t head = PyBytes_GET_SIZE(self.head), tail = PyBytes_GET_SIZE(self.tail)
        cdef Py_ssize_t between = 0, from_ = DIGITS
        cdef char[DIGITS] digits
        cdef long long number
        cdef bytes told
        cdef char *to
        if self.numbered is not None:
            self.number += 1
            number = self.number
            between = PyBytes_GET_SIZE(self.numbered)
            while number > 0:
                from_ -= 1
                digits[from_] = <char>(c"0" + number % 10)
                number //= 10
        told = PyBytes_FromStringAndSize(NULL, head + DIGITS - from_ + between + size + tail)
        to = PyBytes_AS_STRING(told)
        memcpy(to, PyBytes_AS_STRING(self.head), head)
        to += head
        if self.numbered is not None:
            memcpy(to, digits + from_, DIGITS - from_)
            to += DIGITS - from_
            memcpy(to, PyBytes_AS_STRING(self.numbered), between)
            to += between
        memcpy(to, text, size)
        memcpy(to + size, PyBytes_AS_STRING(self.tail), tail)
        return told
