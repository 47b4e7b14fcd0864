"""A stream in the upstream's form that the client gets in its own, event by event.

The interfaces of both sides are those of tianji.protocol.chat.seam.
"""

cimport cython
from libc.stdint cimport uint8_t

from tianji._core.spans cimport ObjectSpans
from tianji._core.sse cimport sse_unit
from tianji._core.usage cimport read_usage

import msgspec

from tianji.errors import StreamFailed, UpstreamProtocolError

cdef object ENCODE = msgspec.json.Encoder().encode
cdef object UNSET = msgspec.UNSET
cdef object StreamFailed_ = StreamFailed
cdef object UpstreamProtocolError_ = UpstreamProtocolError


@cython.final
cdef class TranslatedStream(EventStream):
    """What the decoder of a protocol reads, the encoder of a dialect writes.

    model: the name that stands in every chunk; framer: cuts a body that is no stream of server-sent events into
    (name, payload) pairs by its `feed`; None where it is one. content_type: of what the encoder writes; None: events.
    """

    def __init__(
        self, object decoder, object encoder, str model not None, object framer=None, bytes content_type=None,
    ):
        self.content_type = content_type
        self.decoder = decoder
        self.encoder = encoder
        self.model = model
        self.framer = framer

    cpdef bytes feed(self, bytes data):
        """Take the next bytes of the body; the bytes to hand on now, b"" if none."""
        if self.framer is None:
            return EventStream.feed(self, data)
        if self.done or self.failed:
            return b""
        try:
            for name, payload in self.framer.feed(data):
                self.take(name, payload)
                if self.done or self.failed:
                    break
        except UpstreamProtocolError_ as fault:
            self.unreadable(fault)
        return self.handed_on()

    cpdef bytes close(self):
        """Take the end of the body; the bytes to hand on."""
        cdef bytes out = EventStream.close(self)
        if self.failed:
            return out
        try:
            self.write(self.decoder.end())
        except UpstreamProtocolError_ as fault:
            self.unreadable(fault)
        self.finished = self.decoder.finished
        return out + self.handed_on()

    cpdef bytes ending(self):
        """What tells the client that a whole answer ends here."""
        return self.encoder.end()

    cpdef bytes shortened(self, str reason):
        """What ends an answer here, on purpose and for this reason."""
        cdef bytes told = b""
        chunk = self.last
        if chunk is not None:
            choice = chunk.choices[0]
            chunk.choices = [type(choice)(index=choice.index, delta=type(choice.delta)(), finish_reason=reason)]
            told = self.encoder.chunk(chunk)
        return told + self.encoder.end()

    cpdef bytes cut(self, object error):
        """What tells the client that the answer ends early. `error`: a TianjiError."""
        return self.encoder.failed({
            "message": error.message, "type": error.wire_type, "param": error.param,
            "code": error.code or str(error.status), "status": error.status,
        })

    cdef int event(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit) except -1:
        cdef str name = ""
        if unit.name_end > unit.name:
            name = s[unit.name:unit.name_end].decode("utf-8", "replace")
        return self.take(name, self.payload(s, at, unit))

    cdef int take(self, str name, bytes payload) except -1:
        self.events += 1
        try:
            self.write(self.decoder.event(name, payload))
        except StreamFailed_ as failure:
            self.failed = True
            self.error = failure.payload
        except UpstreamProtocolError_ as fault:
            self.unreadable(fault)
        self.done = self.decoder.done
        return 0

    cdef int write(self, object chunks) except -1:
        cdef bytes text
        for chunk in chunks:
            chunk.model = self.model
            self.note(chunk)
            text = self.encoder.chunk(chunk)
            if text:
                self.out.append(text)
        return 0

    cdef int note(self, object chunk) except -1:
        # What a chunk says of the whole: what was used, and whether there is anything for the reader yet.
        used = chunk.usage
        if used is not UNSET and used is not None:
            said = {"usage": used}
            if chunk.service_tier:
                said["service_tier"] = chunk.service_tier
            self.usage = read_usage(ObjectSpans.scan(ENCODE(said)))
        if chunk.choices:
            self.last = chunk
        if self.spoke:
            return 0
        for choice in chunk.choices:
            if choice.finish_reason is not None:
                self.spoke = True
                return 0
            delta = choice.delta
            for name in delta.__struct_fields__:
                if name != "role" and getattr(delta, name):
                    self.spoke = True
                    return 0
        return 0
