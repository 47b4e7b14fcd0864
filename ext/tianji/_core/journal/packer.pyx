"""Values written as msgpack, one behind the other, where nothing is made for them first.

What is written is what msgspec writes of the same values; a text that is no Unicode has question marks in place of what
is none.
"""

import cython

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.string cimport memcpy

import msgspec

cdef extern from "msgpack_write.h":
    const int MSGPACK_HEAD
    unsigned char* msgpack_put_integer(unsigned char* at, long long value) noexcept
    unsigned char* msgpack_put_natural(unsigned char* at, unsigned long long value) noexcept
    unsigned char* msgpack_put_array(unsigned char* at, size_t count) noexcept
    unsigned char* msgpack_put_text(unsigned char* at, const char* text, size_t size) noexcept
    unsigned char* msgpack_put_bytes(unsigned char* at, const char* data, size_t size) noexcept

cdef enum:
    ROOM = 1024  # bytes at first
    KEPT = 65536  # bytes that are kept for what comes next
    NIL = 0xC0
    FALSE = 0xC2

cdef object encoded = msgspec.msgpack.Encoder().encode


@cython.final
cdef class Packer:
    """Memory that is written to, and grows."""

    def __dealloc__(self):
        PyMem_Free(self.start)

    def pack(self, value):
        """Return a value by itself, whatever msgspec can write. Raises what that raises."""
        self.begin()
        self.value(value)
        return self.written()

    cdef int begin(self) except -1:
        """Forget what was written."""
        if self.end - self.start > KEPT:
            PyMem_Free(self.start)
            self.start = self.end = NULL
        self.at = self.start
        return 0

    cdef Py_ssize_t size(self) noexcept:
        return self.at - self.start

    cdef bytes written(self):
        return PyBytes_FromStringAndSize(<const char*>self.start, self.at - self.start)

    cdef int array(self, Py_ssize_t count) except -1:
        self._reserve(0)
        self.at = msgpack_put_array(self.at, <size_t>count)
        return 0

    cdef int nil(self) except -1:
        self._reserve(0)
        self.at[0] = NIL
        self.at += 1
        return 0

    cdef int flag(self, bint value) except -1:
        self._reserve(0)
        self.at[0] = FALSE + value
        self.at += 1
        return 0

    cdef int integer(self, long long value) except -1:
        self._reserve(0)
        self.at = msgpack_put_integer(self.at, value)
        return 0

    cdef int natural(self, unsigned long long value) except -1:
        self._reserve(0)
        self.at = msgpack_put_natural(self.at, value)
        return 0

    cdef int text(self, str value) except -1:
        """Write a text; None as nil."""
        cdef Py_ssize_t size
        cdef const char* utf8
        if value is None:
            return self.nil()
        try:
            utf8 = PyUnicode_AsUTF8AndSize(value, &size)
        except UnicodeEncodeError:
            return self.text(value.encode("utf-8", "replace").decode())
        self._reserve(size)
        self.at = msgpack_put_text(self.at, utf8, <size_t>size)
        return 0

    cdef int binary(self, bytes value) except -1:
        self._reserve(PyBytes_GET_SIZE(value))
        self.at = msgpack_put_bytes(self.at, PyBytes_AS_STRING(value), <size_t>PyBytes_GET_SIZE(value))
        return 0

    cdef int raw(self, bytes value) except -1:
        """Write what is msgpack already."""
        cdef Py_ssize_t size = PyBytes_GET_SIZE(value)
        self._reserve(size)
        memcpy(self.at, PyBytes_AS_STRING(value), <size_t>size)
        self.at += size
        return 0

    cdef int value(self, object value) except -1:
        """Write a value, as `pack` takes it."""
        if value is None:
            return self.nil()
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bool):
            return self.flag(value)
        if isinstance(value, int):
            return self.integer(value) if value < 0 else self.natural(value)
        if isinstance(value, bytes):
            return self.binary(value)
        if not isinstance(value, (tuple, list)):
            return self.raw(encoded(value))
        self.array(len(value))
        for one in value:
            self.value(one)
        return 0

    cdef int _reserve(self, Py_ssize_t size) except -1:
        """Have room for a value with so many bytes of its own."""
        cdef Py_ssize_t used, room
        cdef unsigned char* start
        if self.end - self.at >= size + MSGPACK_HEAD:
            return 0
        used = self.at - self.start
        room = max(ROOM, 2 * (used + size + MSGPACK_HEAD))
        start = <unsigned char*>PyMem_Realloc(self.start, <size_t>room)
        if start == NULL:
            raise MemoryError
        self.start, self.at, self.end = start, start + used, start + room
        return 0
