"""JSON objects that are alike but for some values, as rows of a table are: written without a dict for each.

What stands around the values is written once. They come out of an object's attributes, or are given beside it.
"""

from json import dumps as _dumps

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.long cimport PyLong_AsLongLong
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject_GetAttr
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.string cimport memcpy

cdef object dumps = _dumps

cdef extern from "json_write.h":
    enum:
        JSON_NUMBER_MOST
    Py_ssize_t json_text_most(Py_ssize_t size) noexcept
    char *json_put_text(char *at, const char *text, Py_ssize_t size) noexcept
    char *json_put_decimal(char *at, long long value, int places) noexcept

cdef enum:
    LARGE = 1 << 20  # bytes of the desk that are not kept
    PLACES = 18  # of a decimal, at most: as many digits as 64 bits have in any case


cdef class Hole:
    """Base of what a value comes from. places: how many of an integer's digits are behind the point; 0: it has none."""

    cdef readonly str name
    cdef readonly int places

    def __init__(self, str name not None, int places=0):
        if type(self) is Hole:
            raise TypeError("a hole is Own or Given")
        if not 0 <= places <= PLACES:
            raise ValueError(f"from 0 to {PLACES} digits are behind a point")
        self.name = name
        self.places = places


@cython.final
cdef class Own(Hole):
    """An attribute of the object."""


@cython.final
cdef class Given(Hole):
    """What is given beside it under a name."""


@cython.final
cdef class Blank:
    """A JSON object with holes.

    Into a hole goes a text, an integer, a truth value, None, a tuple of texts, or bytes, which are JSON already.
    """

    cdef list around  # bytes before each hole, and behind the last
    cdef list holes
    cdef Py_ssize_t fixed
    cdef char *desk  # as much memory as the largest needed
    cdef Py_ssize_t size

    def __dealloc__(self):
        PyMem_Free(self.desk)

    def __init__(self, dict form not None):
        """form: its members by their names: holes, objects like this one, and values that are always the same."""
        self.around, self.holes = [], []
        cdef list text = []
        self._learn(form, text)
        self._end(text)
        self.fixed = sum(map(len, self.around))

    cdef int _learn(self, dict form, list text) except -1:
        cdef str before = ""
        text.append("{")
        for name, value in form.items():
            text.append(f"{before}{dumps(name)}:")
            before = ","
            if isinstance(value, Hole):
                self._end(text)
                self.holes.append(value)
            elif isinstance(value, dict) and value:
                self._learn(value, text)
            else:
                text.append(dumps(value, separators=(",", ":")))
        text.append("}")
        return 0

    cdef int _end(self, list text) except -1:
        self.around.append("".join(text).encode())
        text.clear()
        return 0

    def filled(self, object source not None, dict given not None):
        """Return it with the attributes of an object, and what is given beside them.

        Raises AttributeError or KeyError for what is not there, TypeError for what no hole takes, OverflowError for an
        integer of more than 64 bits, and UnicodeEncodeError for a text that is no Unicode.
        """
        cdef list values = []
        cdef Hole hole
        cdef Py_ssize_t room = self.fixed
        for hole in self.holes:
            value = given[hole.name] if type(hole) is Given else PyObject_GetAttr(source, hole.name)
            room += _most(value)
            values.append(value)
        cdef char *at = self._desk(room)
        cdef Py_ssize_t i, count = len(values)
        for i in range(count):
            at = _put_bytes(at, <bytes>self.around[i])
            at = _put(at, values[i], (<Hole>self.holes[i]).places)
        at = _put_bytes(at, <bytes>self.around[count])
        return PyBytes_FromStringAndSize(self.desk, at - self.desk)

    cdef char *_desk(self, Py_ssize_t room) except NULL:
        # Where it is written, before it is known how long it is.
        if room > self.size or self.size > LARGE:
            PyMem_Free(self.desk)
            self.size = 0
            self.desk = <char *>PyMem_Malloc(<size_t>room)
            if self.desk is NULL:
                raise MemoryError()
            self.size = room
        return self.desk


cdef Py_ssize_t _most(object value) except -1:
    # How many bytes a value takes at most.
    cdef Py_ssize_t size, sum
    if value is None:
        return JSON_NUMBER_MOST
    if isinstance(value, str):
        PyUnicode_AsUTF8AndSize(value, &size)
        return json_text_most(size)
    if isinstance(value, bytes):
        return PyBytes_GET_SIZE(value)
    if isinstance(value, tuple):
        sum = 2
        for one in <tuple>value:
            PyUnicode_AsUTF8AndSize(one, &size)
            sum += 1 + json_text_most(size)
        return sum
    return JSON_NUMBER_MOST


cdef char *_put(char *at, object value, int places) except NULL:
    cdef Py_ssize_t size, number = 0
    cdef const char *text
    if value is None:
        return _put_bytes(at, b"null")
    if isinstance(value, str):
        text = PyUnicode_AsUTF8AndSize(value, &size)
        return json_put_text(at, text, size)
    if isinstance(value, bytes):
        return _put_bytes(at, value)
    if isinstance(value, bool):
        return _put_bytes(at, b"true" if value else b"false")
    if isinstance(value, int):
        return json_put_decimal(at, PyLong_AsLongLong(value), places)
    if not isinstance(value, tuple):
        raise TypeError(f"no JSON is made of {type(value).__name__}")
    at[0] = b"["
    at += 1
    for one in <tuple>value:
        if number:
            at[0] = b","
            at += 1
        number += 1
        text = PyUnicode_AsUTF8AndSize(one, &size)
        at = json_put_text(at, text, size)
    at[0] = b"]"
    return at + 1


cdef inline char *_put_bytes(char *at, bytes text) noexcept:
    memcpy(at, PyBytes_AS_STRING(text), <size_t>PyBytes_GET_SIZE(text))
    return at + PyBytes_GET_SIZE(text)
