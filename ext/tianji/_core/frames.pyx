"""Bodies of one shape: what was made of one is made of the next by putting its texts in.

Most requests differ from others in what is said alone: the members, the values and the roles are the same. So are
answers, in their texts, their ids and their counts of tokens. What a translation makes of such a body is remembered
with holes, and the next one is filled in without being read. A text is copied with the escapes that it has.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp, memcpy

from os import urandom

cdef extern from "http_write.h":
    bytes http_numbered(const char* head, Py_ssize_t head_size, Py_ssize_t number, Py_ssize_t room)

cdef enum:
    MANY = 64             # shapes that are remembered
    SEEN = 512            # shapes of which it is known that they were there
    LONGEST = 96 << 10    # bytes of a shape
    ALL = 1 << 20         # bytes of all of them
    FIGURE = 20           # bytes of a number at most
    NAMED = -2            # stands for the number of an id, and for the hole where a name is put in
    JOINED = 16 * 1024    # bytes; up to here copying a body behind its head is cheaper than a second buffer


cdef class Form:
    """Where bodies of a kind have their holes."""

    cdef bint find(self, frame_holes *holes, bytes body) noexcept:
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

    cdef bint find(self, frame_holes *holes, bytes body) noexcept:
        return frame_request(
            holes, <const uint8_t *>PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body), &self.form)


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

    cdef bint find(self, frame_holes *holes, bytes body) noexcept:
        return frame_answer(
            holes, <const uint8_t *>PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body), self.names, 4)


@cython.final
@cython.freelist(16)
cdef class Sighting:
    """One body and its holes."""

    def __cinit__(self):
        frame_init(&self.holes)

    def __init__(self):
        raise TypeError("sightings come from look()")

    def __dealloc__(self):
        frame_free(&self.holes)

    cdef int digested(self, uint64_t seed) noexcept:
        # Digest what stands around the holes.
        cdef const uint8_t *s = <const uint8_t *>PyBytes_AS_STRING(self.body)
        cdef Py_ssize_t at = 0, i
        for i in range(self.holes.count):
            seed = frame_digest(seed, s + at, self.holes.items[i].start - at)
            at = self.holes.items[i].end
        self.digest = frame_digest(seed, s + at, PyBytes_GET_SIZE(self.body) - at)
        return 0

    def parts(self):
        """What stands around the holes, one more than there are of these, and what stands in them."""
        cdef list around = [], inside = []
        cdef Py_ssize_t at = 0, i
        for i in range(self.holes.count):
            around.append(self.body[at:self.holes.items[i].start])
            at = self.holes.items[i].end
            inside.append(self.body[self.holes.items[i].start:at])
        around.append(self.body[at:])
        return around, inside

    def numbers(self):
        """What stands in the holes that are for numbers, by the holes' numbers."""
        cdef Py_ssize_t i
        return {
            i: self.holes.items[i].number for i in range(self.holes.count) if self.holes.items[i].number >= 0
        }

    def names(self):
        """The holes that are for ids."""
        cdef Py_ssize_t i
        return {i for i in range(self.holes.count) if self.holes.items[i].number == NAMED}

    cpdef bytes fill(self, Template output, long long now, bytes name=b""):
        """An output with this body's texts in it; None where a number is not positive.

        now: stands for the hole behind the last. name: of what is made.
        """
        cdef Py_ssize_t size = self.room(output, name)
        cdef bytes out = PyBytes_FromStringAndSize(NULL, size)
        cdef char *begun = PyBytes_AS_STRING(out)
        cdef char *end = self.write(output, now, name, begun)
        if end is NULL:
            return None
        return out if end - begun == size else out[:end - begun]

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

    cdef Py_ssize_t room(self, Template output, bytes name) except -1:
        # How many bytes an output takes at most.
        cdef Py_ssize_t size = output.fixed, i, hole
        if output.highest > self.holes.count:
            raise IndexError(output.highest)
        if name is None:
            raise TypeError("a name is bytes")
        for i in range(output.count):
            hole = output.parts[i].hole
            if hole >= 0:
                size += self.holes.items[hole].end - self.holes.items[hole].start
            elif hole == NAMED:
                size += PyBytes_GET_SIZE(name)
        return size

    cdef char *write(self, Template output, long long now, bytes name, char *at) noexcept:
        # Write an output; behind it, or NULL where a number is not positive.
        cdef const char *s = PyBytes_AS_STRING(self.body)
        cdef const frame_term *term = output.terms
        cdef frame_piece *part
        cdef frame_hole *hole
        cdef long long number
        cdef Py_ssize_t i
        for i in range(output.count):
            part = &output.parts[i]
            memcpy(at, part.text, part.size)
            at += part.size
            if part.hole >= 0:
                hole = &self.holes.items[part.hole]
                memcpy(at, s + hole.start, hole.end - hole.start)
                at += hole.end - hole.start
            elif part.hole == NAMED:
                memcpy(at, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
                at += PyBytes_GET_SIZE(name)
            elif part.terms:
                number = self.total(term, part.terms, now)
                term += part.terms
                if number <= 0:
                    return NULL
                at = write_number(at, number)
        return at

    cdef long long total(self, const frame_term *term, Py_ssize_t terms, long long now) noexcept:
        # What a number is the sum of.
        cdef long long number = 0
        cdef Py_ssize_t _i
        for _i in range(terms):
            number += term.times * (now if term.hole == self.holes.count else self.holes.items[term.hole].number)
            term += 1
        return number

    cdef bint figures(self, Template output, long long now, long long *found, long long most) noexcept:
        # Put the numbers of an output into `found`; False where one is not positive, or more than `most`.
        cdef const frame_term *term = output.terms
        cdef Py_ssize_t i
        if output.highest > self.holes.count:
            return False
        for i in range(output.count):
            if output.parts[i].terms:
                found[0] = self.total(term, output.parts[i].terms, now)
                if not 0 < found[0] <= most:
                    return False
                term += output.parts[i].terms
                found += 1
        return True


cdef char *write_number(char *at, long long number) noexcept:
    cdef char[FIGURE] digits
    cdef int i = FIGURE
    while number > 0:
        i -= 1
        digits[i] = c"0" + number % 10
        number //= 10
    memcpy(at, digits + i, FIGURE - i)
    return at + FIGURE - i


@cython.final
cdef class Template:
    """An output with holes.

    pieces: bytes, the number of the hole whose text stands there, None for the name of what is made, or, of a number,
    what it is the sum of: ((hole, times), ...). The highest number of a hole may be one beyond the last, for a time.
    """

    def __init__(self, tuple pieces not None):
        cdef Py_ssize_t i = -1, term = 0
        cdef frame_piece *part = NULL
        self.pieces = pieces
        self.parts = <frame_piece *>PyMem_Malloc((len(pieces) + 1) * sizeof(frame_piece))
        self.terms = <frame_term *>PyMem_Malloc(
            (1 + sum([len(piece) for piece in pieces if isinstance(piece, tuple)])) * sizeof(frame_term))
        if self.parts is NULL or self.terms is NULL:
            raise MemoryError()
        for piece in pieces:
            if part is NULL or isinstance(piece, bytes) or part.hole != -1 or part.terms > 0:
                part = &self.parts[self.count]
                self.count += 1
                part.text, part.size, part.hole, part.terms = b"", 0, -1, 0
            if isinstance(piece, bytes):
                part.text, part.size = PyBytes_AS_STRING(piece), PyBytes_GET_SIZE(piece)
                self.fixed += part.size
            elif piece is None:
                part.hole = NAMED
            elif isinstance(piece, int):
                part.hole = piece
                if part.hole < 0:
                    raise IndexError(piece)
                self.highest = max(self.highest, part.hole + 1)
            else:
                self.fixed += FIGURE
                part.terms = len(piece)
                for i, times in piece:
                    if i < 0:
                        raise IndexError(i)
                    self.terms[term].hole, self.terms[term].times = i, times
                    self.highest = max(self.highest, i)
                    term += 1

    def __dealloc__(self):
        PyMem_Free(self.parts)
        PyMem_Free(self.terms)


@cython.final
cdef class Frame:
    """What is remembered of a shape."""

    cdef bint fits(self, Sighting sighting) noexcept:
        # Whether the shape is that of another body.
        cdef const char *s = PyBytes_AS_STRING(sighting.body)
        cdef const char *shape = PyBytes_AS_STRING(self.shape)
        cdef Py_ssize_t at = 0, i, size
        if sighting.around + sighting.holes.count != PyBytes_GET_SIZE(self.shape):
            return False
        for i in range(sighting.holes.count):
            size = sighting.holes.items[i].start - at
            # NUL stands in no JSON, so it tells where a hole is
            if memcmp(s + at, shape, size) != 0 or shape[size] != c"\0":
                return False
            shape += size + 1
            at = sighting.holes.items[i].end
        return memcmp(s + at, shape, PyBytes_GET_SIZE(sighting.body) - at) == 0


@cython.final
cdef class Frames:
    """The shapes that one worker remembers, of any forms: the last that were asked for, as many as stand above."""

    def __cinit__(self):
        self.seed = int.from_bytes(urandom(8), "little")
        self.found = {}
        self.ring = []

    def __len__(self):
        return len(self.ring)

    cpdef Sighting look(self, Form form, bytes body, tuple key):
        """Look at a body of a form; None where none like it can be remembered.

        key: what else decides what is made of it; shapes under different keys have nothing to do with each other.
        """
        cdef Sighting sighting = Sighting.__new__(Sighting)
        cdef Py_ssize_t i
        sighting.body = body
        sighting.key = key
        sighting.around = PyBytes_GET_SIZE(body)
        if not form.find(&sighting.holes, body) or sighting.holes.count == 0:
            return None
        for i in range(sighting.holes.count):
            sighting.around -= sighting.holes.items[i].end - sighting.holes.items[i].start
        if sighting.around > LONGEST:
            return None
        sighting.digested(self.seed ^ <uint64_t>hash(key))
        found = self.found.get(sighting.digest)
        if found is not None and (<Frame>found).key == key and (<Frame>found).fits(sighting):
            sighting.frame = found
            sighting.frame.used = True
            return sighting
        i = 2 * <Py_ssize_t>(sighting.digest % (SEEN // 2))
        sighting.again = self.seen[i] == sighting.digest or self.seen[i + 1] == sighting.digest
        if not sighting.again:  # of two places, so that two that come by turns do not put each other out
            self.seen[i + 1] = self.seen[i]
            self.seen[i] = sighting.digest
        return sighting

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
        while self.ring and (len(self.ring) >= MANY or self.held + len(frame.shape) > ALL):
            self.drop()
        old = self.found.get(frame.digest)
        if old is not None:
            self.ring.remove(old)
            self.held -= len((<Frame>old).shape)
        self.found[frame.digest] = frame
        self.ring.append(frame)
        self.held += len(frame.shape)
        return frame

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
            self.held -= len(frame.shape)
            return 0
