"""What is made of a JSON text, with holes: the next text of the same shape fills them.

A piece of a string is copied with the escapes that it has.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.string cimport memcpy

cdef enum:
    FIGURE = 20  # bytes of a number at most
    NAMED = -2   # stands for the hole where a name is put in
    ALONE = -1   # for the hole of what is added to a sum


cdef class Holed:
    """Base of texts whose holes are known."""

    def __cinit__(self):
        frame_init(&self.holes)

    def __init__(self):
        raise TypeError("texts with holes come from looking at them")

    def __dealloc__(self):
        frame_free(&self.holes)

    def parts(self):
        """What stands around the holes, one more than there are of these, and what stands in them."""
        cdef list around = [], inside = []
        cdef Py_ssize_t at = 0, i
        for i in range(self.holes.count):
            around.append(self.text[at:self.holes.items[i].start])
            at = self.holes.items[i].end
            inside.append(self.text[self.holes.items[i].start:at])
        around.append(self.text[at:self.size])
        return around, inside

    def numbers(self):
        """What stands in the holes that are for numbers, by the holes' numbers."""
        cdef Py_ssize_t i
        return {
            i: self.holes.items[i].number for i in range(self.holes.count) if self.holes.items[i].number >= 0
        }

    def names(self):
        """The holes that are for ids, or for padding."""
        cdef Py_ssize_t i
        return {i for i in range(self.holes.count) if self.holes.items[i].number in (FRAME_ID, FRAME_PADDING)}

    def dates(self):
        """The holes that are for numbers that nobody adds up."""
        cdef Py_ssize_t i
        return {i for i in range(self.holes.count) if self.holes.items[i].number == FRAME_DATE}

    cdef list pieces(self, Py_ssize_t at, Py_ssize_t end, bint counted):
        # What a Template has that gives text[at:end] as it is; counts as sums if they are `counted`.
        cdef list found = []
        cdef frame_hole *hole
        cdef Py_ssize_t i
        for i in range(self.holes.count):
            hole = &self.holes.items[i]
            if at <= hole.start and hole.end <= end:
                found.append(self.text[at:hole.start])
                found.append(((i, 1),) if counted and hole.number >= 0 else <object>i)
                at = hole.end
        found.append(self.text[at:end])
        return found

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
        cdef const char *s = self.text
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
            if term.hole == ALONE:
                number += term.times
            else:
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
    what it is the sum of: ((hole, times), ...), where -1 is no hole: so much is added. The highest number of a hole may
    be one beyond the last, for a time.
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
                    if i < ALONE:
                        raise IndexError(i)
                    self.terms[term].hole, self.terms[term].times = i, times
                    self.highest = max(self.highest, i)
                    term += 1

    def __dealloc__(self):
        PyMem_Free(self.parts)
        PyMem_Free(self.terms)
