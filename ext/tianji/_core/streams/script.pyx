"""What is known of a stream so far, line by line.

The first line says what the gateway decided of it: names and times. Then comes a line for each event that is looked at,
one for each run of texts between them, and those of its end. Lines have holes as whole answers have; what is told of a
line is made of what stands in its holes and in those before. So what is remembered is a tree: a line is known by its
shape where all lines before it were known.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memchr, memcpy

from tianji._core.bodies.frames cimport digest_of

cdef enum:
    LONGEST = 1 << 20    # bytes of all lines
    AROUND = 3           # bytes beside name and payload


@cython.final
cdef class Script(Holed):
    """The lines of a stream, with holes as `form` finds them. key: what decides beside them what is told."""

    def __init__(self, Form form not None, tuple key not None, uint64_t seed):
        self.form, self.key, self.seed = form, key, seed

    def __dealloc__(self):
        PyMem_Free(<void *>self.text)

    def like(self, bytes text not None):
        """A script of the same kind, with the lines that stand in `text`; None where they are too many."""
        cdef Script other = Script(self.form, self.key, self.seed)
        for kind, name, payload in lines_of(text):
            if not other.add(kind, name, payload):
                return None
        return other

    def lines(self, Py_ssize_t count):
        """The first lines: kind, name and payload of each."""
        return lines_of(self.text[:self.items[min(count, self.count) - 1].end]) if count and self.count else []

    cpdef bint add(self, str kind, str name, bytes payload) except -1:
        """Add a line; False where nothing like it can be remembered. kind: a letter."""
        cdef Py_ssize_t start = self.put(kind, name, payload), i
        cdef script_line *line = &self.items[self.count]
        cdef int numbers = self.holes.numbers
        if start == 0:
            return False
        if not self.form.find(&self.holes, <const uint8_t *>self.text + start, line.end - start):
            self.holes.count, self.holes.numbers = line.hole, numbers
            return False
        for i in range(line.hole, self.holes.count):
            self.holes.items[i].start += start
            self.holes.items[i].end += start
        self.end_line(digest_of(
            self.items[self.count - 1].digest if self.count else self.seed ^ <uint64_t>hash(self.key),
            self.text, line.start, line.end, self.holes.items + line.hole, self.holes.count - line.hole))
        return True

    cdef Py_ssize_t put(self, str kind, str name, bytes payload) except -1:
        # Put a line behind the others; where its payload begins, 0 where there is no room for it.
        cdef Py_ssize_t named, size = PyBytes_GET_SIZE(payload)
        cdef const char *title = PyUnicode_AsUTF8AndSize(name, &named)
        cdef Py_ssize_t grown = self.size + named + size + AROUND
        cdef script_line *line = &self.items[self.count]
        cdef char *text
        if self.count == LINES or grown > LONGEST or memchr(title, c"\n", named) is not NULL:
            return 0
        if memchr(title, 0, named) is not NULL or memchr(PyBytes_AS_STRING(payload), 0, size) is not NULL:
            return 0
        if grown > self.room:
            text = <char *>PyMem_Realloc(<void *>self.text, 2 * grown)
            if text is NULL:
                raise MemoryError()
            self.text, self.room = text, 2 * grown
        text = <char *>self.text + self.size
        line.start, line.hole, line.end = self.size, self.holes.count, grown - 1
        text[0] = <char>ord(kind)
        memcpy(text + 1, title, named)
        text[1 + named] = c"\n"
        memcpy(text + 2 + named, PyBytes_AS_STRING(payload), size)
        text[2 + named + size] = c"\0"
        return line.end - size

    cdef int end_line(self, uint64_t digest) except -1:
        # The line that was put has its holes.
        self.items[self.count].digest = digest
        self.size = self.items[self.count].end + 1
        self.count += 1
        return 0

    cpdef Frame look(self, Frames frames):
        """What is remembered of the last line, if all before it was looked at; None: nothing."""
        cdef Frame frame = frames.at(self.items[self.count - 1].digest)
        if frame is None or frame.value is None or not self.alike(frame, self.frame, self.count - 1):
            return None
        frame.used = True
        self.frame = frame
        return frame

    cpdef bint follow(self, Frame frame, str kind, str name, bytes payload) except -1:
        """Add a line and look, where what is remembered of it is `frame`, one that is known behind the line before."""
        cdef script_line *line = &self.items[self.count]
        cdef int numbers = self.holes.numbers
        if frame is None or not frame.kept or self.put(kind, name, payload) == 0:
            return False
        if frame.find(&self.holes, <const uint8_t *>self.text, line.start, line.end) != line.end:
            self.holes.count, self.holes.numbers = line.hole, numbers
            return False
        self.end_line(frame.digest)
        frame.used = True
        self.frame = frame
        return True

    cdef bint alike(self, Frame frame, Frame before, Py_ssize_t line) except -1:
        # Whether it is what is remembered of a line's shape behind `before`, None for the first.
        cdef script_line *item = &self.items[line]
        if frame.key is not before and (before is not None or frame.key != self.key):
            return False
        return frame.fits(
            self.text, item.start, item.end, self.holes.items + item.hole, self.holes_behind(line) - item.hole)

    cdef Py_ssize_t holes_behind(self, Py_ssize_t line) noexcept:
        return self.items[line + 1].hole if line + 1 < self.count else self.holes.count

    def again(self, Frames frames not None):
        """Whether a stream like this was there before, and nothing is remembered of it."""
        cdef uint64_t digest = self.items[self.count - 1].digest
        return frames.again(digest) and frames.at(digest) is None

    def keep(self, Frames frames not None, list values, list outputs):
        """Remember what is told of each line, as Frames.keep does; values: None where all is to be read."""
        cdef Frame frame = None, before = None
        cdef Py_ssize_t line
        for line in range(0 if values is not None else self.count - 1, self.count):
            frame = frames.at(self.items[line].digest)
            if frame is None or frame.value is None or not self.alike(frame, before, line):
                frame = Frame.__new__(Frame)
                frame.key = self.key if before is None else before
                frame.digest = self.items[line].digest
                frame.shape = self.shape(line)
                frame.cut(self.items[line].start, self.holes.items + self.items[line].hole,
                          self.holes_behind(line) - self.items[line].hole)
                if values is not None:
                    frame.value, frame.outputs = values[line], outputs[line]
                frames.put(frame)
            before = frame

    cdef bytes shape(self, Py_ssize_t line):
        cdef list around = []
        cdef Py_ssize_t at = self.items[line].start, i
        for i in range(self.items[line].hole, self.holes_behind(line)):
            around.append(self.text[at:self.holes.items[i].start])
            at = self.holes.items[i].end
        around.append(self.text[at:self.items[line].end])
        return b"\0".join(around)


def lines_of(bytes text not None):
    """The lines of a script: kind, name and payload of each."""
    cdef list found = []
    cdef bytes line
    for line in text.removesuffix(b"\0").split(b"\0"):
        name, _, payload = line[1:].partition(b"\n")
        found.append((line[:1].decode(), name.decode(), payload))
    return found
