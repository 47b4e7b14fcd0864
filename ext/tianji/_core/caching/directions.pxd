"""Vectors of which the one is found that another points the same way as."""


cdef class Directions:
    cdef float *rows                  # unit vectors, one after another; owned
    cdef readonly Py_ssize_t width    # numbers of one
    cdef Py_ssize_t count
