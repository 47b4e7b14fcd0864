"""What an attempt knows of a streamed answer, whatever its form."""

from tianji.errors import UpstreamProtocolError

cdef enum:
    QUOTED = 800  # bytes of an event that an error may quote


cdef object no_object(bytes payload):
    """The error of an event that cannot be read."""
    return UpstreamProtocolError(
        "the upstream sent an event that is no JSON object; what follows is lost", payload=payload[:QUOTED])


cdef class AnswerStream:
    """Base of the streams of answers: fed with pieces of a body, cut anywhere, it gives what the client is to get."""

    cpdef bytes feed(self, bytes data):
        """Take the next bytes of the body; the bytes to hand on now, b"" if none."""
        raise NotImplementedError

    cpdef bytes close(self):
        """Take the end of the body; the bytes to hand on."""
        raise NotImplementedError

    cpdef bytes ending(self):
        """What tells the client that a whole answer ends here; b"" where that was handed on already."""
        raise NotImplementedError

    cdef bint answered(self) noexcept:
        """Whether a stream that came to its end was more than that."""
        return self.opaque or self.spoke

    cpdef bytes shortened(self, str reason):
        """What ends an answer here, on purpose and for this reason. None: as one of OpenAI's ends."""
        return None

    cpdef bytes cut(self, object error):
        """What tells the client that the answer ends early. `error`: a TianjiError. None: an error of the dialect."""
        return None
