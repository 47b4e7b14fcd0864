"""A stream in the upstream's form that the client gets in its own, event by event.

The interfaces of both sides are those of tianji.protocol.chat.seam.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t

from tianji._core.streams.refrain cimport REFRAIN_EVENTS, Refrain, refrain_event
from tianji._core.bodies.spans cimport ObjectSpans
from tianji._core.streams.sse cimport sse_unit
from tianji._core.streams.usage cimport read_usage

import msgspec

from tianji.errors import StreamFailed, UpstreamProtocolError

cdef enum:
    PATIENCE = 4  # events that nothing was like

cdef object ENCODE = msgspec.json.Encoder().encode
cdef object UNSET = msgspec.UNSET
cdef object StreamFailed_ = StreamFailed
cdef object UpstreamProtocolError_ = UpstreamProtocolError


cdef str text_alone(object chunk):
    """The text of a chunk that says nothing else; None of any other."""
    if len(chunk.choices) != 1 or chunk.usage or chunk.service_tier:
        return None
    choice = chunk.choices[0]
    if choice.finish_reason is not None or choice.logprobs or not isinstance(choice.delta.content, str):
        return None
    delta = choice.delta
    for name in delta.__struct_fields__:
        if name != "content" and getattr(delta, name):
            return None
    return delta.content


cdef class TranslatedStream(EventStream):
    """What the decoder of a protocol reads, the encoder of a dialect writes.

    model: the name that stands in every chunk; framer: cuts a body that is no stream of server-sent events into
    (name, payload) pairs by its `feed`; None where it is one. content_type: of what the encoder writes; None: events.
    """

    def __init__(
        self, object decoder, object encoder, str model not None, object framer=None, bytes content_type=None,
    ):
        self.content_type = content_type
        self.model = model
        self.framer = framer
        self.aws = framer if isinstance(framer, AwsEvents) else None
        if decoder is not None:
            self.adopt(decoder, encoder)

    cdef int adopt(self, object decoder, object encoder) except -1:
        # Have these read and write from here on.
        self.decoder, self.encoder = decoder, encoder
        member = getattr(decoder, "text_member", None)
        if member is not None and getattr(encoder, "repeats", False):
            self.decoder_hears, self.encoder_hears = hasattr(decoder, "heard"), hasattr(encoder, "heard")
            self.manner = (
                member, self.decoder_hears or self.encoder_hears, getattr(decoder, "counts_along", False))
            if self.refrain is None:
                self.refrain = Refrain(*self.manner)
        return 0

    cpdef bytes feed(self, bytes data):
        """Take the next bytes of the body; the bytes to hand on now, b"" if none."""
        if self.framer is None:
            return EventStream.feed(self, data)
        if self.done or self.failed:
            return b""
        try:
            if self.aws is not None:
                self.feed_aws(data)
            else:
                self.feed_framed(data)
        except UpstreamProtocolError_ as fault:
            self.unreadable(fault)
        return self.handed_on()

    cdef int feed_aws(self, bytes data) except -1:
        # Take the next bytes of an AWS event stream.
        cdef refrain_event[REFRAIN_EVENTS] alike
        cdef Py_ssize_t count = 0
        cdef bytes head
        self.aws.feed(data)
        try:
            while not self.done and not self.failed and self.aws.find():
                if self.refrain is not None and self.learnt_head is not None and self.aws.alike(
                        self.learnt_head) and self.refrain.note(self.aws.payload, self.aws.payload_end, &alike[count]):
                    count += 1
                    if count == REFRAIN_EVENTS:
                        self.repeated(alike, count)
                        count = 0
                    continue
                if count:
                    self.repeated(alike, count)
                    count = 0
                head = self.aws.headers()
                name, payload = self.aws.event()
                self.take(name, payload)
                self.learnt_head = head
        finally:
            if count:
                self.repeated(alike, count)
        return 0

    cdef int repeated(self, refrain_event *events, Py_ssize_t count) except -1:
        # Hand on events that are like the one that was learnt.
        self.events += count
        self.out.append(self.refrain.tell(events, count))
        return 0

    cdef int feed_framed(self, bytes data) except -1:
        # Take the next bytes of a body that another framer cuts.
        cdef const uint8_t *start
        cdef bytes payload
        for name, payload in self.framer.feed(data):
            start = <const uint8_t *>PyBytes_AS_STRING(payload)
            if name != self.learnt or not self.repeat(start, start + PyBytes_GET_SIZE(payload)):
                self.take(name, payload)
            if self.done or self.failed:
                break
        return 0

    cpdef bytes close(self):
        """Take the end of the body; the bytes to hand on."""
        cdef bytes out = EventStream.close(self)
        if self.failed:
            return out
        self.conclude()
        return out + self.handed_on()

    cdef int conclude(self) except -1:
        # Read the end of the body.
        try:
            self.tell_what_passed()
            self.write(self.decoder.end())
        except UpstreamProtocolError_ as fault:
            self.unreadable(fault)
        self.finished = self.decoder.finished
        return 0

    cpdef bytes ending(self):
        """What tells the client that a whole answer ends here."""
        self.tell_what_passed()
        return self.encoder.end()

    cpdef bytes shortened(self, str reason):
        """What ends an answer here, on purpose and for this reason."""
        cdef bytes told = b""
        self.tell_what_passed()
        chunk = self.last
        if chunk is not None:
            choice = chunk.choices[0]
            chunk.choices = [type(choice)(index=choice.index, delta=type(choice.delta)(), finish_reason=reason)]
            told = self.encoder.chunk(chunk)
        return told + self.encoder.end()

    cpdef bytes cut(self, object error):
        """What tells the client that the answer ends early. `error`: a TianjiError."""
        self.tell_what_passed()
        return self.encoder.failed({
            "message": error.message, "type": error.wire_type, "param": error.param,
            "code": error.code or str(error.status), "status": error.status,
        })

    cdef int event(self, const uint8_t *s, Py_ssize_t at, sse_unit *unit) except -1:
        cdef str name = ""
        if unit.data_lines == 1 and not unit.error and self.repeat(s + unit.payload, s + unit.payload_end):
            return 0
        if unit.name_end > unit.name:
            name = s[unit.name:unit.name_end].decode("utf-8", "replace")
        self.take(name, self.payload(s, at, unit))
        if self.refrain is not None:
            self.refrain.framed(s, at, unit)
        return 0

    cdef Py_ssize_t skim(self, const uint8_t *s, Py_ssize_t at, Py_ssize_t size) except -1:
        cdef Refrain refrain = self.refrain
        cdef long long before
        if refrain is None or refrain.opening is None:
            return at
        before = refrain.repeated
        at = refrain.skim(s, at, size, self.out)
        self.events += refrain.repeated - before
        return at

    cdef bint repeat(self, const uint8_t *start, const uint8_t *end) except -1:
        # Hand on an event that is like the one before it; False where it has to be read.
        cdef bytes told = None if self.refrain is None else self.refrain.repeat(start, end)
        if told is None:
            return False
        self.events += 1
        self.out.append(told)
        return True

    cdef int take(self, str name, bytes payload) except -1:
        cdef Py_ssize_t told = len(self.out)
        self.events += 1
        try:
            self.tell_what_passed()
            self.read(name, payload)
            if self.refrain is not None:
                self.learn(payload, told)
                self.learnt = name
        except StreamFailed_ as failure:
            self.failed = True
            self.error = failure.payload
        except UpstreamProtocolError_ as fault:
            self.unreadable(fault)
        self.done = self.decoder.done
        return 0

    cdef int read(self, str name, bytes payload) except -1:
        # Read an event, and write what is told of it. Raises StreamFailed and UpstreamProtocolError.
        cdef Py_ssize_t told = len(self.out)
        chunks = self.decoder.event(name, payload)
        self.write(chunks)
        self.alone = None
        if self.refrain is not None and len(chunks) == 1 and len(self.out) == told + 1:
            self.alone = text_alone(chunks[0])
        return 0

    cdef int tell_what_passed(self) except -1:
        # Let both sides know of text that they did not read or write.
        cdef Refrain refrain = self.refrain
        if refrain is None:
            return 0
        refrain.forget()
        if refrain.repeated:
            self.hear(refrain.passed, refrain.repeated, refrain.taken(), refrain.last)
            refrain.rest()
        return 0

    cdef int hear(self, long long characters, long long events, str text, bytes last) except -1:
        # Let both sides know of a run of texts. last: the event that was the last of them, where it matters.
        self.decoder.passed(characters)
        if last is not None:
            self.decoder.counted(last)
        if self.decoder_hears:
            self.decoder.heard(text)
        if self.encoder_hears:
            self.encoder.heard(text, events)
        return 0

    cdef int learn(self, bytes payload, Py_ssize_t told) except -1:
        # Learn from an event that was read, if it was text alone. `told`: how much was to be handed on before it.
        if self.alone:
            if self.refrain.fruitless > PATIENCE:
                self.refrain = None  # what surrounds the text changes all the time
            else:
                self.refrain.learn(payload, self.alone, self.out[told])
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
            self.said = ENCODE(said)
            self.usage = read_usage(ObjectSpans.scan(self.said))
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
