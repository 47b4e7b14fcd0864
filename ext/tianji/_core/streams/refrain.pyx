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
from libc.string cimport memcmp, memcpy

from tianji._core.streams.sse cimport sse_unit

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
    const uint8_t *refrain_text(
        const uint8_t *p, const uint8_t *end, const refrain_piece *piece, int count, refrain_event *event,
        Py_ssize_t *characters) noexcept

cdef object ENCODE = msgspec.json.Encoder().encode
cdef object DECODE = msgspec.json.Decoder(str).decode
cdef bytes NUMBER = b'"sequence_number":'


cdef Py_ssize_t digits_end(bytes text, Py_ssize_t at) noexcept:
    # Behind the digits that stand there.
    cdef const char *s = PyBytes_AS_STRING(text)
    while c"0" <= s[at] <= c"9":
        at += 1
    return at


cdef inline int digits_of(long long number) noexcept:
    # How many it has, for a number above 0.
    cdef int count = 0
    while number > 0:
        count += 1
        number //= 10
    return count


cdef inline char *put(char *to, bytes piece) noexcept:
    memcpy(to, PyBytes_AS_STRING(piece), PyBytes_GET_SIZE(piece))
    return to + PyBytes_GET_SIZE(piece)


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
        self.opening = None
        if max(told.find(b"\n\n"), told.find(b"\r\n\r\n")) != end or told.count(written) != 1:
            return False
        for name in self.named:
            if payload.count(name + written) == 1:
                at = payload.index(name + written) + len(name)
                if not self.before.cut(payload[:at]) or not self.after.cut(payload[at + len(written):]):
                    return False
                self.verbatim = told.find(payload) >= 0  # `in` is slow with bytes
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
                elif self.tail.find(NUMBER) >= 0:
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

    cdef int framed(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit) except -1:
        # Take note of the frame of the event that was learnt from, if it was.
        self.opening = None
        if self.known and unit.data_lines == 1 and not unit.error and s[unit.end - 1] == c"\n":
            self.opening, self.closing = s[at:unit.payload], s[unit.payload_end:unit.end]
            self.through = self.verbatim and self.head == self.opening and self.tail == self.closing
        return 0

    cdef bytes repeat(self, const uint8_t *start, const uint8_t *end):
        # What the client is to be told of the event whose data is start[:end]; None if that has to be read.
        cdef refrain_event event
        return self.tell(&event, 1) if self.note(start, end, &event) else None

    cdef bint note(self, const uint8_t *start, const uint8_t *end, refrain_event *event) except -1:
        # Whether the event whose data is start[:end] is like the one that was learnt; it is to be told of then.
        cdef const uint8_t *after
        cdef const uint8_t *whole
        cdef Py_ssize_t characters
        if not self.known:
            return False
        after = refrain_text(start, end, self.before.pieces, self.before.count, event, &characters)
        if after is NULL:
            return False
        if self.after.match(after, end) != end:
            whole = <const uint8_t *>PyBytes_AS_STRING(self.after.whole)
            if not refrain_alike(after, end, whole, whole + PyBytes_GET_SIZE(self.after.whole)):
                return False
        event.data_end = end
        self.passed += characters
        self.repeated += 1
        self.used = True
        return True

    cdef Py_ssize_t skim(self, const uint8_t *s, Py_ssize_t at, Py_ssize_t size, list out) except -1:
        # Tell of the events from s[at] on that are like the one that was learnt, frame and all; where the rest begins.
        cdef refrain_event[REFRAIN_EVENTS] events
        cdef Py_ssize_t count = 0, begin = at
        cdef const uint8_t *p
        if not self.known or self.opening is None:
            return at
        while at < size:
            p = self.alike(s + at, s + size, &events[count])
            if p is NULL:
                break
            at = p - s
            count += 1
            if count == REFRAIN_EVENTS:
                self.keep(events, count) if self.through else out.append(self.tell(events, count))
                count = 0
        if count:
            self.keep(events, count) if self.through else out.append(self.tell(events, count))
        if self.through and at > begin:
            out.append(s[begin:at])
        return at

    cdef const uint8_t *alike(self, const uint8_t *at, const uint8_t *end, refrain_event *event) noexcept:
        # Behind the event that begins there if it is like the one that was learnt; else NULL.
        cdef Py_ssize_t opening = PyBytes_GET_SIZE(self.opening), closing = PyBytes_GET_SIZE(self.closing)
        cdef Py_ssize_t characters
        if end - at < opening or memcmp(at, PyBytes_AS_STRING(self.opening), opening) != 0:
            return NULL
        at = refrain_text(at + opening, end, self.before.pieces, self.before.count, event, &characters)
        if at is NULL:
            return NULL
        at = self.after.match(at, end)
        if at is NULL or end - at < closing or memcmp(at, PyBytes_AS_STRING(self.closing), closing) != 0:
            return NULL
        event.data_end = at
        self.passed += characters
        self.repeated += 1
        self.used = True
        return at + closing

    cdef int keep(self, refrain_event *events, Py_ssize_t count) except -1:
        # Keep what has to be known later of events that are told of now.
        cdef refrain_event *last = &events[count - 1]
        cdef Py_ssize_t i, size = 0
        cdef bytes texts
        cdef char *to
        if self.keeps_texts:
            for i in range(count):
                size += events[i].text_end - events[i].text
            texts = PyBytes_FromStringAndSize(NULL, size)
            to = PyBytes_AS_STRING(texts)
            for i in range(count):
                size = events[i].text_end - events[i].text
                memcpy(to, events[i].text, size)
                to += size
            self.texts.append(texts)
        if self.keeps_last:
            self.last = last.data[:last.data_end - last.data]
            self.last_text, self.last_after = last.text - last.data, last.text_end - last.data
        return 0

    cdef bytes tell(self, refrain_event *events, Py_ssize_t count):
        # What the client is told of events: what stands around each text, or around each event as it came.
        cdef Py_ssize_t i, size = count * (PyBytes_GET_SIZE(self.head) + PyBytes_GET_SIZE(self.tail))
        cdef const uint8_t *from_
        cdef const uint8_t *end
        cdef bytes told
        cdef char *to
        self.keep(events, count)
        for i in range(count):
            if self.numbered is not None:
                size += digits_of(self.number + 1 + i) + PyBytes_GET_SIZE(self.numbered)
            if self.verbatim:
                size += events[i].data_end - events[i].data
            else:
                size += events[i].text_end - events[i].text + 2
        told = PyBytes_FromStringAndSize(NULL, size)
        to = PyBytes_AS_STRING(told)
        for i in range(count):
            to = put(to, self.head)
            if self.numbered is not None:
                to = self.put_number(to)
            if self.verbatim:
                from_, end = events[i].data, events[i].data_end
            else:  # with its quotes
                from_, end = events[i].text - 1, events[i].text_end + 1
            memcpy(to, from_, end - from_)
            to = put(to + (end - from_), self.tail)
        return told

    cdef char *put_number(self, char *to) noexcept:
        # The number of the next event, and what stands behind it.
        cdef int count, i
        cdef long long left
        self.number += 1
        left, count = self.number, digits_of(self.number)
        for i in range(count):
            to[count - 1 - i] = <char>(c"0" + left % 10)
            left //= 10
        return put(to + count, self.numbered)
