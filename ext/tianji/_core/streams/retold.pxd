"""Streams that are told from memory."""

from tianji._core.bodies.frames cimport Form, Frame, Frames
from tianji._core.streams.figures cimport Figures
from tianji._core.bodies.names cimport Names
from tianji._core.streams.script cimport Script
from tianji._core.streams.translated cimport TranslatedStream


cdef class Step:
    cdef bint alone               # it was an event of text alone
    cdef bint spoke
    cdef bint done
    cdef bint finished
    cdef tuple manner             # how the stream's refrain is made, or None
    cdef Figures figures          # tell usage, where it is said; None until that is asked for


cdef class Flow:
    cdef readonly object begin    # begins to read a stream
    cdef object learn    # from one that was read
    cdef Form form
    cdef tuple key
    cdef readonly Frames frames
    cdef str model       # the name that the client knows
    cdef tuple content_types
    cdef object framer            # makes what cuts a body; None: events are server-sent
    cdef bytes content_type
    cdef Names names     # of answers that the upstream gives none; or None
    cdef object now      # dates them, in seconds; or None
    cdef tuple doubts
    cdef object beside
    cdef Frame first     # what the last stream began with; None: nothing that is known

    cdef RetoldStream stream(self, bytes preface, bytes content_type)
    cdef bint doubts_of(self, bytes payload) except -1


cdef class RetoldStream(TranslatedStream):
    cdef Flow flow
    cdef Script script            # None: nothing of this stream is remembered any more
    cdef bytes preface
    cdef bint recalls             # what is told comes from memory
    cdef list told                # of each line, once it is read: see reread

    cdef bint know(self, str kind, str name, bytes payload) except -1
    cdef bint find(self, str kind, str name, bytes payload) except -1
    cdef int know_run(self) except -1
    cdef bint recall(self, bytes payload) except -1
    cdef int wake(self, Py_ssize_t lines) except -1
    cdef int record(self, Py_ssize_t told) except -1
    cdef int forget(self) except -1
