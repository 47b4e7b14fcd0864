"""What makes two requests the same: a digest of the members that an answer depends on.

Members count in the order of their names, and values without the white space between their tokens. The order of
members within a value stays as it is: it may be meant, as in a schema that an answer follows.
"""

import cython
from hashlib import sha256

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from tianji._core.bodies.spans cimport ObjectSpans

cdef extern from "json_compact.h":
    Py_ssize_t json_compact(const char* text, Py_ssize_t size, char* out) noexcept
    Py_ssize_t json_elements(const char* text, Py_ssize_t size) noexcept

cdef object SHA256 = sha256


cdef Py_ssize_t elements(ObjectSpans spans, Py_ssize_t i) except -1:
    # How many elements the array has that is member `i`.
    cdef const char* source = PyBytes_AS_STRING(spans.source)
    return json_elements(source + spans.tape.items[i].start, spans.tape.items[i].end - spans.tape.items[i].start)


cdef bytes compact(const char* text, Py_ssize_t size):
    cdef bytes out = PyBytes_FromStringAndSize(NULL, size)
    cdef Py_ssize_t written = json_compact(text, size, PyBytes_AS_STRING(out))
    return out if written == size else out[:written]


@cython.final
cdef class Recipe:
    """Which members of a request count.

    counted: their names; ignored: where given, every other member counts too, except for these
    """

    def __init__(self, frozenset counted not None, frozenset ignored=None):
        self.counted = counted
        self.ignored = ignored

    cdef bint counts(self, bytes name) except -1:
        return name in self.counted or (self.ignored is not None and name not in self.ignored)

    cpdef str digest(self, ObjectSpans spans, tuple circle, bytes name=None, bytes value=None):
        """Return the SHA-256, in hex, of a request; members that are null count as absent.

        circle: texts that say among whom, and for what model, requests may be the same
        name, value: a member that counts with this JSON text in place of its own
        """
        cdef list parts = []
        cdef list texts = []
        cdef bytes member, text
        cdef Py_ssize_t i
        cdef const char* source = PyBytes_AS_STRING(spans.source)
        for i in range(spans.count()):
            if spans.kind(i) == c"0":
                continue
            member = spans.name(i)
            if not self.counts(member):
                continue
            if value is not None and member == name:
                text = compact(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
            else:
                text = compact(source + spans.tape.items[i].start, spans.tape.items[i].end - spans.tape.items[i].start)
            parts.append((member, text))
        parts.sort()
        for word in circle:
            text = (<str>word).encode("utf-8", "surrogatepass")
            texts.append(b"%d:" % len(text))
            texts.append(text)
        for member, text in parts:
            texts.append(b"%d:" % len(member))
            texts.append(member)
            texts.append(b"%d:" % len(text))
            texts.append(text)
        return SHA256(b"".join(texts)).hexdigest()
