"""Edits of a JSON object that copy everything else byte for byte."""

from json import dumps as _dumps

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from tianji._core.bodies.spans cimport ObjectSpans, json_member, json_tape

cdef enum:
    VIEWED = 16 * 1024  # bytes; a longer run is not copied

cdef object dumps = _dumps
cdef object _GONE = object()  # stands for the value of a removed member


cdef bytes _quoted(bytes name):
    cdef const char *s = PyBytes_AS_STRING(name)
    cdef Py_ssize_t i
    for i in range(PyBytes_GET_SIZE(name)):
        if not c" " <= s[i] <= c"~" or s[i] == c"\"" or s[i] == c"\\":
            return dumps(name.decode()).encode()
    return b'"' + name + b'"'


@cython.final
cdef class Splice:
    """Edits of an object's members: build() copies what is not edited byte for byte, in order; parts() copies little.

    A raw value must be valid JSON. A name stands for the member that bears it at that moment, so edits may follow on
    one another. New members come last.
    """

    def __cinit__(self, ObjectSpans spans not None):
        self.spans = spans
        self._only = -1

    cpdef int set(self, bytes name, bytes raw_value) except -1:
        """Replace the value of `name`, or append the member."""
        cdef Py_ssize_t i
        if not raw_value:
            raise ValueError("a JSON value is never empty")
        if self._values is None and self._only < 0 and name is not None:
            i = self.spans.find(name)
            if i >= 0:  # most bodies get another model and nothing else
                self._only = i
                self._value = raw_value
                return 0
        i = self._find(name)
        if i >= 0:
            self._values[i] = raw_value
        else:
            self._added[name] = raw_value
        return 0

    cpdef int default(self, bytes name, bytes raw_value) except -1:
        """Append the member unless there is one, be it null."""
        if self._find(name) < 0 and name not in self._added:
            self.set(name, raw_value)
        return 0

    cpdef int remove(self, bytes name) except -1:
        """Take the member out, if there is one."""
        cdef Py_ssize_t i = self._find(name)
        if i >= 0:
            self._values[i] = _GONE
        else:
            self._added.pop(name, None)
        return 0

    cpdef int rename(self, bytes old, bytes new) except -1:
        """Give the member `old` another name. If `new` stands already it is kept and `old` is removed."""
        cdef Py_ssize_t i = self._find(old)
        if old == new:
            return 0
        if self._find(new) >= 0 or new in self._added:
            self.remove(old)
        elif i >= 0:
            self._names[i] = new
            self._values[i] = self.spans.raw(i) if self._values[i] is None else self._values[i]
        elif old in self._added:
            self._added[new] = self._added.pop(old)
        return 0

    cdef int _begin(self) except -1:
        # Expect edits of all kinds.
        self._values = [None] * self.spans.count()
        self._names = {}
        self._added = {}
        if self._only >= 0:
            self._values[self._only] = self._value
            self._only = -1
        return 0

    cdef Py_ssize_t _find(self, bytes name) except -2:
        # The index of the member that bears `name` now, -1 if none does.
        cdef Py_ssize_t i
        if name is None:
            raise TypeError("a member name must be bytes")
        if self._values is None:
            self._begin()
        for i in self._names:
            if self._names[i] == name and self._values[i] is not _GONE:
                return i
        i = self.spans.find(name)
        if i >= 0 and (self._values[i] is _GONE or i in self._names):
            return -1
        return i

    cpdef bytes build(self):
        """The edited text; the very same object if there is no edit."""
        cdef list parts = self.parts()
        return <bytes>parts[0] if len(parts) == 1 else b"".join(parts)

    cpdef list parts(self):
        """The edited text in parts: bytes, and views where long runs are as they were."""
        cdef json_member *member
        if self._only >= 0:
            member = &self.spans.tape.items[self._only]
            return [
                self._run(0, member.start), self._value, self._run(member.end, PyBytes_GET_SIZE(self.spans.source)),
            ]
        if self._values is None or not (self._added or any([value is not None for value in self._values])):
            return [self.spans.source]
        return self._pieces()

    cdef object _run(self, Py_ssize_t start, Py_ssize_t end):
        if end - start > VIEWED:
            return memoryview(self.spans.source)[start:end]
        return PyBytes_FromStringAndSize(PyBytes_AS_STRING(self.spans.source) + start, end - start)

    cdef list _pieces(self):
        # Runs of untouched bytes are taken in one piece: `copied` is where the next run begins.
        cdef json_tape *tape = &self.spans.tape
        cdef json_member *member
        cdef const char *s = PyBytes_AS_STRING(self.spans.source)
        cdef Py_ssize_t i, copied = 0, size = PyBytes_GET_SIZE(self.spans.source)
        cdef Py_ssize_t behind = tape.open + 1  # behind the opening brace, then behind the last member kept
        cdef bint first = True
        cdef list pieces = []
        for i in range(tape.count):
            member = &tape.items[i]
            value = self._values[i]
            if value is _GONE:
                pieces.append(self._run(copied, behind))
                behind = copied = member.end
                continue
            if first and copied > tape.open + 1:
                copied = member.name - 1  # what stood before it is gone: no comma
            first = False
            if value is not None:
                pieces.append(self._run(copied, member.name - 1))
                pieces.append(_quoted(self._names[i]) if i in self._names else PyBytes_FromStringAndSize(
                    s + member.name - 1, member.name_end - member.name + 2
                ))
                pieces.append(PyBytes_FromStringAndSize(s + member.name_end + 1, member.start - member.name_end - 1))
                pieces.append(value)
                copied = member.end
            behind = member.end
        pieces.append(self._run(copied, behind))
        for name, value in self._added.items():
            pieces.append((b"" if first else b",") + _quoted(name) + b":" + value)
            first = False
        pieces.append(self._run(behind, size))
        return pieces
