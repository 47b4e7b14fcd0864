"""Bodies of one shape: what was made of one is made of the next by putting its texts in.

Most requests differ from others in what is said alone: the members, the values and the roles are the same. So are
answers, in their texts, their ids and their counts of tokens. What a translation makes of such a body is remembered
with holes, and the next one is filled in without being read. A text is copied with the escapes that it has.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp

from tianji._core.bodies.templates cimport (
    Template, frame_answer, frame_digest, frame_form, frame_hole, frame_holes, frame_name, frame_request,
)

from os import urandom

cdef extern from "http_write.h":
    bytes http_numbered(const char* head, Py_ssize_t head_size, Py_ssize_t number, Py_ssize_t room)

cdef extern from "frame_follow.h":
    const uint8_t *frame_follow(
        frame_holes *holes, const uint8_t *s, Py_ssize_t at, Py_ssize_t size, const char *shape, Py_ssize_t shape_size,
        const frame_stop *stop, Py_ssize_t stops) noexcept

cdef enum:
    SEEN = 512            # shapes of which it is known that they were there
    LONGEST = 96 << 10    # bytes of a shape
    ALL = 1 << 20         # bytes of all of them
    JOINED = 16 * 1024    # bytes; up to here copying a body behind its head is cheaper than a second buffer


cdef class Form:
    """Where bodies of a kind have their holes."""

    cdef bint find(self, frame_holes *holes, const uint8_t *s, Py_ssize_t size) noexcept:
        return False


cdef inline void set_name(frame_name *name, bytes text) noexcept:
    name.text = NULL if text is None else PyBytes_AS_STRING(text)
    name.size = -1 if text is None else PyBytes_GET_SIZE(text)


@cython.final
cdef class RequestForm(Form):
    """Requests have holes for what is said in their messages.

    turns: the member with the messages; content: theirs with what they say, a text or an array of objects with `text`.
    alone: up to two members that stand beside the messages and are such content; with alone_turns they are messages,
    and no message needs a role. What tools say is read.
    """

    cdef frame_form form
    cdef tuple names

    def __init__(self, bytes turns not None, bytes content not None, tuple alone=(), bint alone_turns=False):
        cdef int i
        self.names = (turns, content, *alone)
        set_name(&self.form.turns, turns)
        set_name(&self.form.content, content)
        for i in range(2):
            set_name(&self.form.alone[i], alone[i] if i < len(alone) else None)
        self.form.alone_turns = alone_turns

    cdef bint find(self, frame_holes *holes, const uint8_t *s, Py_ssize_t size) noexcept:
        return frame_request(holes, s, size, &self.form)


@cython.final
cdef class AnswerForm(Form):
    """Answers have holes for ids, for counts, and for the strings of up to four members, `texts`."""

    cdef frame_name[4] names
    cdef tuple texts

    def __init__(self, *texts):
        cdef int i
        self.texts = texts
        for i in range(4):
            set_name(&self.names[i], texts[i] if i < len(texts) else None)

    cdef bint find(self, frame_holes *holes, const uint8_t *s, Py_ssize_t size) noexcept:
        return frame_answer(holes, s, size, self.names, 4)


@cython.final
cdef class Sighting(Holed):
    """One body and its holes."""

    cpdef object request(self, Template output, bytes begun):
        """What goes out of a request whose body is this output, without numbers: bytes, or a list of them.

        begun: its head up to the length of the body.
        """
        cdef Py_ssize_t size = self.room(output, b"")
        cdef bytes out
        if size > JOINED:
            return [
                http_numbered(PyBytes_AS_STRING(begun), PyBytes_GET_SIZE(begun), size, 0), self.fill(output, 0)
            ]
        out = http_numbered(PyBytes_AS_STRING(begun), PyBytes_GET_SIZE(begun), size, size)
        self.write(output, 0, b"", PyBytes_AS_STRING(out) + PyBytes_GET_SIZE(out) - size)
        return out


@cython.final
cdef class Frame:
    """What is remembered of a shape."""

    def __dealloc__(self):
        PyMem_Free(self.stops)

    cdef bint fits(
        self, const char *text, Py_ssize_t at, Py_ssize_t end, const frame_hole *holes, Py_ssize_t count,
    ) noexcept:
        # Whether the shape is that of text[at:end].
        cdef const char *shape = PyBytes_AS_STRING(self.shape)
        cdef const char *shape_end = shape + PyBytes_GET_SIZE(self.shape)
        cdef Py_ssize_t i, piece
        for i in range(count):
            piece = holes[i].start - at
            # NUL stands in no JSON, so it tells where a hole is
            if shape_end - shape <= piece or memcmp(text + at, shape, piece) != 0 or shape[piece] != c"\0":
                return False
            shape += piece + 1
            at = holes[i].end
        return shape_end - shape == end - at and memcmp(text + at, shape, end - at) == 0

    cdef int cut(self, Py_ssize_t at, const frame_hole *holes, Py_ssize_t count) except -1:
        # Note where the shape has its holes: these, in a text that begins at `at`.
        cdef Py_ssize_t i
        self.stops = <frame_stop *>PyMem_Malloc((count + 1) * sizeof(frame_stop))
        if self.stops is NULL:
            raise MemoryError()
        for i in range(count):
            self.stops[i].size, self.stops[i].number = holes[i].start - at, min(holes[i].number, 0)
            at = holes[i].end
        self.stop_count = count
        return 0

    cdef Py_ssize_t find(self, frame_holes *holes, const uint8_t *s, Py_ssize_t at, Py_ssize_t size) noexcept:
        # Find the holes of what begins at s[at], if it has this shape, which was cut: where it ends, else -1.
        cdef Py_ssize_t count = holes.count
        cdef int numbers = holes.numbers
        cdef const uint8_t *end = NULL
        if self.stops is not NULL:
            end = frame_follow(
                holes, s, at, size, PyBytes_AS_STRING(self.shape), PyBytes_GET_SIZE(self.shape), self.stops,
                self.stop_count)
        if end is NULL:
            holes.count, holes.numbers = count, numbers
            return -1
        return end - s


cdef uint64_t digest_of(
    uint64_t seed, const char *text, Py_ssize_t at, Py_ssize_t end, const frame_hole *holes, Py_ssize_t count,
) noexcept:
    # A digest of what stands around the holes in text[at:end].
    cdef const uint8_t *s = <const uint8_t *>text
    cdef Py_ssize_t i
    for i in range(count):
        seed = frame_digest(seed, s + at, holes[i].start - at)
        at = holes[i].end
    return frame_digest(seed, s + at, end - at)


@cython.final
cdef class Frames:
    """The shapes that one worker remembers, of any forms: the last that were asked for, `most` of them."""

    def __cinit__(self, Py_ssize_t most=64):
        self.seed = int.from_bytes(urandom(8), "little")
        self.most = most
        self.found = {}
        self.ring = []

    def __len__(self):
        return len(self.ring)

    cpdef Sighting look(self, Form form, bytes body, tuple key):
        """Look at a body of a form; None where none like it can be remembered.

        key: what else decides what is made of it; shapes under different keys have nothing to do with each other.
        """
        cdef Sighting sighting = Sighting.__new__(Sighting)
        cdef frame_hole *holes
        cdef Frame found
        cdef Py_ssize_t i
        sighting.body = body
        sighting.text, sighting.size = PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body)
        sighting.key = key
        if not form.find(&sighting.holes, <const uint8_t *>sighting.text, sighting.size) or sighting.holes.count == 0:
            return None
        holes = sighting.holes.items
        sighting.around = sighting.size
        for i in range(sighting.holes.count):
            sighting.around -= holes[i].end - holes[i].start
        if sighting.around > LONGEST:
            return None
        sighting.digest = digest_of(
            self.seed ^ <uint64_t>hash(key), sighting.text, 0, sighting.size, holes, sighting.holes.count)
        found = self.at(sighting.digest)
        if found is not None and found.key == key and found.fits(
                sighting.text, 0, sighting.size, holes, sighting.holes.count):
            sighting.frame = found
            found.used = True
            return sighting
        sighting.again = self.again(sighting.digest)
        return sighting

    cdef Frame at(self, uint64_t digest):
        # What is remembered under a digest; the shape may be another one's.
        return self.found.get(digest)

    cdef bint again(self, uint64_t digest) noexcept:
        # Whether a shape was seen before; now it was.
        cdef Py_ssize_t i = 2 * <Py_ssize_t>(digest % (SEEN // 2))
        if self.seen[i] == digest or self.seen[i + 1] == digest:
            return True
        self.seen[i + 1] = self.seen[i]  # of two places, so that two that come by turns do not put each other out
        self.seen[i] = digest
        return False

    def keep(self, Sighting sighting not None, object value, tuple outputs not None):
        """Remember what is made of the shape of a body: the outputs, each a Template, and whatever else belongs to it.

        value: None for a shape that has to be read every time.
        """
        cdef Frame frame = Frame.__new__(Frame)
        frame.key = sighting.key
        frame.value = value
        frame.digest = sighting.digest
        frame.shape = b"\0".join(sighting.parts()[0])
        frame.outputs = outputs
        self.put(frame)
        return frame

    cdef int put(self, Frame frame) except -1:
        while self.ring and (len(self.ring) >= self.most or self.held + len(frame.shape) > ALL):
            self.drop()
        old = self.found.get(frame.digest)
        if old is not None:
            self.ring.remove(old)
            self.forget(old)
        self.found[frame.digest] = frame
        frame.kept = True
        self.ring.append(frame)
        self.held += len(frame.shape)
        return 0

    cdef int drop(self) except -1:
        # Forget a shape that was not asked for since the hand was there last.
        cdef Frame frame
        while True:
            if self.hand >= len(self.ring):
                self.hand = 0
            frame = self.ring[self.hand]
            if frame.used:
                frame.used = False
                self.hand += 1
                continue
            del self.ring[self.hand]
            del self.found[frame.digest]
            return self.forget(frame)

    cdef int forget(self, Frame frame) except -1:
        cdef Frame before = frame.key if isinstance(frame.key, Frame) else None
        frame.kept, frame.next = False, None
        if before is not None and before.next is frame:
            before.next = None
        self.held -= len(frame.shape)
        return 0
