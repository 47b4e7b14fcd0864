"""A stream in the upstream's form that the client gets in its own."""

from libc.stdint cimport uint8_t

from tianji._core.streams.aws_events cimport AwsEvents
from tianji._core.streams.events cimport EventStream
from tianji._core.streams.refrain cimport Refrain, refrain_event


cdef class TranslatedStream(EventStream):
    cdef object decoder              # EventDecoder
    cdef object encoder              # EventEncoder
    cdef object framer               # cuts the body into events; None: they are server-sent
    cdef str model                   # the name that the client sees
    cdef Refrain refrain             # what it repeats; None where each event has to be read
    cdef AwsEvents aws               # the framer, where it is this one; or None
    cdef str learnt                  # the name of the event that was learnt from
    cdef bytes learnt_head           # its headers, where there are such
    cdef bint decoder_hears          # the texts that are repeated
    cdef bint encoder_hears
    cdef tuple manner                # how the refrain is made; None: there is none
    cdef str alone                   # the text of the event that was read, where it is all that is said; or None
    cdef bytes said                  # what was said of usage last, in OpenAI's form; None before
    cdef object last                 # the last chunk that said something, None before

    cdef int adopt(self, object decoder, object encoder) except -1
    cdef int feed_aws(self, bytes data) except -1
    cdef int feed_framed(self, bytes data) except -1
    cdef int repeated(self, refrain_event *events, Py_ssize_t count) except -1
    cdef bint repeat(self, const uint8_t *start, const uint8_t *end) except -1
    cdef int take(self, str name, bytes payload) except -1
    cdef int read(self, str name, bytes payload) except -1
    cdef int conclude(self) except -1
    cdef int tell_what_passed(self) except -1
    cdef int hear(self, long long characters, long long events, str text, bytes last) except -1
    cdef int learn(self, bytes payload, Py_ssize_t told) except -1
    cdef int write(self, object chunks) except -1
    cdef int note(self, object chunk) except -1
