"""Names of random hex digits."""


cdef class Names:
    cdef Py_ssize_t digits
    cdef bytes drawn
    cdef Py_ssize_t at

    cpdef bytes new(self)
