"""Names of random hex digits."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from os import register_at_fork, urandom

cdef enum:
    AT_ONCE = 256

cdef object RANDOM = urandom


@cython.final
cdef class Names:
    """Makes names of so many digits, an even number. The system is asked for many at once; a forked child asks anew.

    For the life of a process: what is registered for its forks stays.
    """

    def __init__(self, Py_ssize_t digits):
        self.digits = digits
        self.drawn = b""
        register_at_fork(after_in_child=self._drop)

    cpdef bytes new(self):
        """The next name."""
        cdef Py_ssize_t at = self.at
        if at == PyBytes_GET_SIZE(self.drawn):
            self.drawn, at = RANDOM(AT_ONCE * self.digits // 2).hex().encode(), 0
        self.at = at + self.digits
        return PyBytes_FromStringAndSize(PyBytes_AS_STRING(self.drawn) + at, self.digits)

    def _drop(self):
        self.at = PyBytes_GET_SIZE(self.drawn)
