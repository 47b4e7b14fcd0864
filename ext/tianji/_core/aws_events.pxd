"""The AWS event stream, cut into events."""


cdef class AwsEvents:
    cdef object read                 # name and payload of a message, out of its headers and payload
    cdef bytes held
    cdef Py_ssize_t at               # how much of that was taken
    cdef dict names                  # of events, by their headers

    cdef tuple next(self)
