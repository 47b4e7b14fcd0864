"""The memory of a journal's file."""


cdef class Page:
    cdef readonly Py_ssize_t at     # where the next record will stand
    cdef public Py_ssize_t mark     # how far records are put without anybody being asked
    cdef readonly Py_ssize_t end
    cdef char* start                # NULL once it was closed
    cdef Py_buffer view

    cdef bint put(self, const unsigned char* body, Py_ssize_t size) noexcept
    cdef bint _copy(self, const unsigned char* body, Py_ssize_t size, Py_ssize_t most) noexcept
