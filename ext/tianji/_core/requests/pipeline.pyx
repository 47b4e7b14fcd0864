"""What the requests of a worker share, and what a family of routes asks of an upstream."""

import cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

from tianji._core.upstreams.pool cimport Pool
from tianji._core.routing.router cimport Table


@cython.final
cdef class Operation:
    """What a family of routes asks of an upstream."""

    def __init__(
        self, str name not None, *, unsigned long long bit, tuple members not None, object complain,
        str default_model=None, bint streams=False, bint streamed=False, bint media=False, object errors=None,
        bytes answers=None,
    ):
        self.name = name
        self.bit = bit
        self.members = members
        self.complain = complain
        self.default_model = default_model
        self.streams = streams
        self.streamed = streamed
        self.media = media
        self.errors = errors
        self.answers = answers


@cython.final
cdef class Pipeline:
    """What all requests of one worker share."""

    def __init__(
        self, *, Table table not None, Pool pool not None, object failures, object steering, object canned,
        object courses, object admissions, bytes call_prefix not None, object entries=None,
    ):
        self.table = table
        self.pool = pool
        self.failures = failures
        self.steering = steering
        self.canned = canned
        self.courses = courses
        self.admissions = admissions
        self.call_prefix = call_prefix
        self.entries = entries
        self.calls = 0

    cdef bytes new_call_id(self):
        """The worker's own prefix, then a counter: unique without a look at the clock, the process or a lock."""
        cdef Py_ssize_t size = PyBytes_GET_SIZE(self.call_prefix)
        cdef bytes text = PyBytes_FromStringAndSize(NULL, size + 16)
        cdef char* at = PyBytes_AS_STRING(text)
        cdef unsigned long long rest
        cdef int i
        self.calls += 1
        rest = <unsigned long long>self.calls
        memcpy(at, PyBytes_AS_STRING(self.call_prefix), <size_t>size)
        for i in range(15, -1, -1):
            at[size + i] = b"0123456789abcdef"[rest & 15]
            rest >>= 4
        return text
