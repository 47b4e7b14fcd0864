"""The AWS event stream, cut into events."""


cdef class AwsEvents:
    cdef object read                 # name and payload of a message, out of its headers and payload
    cdef bytes held
    cdef Py_ssize_t at               # how much of that was taken
    cdef dict names                  # of events, by their headers
    cdef const unsigned char *head   # of the message that was found: its headers, up to its payload
    cdef const unsigned char *payload
    cdef const unsigned char *payload_end

    cdef bint find(self) except -1
    cdef bytes headers(self)
    cdef bint alike(self, bytes head) noexcept
    cdef tuple event(self)
