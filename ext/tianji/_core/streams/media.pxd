"""Streamed answers of pictures and sound."""

from tianji._core.streams.events cimport EventStream
from tianji._core.streams.stream cimport AnswerStream


cdef class MediaEvents(EventStream):
    pass


cdef class MediaBytes(AnswerStream):
    pass


cdef class MediaWhole(AnswerStream):
    cdef object convert
    cdef list pieces
    cdef Py_ssize_t size
