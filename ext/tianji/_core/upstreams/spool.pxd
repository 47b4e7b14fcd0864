"""Bytes that are kept in a file without a name, so that they need no memory."""


cdef class Spool:
    cdef int descriptor            # -1 once it is closed
    cdef readonly long long size   # bytes

    cdef int append(self, const char* data, Py_ssize_t size) except -1
    cpdef bytes read(self, long long at, Py_ssize_t size)


cdef class Extent:
    # A part of a spool.
    cdef readonly Spool spool
    cdef readonly long long at
    cdef readonly long long size   # bytes
