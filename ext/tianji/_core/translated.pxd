"""A stream in the upstream's form that the client gets in its own."""

from tianji._core.events cimport EventStream
from tianji._core.refrain cimport Refrain


cdef class TranslatedStream(EventStream):
    cdef object decoder              # EventDecoder
    cdef object encoder              # EventEncoder
    cdef object framer               # cuts the body into events; None: they are server-sent
    cdef str model                   # the name that the client sees
    cdef Refrain refrain             # what it repeats; None where each event has to be read
    cdef str learnt                  # the name of the event that was learnt from
    cdef bint decoder_hears          # the texts that are repeated
    cdef bint encoder_hears
    cdef object last                 # the last chunk that said something, None before

    cdef bint repeat(self, str name, bytes payload) except -1
    cdef int take(self, str name, bytes payload) except -1
    cdef int tell_what_passed(self) except -1
    cdef int learn(self, bytes payload, object chunks, Py_ssize_t told) except -1
    cdef int write(self, object chunks) except -1
    cdef int note(self, object chunk) except -1
