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

cdef extern from "<string.h>":
    void *memmem(const void *hay, size_t size, const void *needle, size_t needle_size) noexcept

cdef extern from "refrain.h":
    const char *refrain_once(const char *p, const char *end, const char *needle, Py_ssize_t size) noexcept
    bint refrain_is_one(const char *p, Py_ssize_t size) noexcept
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


cdef inline const char *found_in(bytes text, bytes wanted) noexcept:
    # Where it stands first; NULL where it does not.
    return <const char *>memmem(
        PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text), PyBytes_AS_STRING(wanted), PyBytes_GET_SIZE(wanted))


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
        cdef bytes name, written = ENCODE(text), named
        cdef const char *start = PyBytes_AS_STRING(payload)
        cdef const char *found
        self.known = False
        for name in self.named:
            named = name + written
            found = refrain_once(
                start, start + PyBytes_GET_SIZE(payload), PyBytes_AS_STRING(named), PyBytes_GET_SIZE(named))
            if found is not NULL:
                return self.learn_around(
                    payload, found + PyBytes_GET_SIZE(name), found + PyBytes_GET_SIZE(named), told)
        return False

    cdef bint learn_as_it_stands(self, bytes payload, bytes told) except -1:
        # The same where it is known that the event is of text alone.
        cdef const char *start = PyBytes_AS_STRING(payload)
        cdef const char *end = start + PyBytes_GET_SIZE(payload)
        cdef const char *found
        cdef const uint8_t *at
        cdef char escaped = 0
        cdef bytes name
        self.known = False
        for name in self.named:
            found = found_in(payload, name)
            if found is NULL or found[PyBytes_GET_SIZE(name)] != c'"':
                continue
            at = <const uint8_t *>found + PyBytes_GET_SIZE(name) + 1
            if json_string(&at, <const uint8_t *>end, &escaped) != JSON_FINE:
                return False
            if refrain_once(found, end, found, <const char *>at + 1 - found) is NULL:
                return False
            return self.learn_around(payload, found + PyBytes_GET_SIZE(name), <const char *>at + 1, told)
        return False

    cdef bint learn_around(self, bytes payload, const char *text, const char *text_end, bytes told) except -1:
        # Learn from an event in which the text stands there, with its quotes.
        cdef const char *start = PyBytes_AS_STRING(payload)
        cdef const char *end = start + PyBytes_GET_SIZE(payload)
        cdef const char *begun = PyBytes_AS_STRING(told)
        cdef const char *done = begun + PyBytes_GET_SIZE(told)
        cdef const char *at
        self.opening = self.numbered = None
        if not refrain_is_one(begun, done - begun):
            return False
        at = refrain_once(begun, done, text, text_end - text)
        if at is NULL or not self.before.cut(start[:text - start]) or not self.after.cut(text_end[:end - text_end]):
            return False
        self.used = False
        self.verbatim = at - begun >= text - start and done - at >= end - text and memcmp(
            at - (text - start), start, end - start) == 0
        if self.verbatim:
            self.known = True
            self.head, self.tail = begun[:at - begun - (text - start)], at[end - text:done - at]
            return True
        self.head, self.tail = begun[:at - begun], at[text_end - text:done - at]
        self.known = self.split_number()
        return self.known

    cdef bint split_number(self) except -1:
        # Cut the head where the number of the event stands in it; False where that stands behind the text.
        cdef bytes whole = self.head
        cdef const char *head = PyBytes_AS_STRING(whole)
        cdef const char *end = head + PyBytes_GET_SIZE(whole)
        cdef const char *at = found_in(whole, NUMBER)
        if at is NULL:
            return found_in(self.tail, NUMBER) is NULL
        at += PyBytes_GET_SIZE(NUMBER)
        self.head, self.number = head[:at - head], 0
        while at < end and c"0" <= at[0] <= c"9":
            self.number = 10 * self.number + at[0] - c"0"
            at += 1
        self.numbered = at[:end - at]
        return True

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
