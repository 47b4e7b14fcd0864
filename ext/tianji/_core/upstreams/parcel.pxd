"""A request that is sent piece by piece."""

from tianji._core.edges.wire cimport Wire


cdef class Parcel:
    cdef readonly list parts        # bytes and Extents, in order
    cdef bint full                  # the transport takes no more for now
    cdef Py_ssize_t index           # of the part that is being sent
    cdef long long at               # in it

    cdef int rewind(self) except -1
    cdef bint pour(self, Wire wire) except -1
    cdef bytes next_piece(self)
