"""Values of msgpack read where they stand; what is not there, or not whole, raises ValueError."""

from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint64_t


cdef extern from "msgpack_walk.h":
    ctypedef struct msgpack_walk:
        const unsigned char *at
        const unsigned char *end

    bint msgpack_nil(msgpack_walk *walk) nogil
    bint msgpack_flag(msgpack_walk *walk, int *value) nogil
    bint msgpack_integer(msgpack_walk *walk, long long *value) nogil
    bint msgpack_array(msgpack_walk *walk, uint64_t *count) nogil
    bint msgpack_text(msgpack_walk *walk, const char **text, uint64_t *length) nogil
    bint msgpack_skip(msgpack_walk *walk) nogil


cdef inline str string(msgpack_walk *walk):
    cdef const char *start
    cdef uint64_t length
    if not msgpack_text(walk, &start, &length):
        raise ValueError("no text")
    return PyUnicode_DecodeUTF8(start, length, NULL)


cdef inline long long integer(msgpack_walk *walk) except? -1:
    cdef long long value
    if not msgpack_integer(walk, &value):
        raise ValueError("no integer")
    return value


cdef inline bint flag(msgpack_walk *walk) except -1:
    cdef int value
    if not msgpack_flag(walk, &value):
        raise ValueError("no flag")
    return value


cdef inline int pass_over(msgpack_walk *walk) except -1:
    if not msgpack_skip(walk):
        raise ValueError("no value")
    return 0
