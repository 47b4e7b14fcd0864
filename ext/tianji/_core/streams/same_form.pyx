"""Between a client and an upstream that speak the same form, which is not OpenAI's: the bytes go through."""

cimport cython

from tianji._core.edges.exchange cimport Exchange
from tianji._core.upstreams.fields cimport PLAIN
from tianji._core.bodies.frames cimport Frame
from tianji._core.streams.remembered cimport Known, known, wants_array
from tianji._core.requests.sealing cimport finished
from tianji._core.requests.shaping cimport Shaped, holds, shape_body
from tianji._core.bodies.spans cimport ObjectSpans

cdef enum:
    MANY = 64            # heads that are remembered
    LONGEST = 4 * 1024   # bytes of one

cdef tuple FILTERED = (b'"stop_reason":"refusal"', b'"incomplete_details":{"reason":"content_filter"}')


cdef class SameForm:
    """Writes requests, and notes what their answers say.

    arrays: whether a stream is one JSON array unless `alt=sse` is asked for. sign: see `finished`. notes: where answers
    do not say what they used as the gateway reads it, what remembers that; `telling` is how it looks at them.
    """

    def __init__(
        self, bint named, frozenset carries not None, bint arrays, object sign, RememberedAnswers notes=None,
        Telling telling=None,
    ):
        if (notes is None) != (telling is None):
            raise TypeError("notes and telling belong together")
        if not carries.isdisjoint(PLAIN):
            raise ValueError("exchanges do not note these headers")
        self.named, self.carries, self.arrays, self.sign = named, carries, arrays, sign
        self.notes, self.telling = notes, telling
        self.heads = {}

    def write_head(self, head, model, streamed, carried):
        """The head of a request, up to the length of its body, and its target."""
        raise NotImplementedError

    def read(self, sighting, body):
        """Whether a content filter cut an answer, and what it used. Raises UpstreamProtocolError and StreamFailed."""
        raise NotImplementedError

    def stream(self, model, as_array, content_type):
        """What reads a streamed answer of this type, None where the type says that it is none."""
        raise NotImplementedError

    cpdef Passing begin(self, Plan plan, object sought, bytes model, bytes head):
        """Write the request; a Passing. Raises UnsupportedParams."""
        cdef Through through = Through.__new__(Through)
        cdef ObjectSpans spans = sought.spans
        cdef bint streamed = sought.stream
        cdef Shaped shaped
        cdef bytes begun
        cdef str target
        if spans is None:
            raise RuntimeError("the body of the request was let go of already")
        shaped = shape_body(plan, spans, model if self.named else None, streamed)
        begun, target = self.headed(head, model, streamed, self.carried(sought.exchange))
        if self.sign is None:
            through.request = shaped.request(begun)
        else:
            through.request = finished(begun, self.sign, target, shaped.body)
        through.way = self
        through.model = sought.model_json
        through.as_array = self.arrays and wants_array(sought)
        return through

    cdef tuple headed(self, bytes head, bytes model, bint streamed, tuple carried):
        # The head of a request, up to its length, and its target: those of many are the same.
        cdef tuple key = (head, model, streamed, carried)
        found = self.heads.get(key)
        if found is None:
            found = self.write_head(head, model, streamed, carried)
            if len(self.heads) >= MANY:
                self.heads.clear()
            if len(<bytes>found[0]) <= LONGEST:
                self.heads[key] = found
        return found

    cdef tuple carried(self, Exchange exchange):
        if not self.carries:
            return ()
        return tuple([pair for pair in exchange.noted if pair[0] in self.carries])


@cython.final
cdef class Through(Passing):
    """One request under way whose bytes go through. Get one from `begin`."""

    def __init__(self):
        raise TypeError("requests under way come from begin()")

    cdef bytes recall(self, bytes body):
        """An answer that nobody has looked at yet, if what it says is known; else None."""
        cdef Frame frame
        if self.way.notes is None:
            return None
        self.sighting = self.way.notes.look(self.way.telling, b"", body)
        frame = known(self.sighting)
        if frame is None or not (<Known>frame.value).note(self, self.sighting, frame.outputs[1], 0):
            return None
        return body

    cpdef AnswerStream stream(self, bytes content_type):
        """What reads a streamed answer of this type; None where the type says that it is none."""
        return self.way.stream(self.model, self.as_array, content_type)

    cpdef tuple answer(self, bytes body):
        """A whole answer as it is, and what it says of usage where the gateway cannot read that itself."""
        if self.way.notes is None:
            self.filtered = holds(body, FILTERED[0]) or holds(body, FILTERED[1])
            return body, None
        if self.sighting is None or self.sighting.body is not body:
            if self.recall(body) is not None:
                return body, self.used
        self.filtered, used = self.way.read(self.sighting, body)
        return body, used
