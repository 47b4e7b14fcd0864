"""Top-level JSON spans: read a few fields, never decode the rest."""

from libc.stdint cimport uint8_t


cdef extern from "json_scan.h":
    enum:
        JSON_DEPTH_LIMIT
        JSON_MEMBER_LIMIT

    ctypedef enum json_fault:
        JSON_FINE
        JSON_NO_MEMORY
        JSON_NOT_OBJECT
        JSON_MARK
        JSON_NAME
        JSON_FIRST_NAME
        JSON_COLON
        JSON_VALUE
        JSON_NEXT_MEMBER
        JSON_NEXT_ELEMENT
        JSON_QUOTE
        JSON_CONTROL
        JSON_ESCAPE
        JSON_UTF8
        JSON_DIGIT
        JSON_DEEP
        JSON_MANY
        JSON_TRAILING

    ctypedef struct json_member:
        Py_ssize_t name
        Py_ssize_t name_end
        Py_ssize_t start
        Py_ssize_t end
        int depth
        char kind
        char name_escaped
        char value_escaped

    ctypedef struct json_tape:
        json_member *items
        Py_ssize_t count
        Py_ssize_t open
        Py_ssize_t close
        Py_ssize_t fault_at
        json_fault fault

    void json_tape_init(json_tape *tape) noexcept
    void json_tape_free(json_tape *tape) noexcept
    json_fault json_scan(
        json_tape *tape, const uint8_t *text, Py_ssize_t start, Py_ssize_t end, int max_depth, int noted_depth,
        json_tape *usage
    ) noexcept


cdef bytes member_name(const char *s, const json_member *member)
cdef bint member_whole(const char *s, const json_member *member, long long *value) noexcept
cdef str member_text(bytes source, const json_member *member)


cdef class ObjectSpans:
    # One JSON object, checked whole, with the places of its members. Immutable.
    cdef readonly bytes source  # the text; `child` shares its parent's
    cdef json_tape tape
    cdef json_tape usage        # all members within `usage`, where that is an object

    @staticmethod
    cdef ObjectSpans scan(bytes text, int max_depth=*)
    cdef Py_ssize_t find(self, bytes name) except -2
    cdef Py_ssize_t count(self) noexcept
    cdef bytes name(self, Py_ssize_t i)
    cdef char kind(self, Py_ssize_t i) noexcept
    cdef bytes raw(self, Py_ssize_t i)
    cdef int first_byte(self, Py_ssize_t i) noexcept
    cdef str text(self, Py_ssize_t i)
    cdef bint whole(self, Py_ssize_t i, long long *value) noexcept
    cdef ObjectSpans child(self, Py_ssize_t i)
    cdef int _check(self, Py_ssize_t start, Py_ssize_t end, int max_depth) except -1
    cdef int _check_names(self) except -1
    cdef Py_ssize_t _typed(self, bytes name, const char *kinds, str wanted) except -2


cpdef bytes replace_value(ObjectSpans spans, Py_ssize_t i, bytes raw)
