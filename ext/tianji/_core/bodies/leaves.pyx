"""JSON texts whose leaves are read, and written again with nothing else changed.

A text is decoded into ordinary objects by others. What is said here is whether that decoding has lost anything, and
how the bytes look where values stand at some places instead.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint8_t
from libc.string cimport memchr


cdef extern from "json_walk.h" nogil:
    ctypedef struct json_walk:
        const uint8_t *p
        const uint8_t *end
        bint members
    ctypedef struct json_item:
        const uint8_t *name
        const uint8_t *name_end
        const uint8_t *value
        const uint8_t *end
    json_walk json_enter(const uint8_t *value, const uint8_t *end)
    bint json_next(json_walk *walk, json_item *item)
    const uint8_t *json_space(const uint8_t *p, const uint8_t *end)
    const uint8_t *json_quote(const uint8_t *p, const uint8_t *end)
    size_t json_unescape(const uint8_t *p, const uint8_t *end, uint8_t *out)


def measured(bytes text not None):
    """Return how many members all objects of a JSON text have together, and how deep it is nested."""
    cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(text)
    cdef const uint8_t *end = p + PyBytes_GET_SIZE(text)
    cdef Py_ssize_t members = 0, depth = 0, deepest = 0
    while p < end:
        if p[0] == c'"':
            p = json_quote(p + 1, end)
        elif p[0] == c"{" or p[0] == c"[":
            depth += 1
            deepest = max(deepest, depth)
        elif p[0] == c"}" or p[0] == c"]":
            depth -= 1
        elif p[0] == c":":
            members += 1
        p += 1
    return members, deepest


def members_in(object tree):
    """Return how many members all dicts of a decoded text have together. Its depth is the caller's to bound."""
    return _members(tree)


cdef Py_ssize_t _members(object tree) except -1:
    cdef Py_ssize_t found = 0
    if isinstance(tree, dict):
        found = len(<dict>tree)
        for value in (<dict>tree).values():
            if isinstance(value, (dict, list)):
                found += _members(value)
    elif isinstance(tree, list):
        for value in <list>tree:
            if isinstance(value, (dict, list)):
                found += _members(value)
    return found


cdef str _name(const json_item *item):
    # A member's name, unescaped; half a surrogate pair becomes U+FFFD.
    cdef Py_ssize_t size = item.name_end - item.name
    cdef uint8_t *out
    if memchr(item.name, c"\\", size) == NULL:
        return (<const char *>item.name)[:size].decode("utf-8", "replace")
    out = <uint8_t *>PyMem_Malloc(size)
    if out == NULL:
        raise MemoryError()
    try:
        return (<char *>out)[:json_unescape(item.name, item.name_end, out)].decode("utf-8", "replace")
    finally:
        PyMem_Free(out)


cdef class _Copy:
    # The text on its way out: `copied` is where the next untouched run begins.
    cdef const uint8_t *copied
    cdef list pieces

    cdef int run(self, const uint8_t *end) except -1:
        if end > self.copied:
            self.pieces.append(PyBytes_FromStringAndSize(<const char *>self.copied, end - self.copied))
        return 0

    cdef int walk(self, const uint8_t *value, const uint8_t *end, dict changes) except -1:
        # `changes`: by name or number, what stands there instead (bytes), None for nothing, or the changes below it.
        cdef json_walk walk = json_enter(value, end)
        cdef json_item item
        cdef const uint8_t *behind = value + 1  # behind the opening bracket, then behind the last one kept
        cdef const uint8_t *begin
        cdef Py_ssize_t number = 0, met = 0
        cdef bint first = True, named = walk.members
        while json_next(&walk, &item):
            key = _name(&item) if named else number
            number += 1
            begin = item.name - 1 if named else item.value
            if key not in changes:
                if first and self.copied > value + 1:
                    self.copied = begin  # what stood before it is gone: no comma
                first = False
                behind = item.end
                continue
            met += 1
            change = changes[key]
            if change is None:
                self.run(behind)
                behind = self.copied = item.end
                continue
            if first and self.copied > value + 1:
                self.copied = begin
            first = False
            if isinstance(change, dict):
                self.walk(item.value, item.end, <dict>change)
            else:
                self.run(item.value)
                self.pieces.append(<bytes?>change)
                self.copied = item.end
            behind = item.end
        if met != len(changes):
            raise ValueError("a change names a place that the text does not have")
        return 0


def replaced(bytes text not None, dict changes not None):
    """Return a well-formed JSON text with other values at some places, and every other byte as it was.

    `changes` is shaped like the text: by name, or by number in arrays, the JSON text that stands there instead, None
    for nothing at all, or a dict of the changes below. Raises ValueError for a place that the text does not have.
    """
    cdef const uint8_t *s = <const uint8_t *>PyBytes_AS_STRING(text)
    cdef const uint8_t *end = s + PyBytes_GET_SIZE(text)
    cdef _Copy copy = _Copy.__new__(_Copy)
    if not changes:
        return text
    copy.copied = s
    copy.pieces = []
    copy.walk(json_space(s, end), end, changes)
    copy.run(end)
    return b"".join(copy.pieces)
