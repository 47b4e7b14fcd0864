"""What an attempt knows of a streamed answer, whatever its form."""

from tianji._core.streams.usage cimport Usage


cdef object no_object(bytes payload)


cdef class AnswerStream:
    cdef readonly Usage usage        # the last one seen, None before
    cdef readonly bint done          # nothing follows
    cdef readonly bint finished      # the answer is whole, though the end may be missing
    cdef readonly bint failed        # the upstream said that it failed, or what it says cannot be read
    cdef readonly long long events   # data events, without the end and what made it fail
    cdef readonly bytes error        # what the upstream said of its failure, JSON; None: nothing that can be read
    cdef readonly object fault       # the TianjiError of what cannot be read, where more is known of it; or None
    cdef readonly bint spoke         # there was something for the reader
    cdef readonly bint opaque        # nobody reads it: what it costs is known when it begins, and no error fits into it
    cdef readonly bytes content_type  # of what is handed on; None: server-sent events

    cpdef bytes feed(self, bytes data)
    cpdef bytes close(self)
    cpdef bytes ending(self)
    cdef bint answered(self) noexcept
    cpdef bytes shortened(self, str reason)
    cpdef bytes cut(self, object error)
