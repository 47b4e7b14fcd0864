"""Answers of the native edge as bytes."""

cdef extern from "http_write.h":
    ctypedef struct http_text:
        char* data
        Py_ssize_t size
        Py_ssize_t room


cdef class Reply:
    cdef http_text text
    cdef long long second      # of the date line
    cdef char date[38]

    cdef int begin(self, int status, list headers) except -1
    cdef int close_after(self) except -1
    cdef int keep_open(self) except -1
    cdef int chunked(self) except -1
    cdef bytes head(self)
    cdef bytes whole(self, Py_ssize_t length, bytes body)
    cdef bytes taken(self, Py_ssize_t more)


cdef bytes framed(bytes head, bytes chunk, bint last)
