"""Between two forms from memory: requests and answers of a known shape are written without being read.

What has to be read is the business of subclasses: `translating` and `retelling` of tianji.gateway.translation.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from tianji._core.streams.figures cimport Figures
from tianji._core.streams.retold cimport Flow
from tianji._core.requests.sealing cimport finished
from tianji._core.requests.shaping cimport holds
from tianji._core.bodies.spans cimport ObjectSpans
from tianji._core.bodies.templates cimport Template
from tianji._core.streams.usage cimport read_usage


cdef extern from *:
    int snprintf "PyOS_snprintf"(char *to, size_t size, const char *form, ...) noexcept

cdef enum:
    BYTES_A_TOKEN = 4
    PREFACE = 320  # bytes that are enough for one


cdef Frame known(Sighting sighting):
    """What is remembered of a shape; None where nothing is, or that it has to be read."""
    if sighting is None or sighting.frame is None or sighting.frame.value is None:
        return None
    return sighting.frame


@cython.final
cdef class Telling:
    """How answers to a request are told. flow: streams; None where each is read."""

    def __init__(self, Form form, object settled, Names names, object now, Flow flow=None):
        self.form, self.settled, self.names, self.now, self.flow = form, settled, names, now, flow


@cython.final
cdef class Written:
    """A request in both forms, and how answers to it are told."""

    def __init__(
        self, object inbound, object outbound, str target not None, bytes begun not None, Telling answers not None,
    ):
        self.inbound, self.outbound, self.target, self.begun, self.answers = inbound, outbound, target, begun, answers
        self.takes_lists = getattr(outbound, "takes_lists", False)


@cython.final
cdef class Known:
    """What is remembered of an answer besides what is told."""

    def __init__(self, bint filtered, Names names, object now):
        self.filtered, self.names, self.now = filtered, names, now

    cdef bint note(self, Passing passing, Sighting sighting, Template usage, long long now) except -1:
        # Note what is known of an answer; False where a count is not as it was then. usage: what says it.
        if self.figures is None:
            self.figures = Figures(usage)
        if not self.figures.silent:
            passing.used = self.figures.usage(sighting, now)
            if passing.used is None:
                return False
        passing.filtered = self.filtered
        return True


cdef class RememberedAnswers:
    """Tells clients of a dialect what upstreams of a protocol say.

    beside: says what of an answer beside its shape decides how it is told, None where that cannot be remembered; asked
    where one of `doubts` stands in the body, all others are alike.
    """

    def __init__(
        self, Frames frames not None, str dialect not None, str protocol, tuple doubts=(), object beside=None,
    ):
        self.frames, self.dialect, self.protocol, self.doubts, self.beside = frames, dialect, protocol, doubts, beside

    def read(self, sighting, inbound, outbound, model, body):
        """What is told of an answer, usage in OpenAI's form, and whether a filter cut it: (body, usage, filtered).

        sighting: of its shape, None where that cannot be remembered. Raises UpstreamProtocolError and StreamFailed.
        """
        raise NotImplementedError

    def stream(self, inbound, outbound, model, content_type):
        """What reads a streamed answer of this type, None where the type says that it is none."""
        raise NotImplementedError

    cdef Sighting look(self, Telling telling, bytes model, bytes body):
        # Look at an answer; None where none like it can be remembered.
        cdef object beside = False
        cdef bytes doubt
        if telling.form is None:
            return None
        for doubt in self.doubts:
            if holds(body, doubt):
                beside = self.beside(body)
                if beside is None:
                    return None
                break
        return self.frames.look(telling.form, body, (self.dialect, self.protocol, model, beside, telling.settled))

    cdef bytes tell(self, Translated translated, Sighting sighting):
        # What is told of an answer whose shape is known; None where it is not, or a count is not as it was then.
        cdef Frame frame = known(sighting)
        cdef Telling telling = translated.written.answers
        cdef Known remembered
        cdef long long now = 0
        cdef bytes name = b"", body
        if frame is None:
            return None
        remembered = frame.value
        if telling.names is not None:
            now, name = translated.created, translated.called()
        else:
            if remembered.now is not None:
                now = <long long>remembered.now()
            if remembered.names is not None:
                name = remembered.names.new()
        body = sighting.fill(<Template>frame.outputs[0], now, name)
        if body is None or not remembered.note(translated, sighting, frame.outputs[1], now):
            return None
        return body


cdef class RememberedRequests:
    """Between clients of a dialect and upstreams of a protocol.

    arrays: whether a stream is one JSON array unless `alt=sse` is asked for. sign: see `finished`.
    """

    def __init__(self, RememberedAnswers teller not None, Form form, bint arrays, object sign, bytes mark=None):
        self.teller, self.form, self.arrays, self.sign, self.mark = teller, form, arrays, sign, mark

    def begin_marked(self, plan, sought, model, head, as_array):
        """What `begin` does with a request in which `mark` stands."""
        raise NotImplementedError

    def drops(self, plan, sought):
        """Whether what cannot be said to the upstream is left out for this client."""
        raise NotImplementedError

    def read(self, plan, sought, model, sighting, drops, as_array):
        """Write a request that is read; a Written. sighting: of its shape, None where that cannot be remembered."""
        raise NotImplementedError

    def send(self, written, plan, head, body):
        """What goes out: `body`, behind a head that may be another than the plan's."""
        raise NotImplementedError

    cpdef Translated begin(self, Plan plan, object sought, bytes model, bytes head):
        """Write the request; a Passing. Raises InvalidRequest and UnsupportedParams."""
        cdef Translated translated
        cdef ObjectSpans spans = sought.spans
        cdef bint as_array = self.arrays and wants_array(sought), drops = False
        cdef Sighting sighting = None
        cdef Frame frame = None
        cdef Written written
        cdef tuple key
        if spans is None:
            raise RuntimeError("the body of the request was let go of already")
        if self.mark is not None and holds(spans.source, self.mark):
            return self.begin_marked(plan, sought, model, head, as_array)
        if self.form is not None:
            key = (plan, model, sought.model, sought.stream, sought.table.shows_usage, as_array, False)
            sighting = self.teller.frames.look(self.form, spans.source, key)
            frame = known(sighting)
        if frame is None:
            drops = self.drops(plan, sought)
            if drops and self.form is not None:
                sighting = self.teller.frames.look(self.form, spans.source, (*key[:6], True))
                frame = known(sighting)
        if frame is None:
            written = self.read(plan, sought, model, sighting, drops, as_array)
            translated = self.started(written, sought)
            translated.inbound = written.inbound
            translated.request = self.send(written, plan, head, written.outbound.body)
        else:
            written = frame.value
            translated = self.started(written, sought)
            translated.request = self.request(plan, written, sighting, head)
        return translated

    def under_way(self, Written written not None, request, sought):
        """A request that was written, under way as `request`."""
        cdef Translated translated = self.started(written, sought)
        translated.request = request
        return translated

    cdef Translated started(self, Written written, object sought):
        cdef Translated translated = Translated.__new__(Translated)
        cdef ObjectSpans spans = sought.spans
        translated.names_model = True
        translated.takes_lists = written.takes_lists
        translated.teller = self.teller
        translated.written = written
        translated.model = sought.model_json
        translated.size = PyBytes_GET_SIZE(spans.source)
        if written.answers.names is not None:
            translated.created = <long long>written.answers.now()
        return translated

    cdef object request(self, Plan plan, Written written, Sighting sighting, bytes head):
        # What goes out of a request whose shape is known.
        cdef Template output = <Template>sighting.frame.outputs[0]
        if head is not plan.head:
            return self.send(written, plan, head, sighting.fill(output, 0))
        if self.sign is None:
            return sighting.request(output, written.begun)
        return finished(written.begun, self.sign, written.target, sighting.fill(output, 0))


cpdef bint wants_array(object sought) except -1:
    """Whether a stream in Google's form is to be one JSON array, as it is without `alt=sse`."""
    return sought.stream and b"alt=sse" not in sought.exchange.query.split(b"&")


@cython.final
cdef class Translated(Passing):
    """One request under way, written for its upstream. Get one from `begin`."""

    def __init__(self):
        raise TypeError("requests under way come from begin()")

    cdef bytes called(self):
        # What its answer is called, by the client's dialect.
        if self.name is None:
            self.name = self.written.answers.names.new()
        return self.name

    cdef object asked(self):
        # The client's request, as what tells its answer.
        if self.inbound is None:
            if self.written.answers.names is not None:
                self.inbound = self.written.inbound.called(self.called().decode(), self.created)
            else:
                self.inbound = self.written.inbound.again(self.size // BYTES_A_TOKEN)
        return self.inbound

    cdef bytes preface(self, Flow flow):
        # What is decided here of a streamed answer: see gateway.retelling.Preface.
        cdef char[PREFACE] text
        cdef bytes name = b"", called = b""
        cdef long long now = 0, created = self.created
        cdef int size
        if flow.names is not None:
            name = flow.names.new()
        if flow.now is not None:
            now = <long long>flow.now()
        if self.written.answers.names is not None:
            if self.inbound is None:
                called = self.called()
            else:
                called, created = self.inbound.name.encode(), self.inbound.created
        size = snprintf(
            text, PREFACE,
            b'{"made":{"id":"chatcmpl-%s","created":%lld},"answer":{"id":"%s","created":%lld},"prompt":%lld}',
            PyBytes_AS_STRING(name), now, PyBytes_AS_STRING(called), created, <long long>(self.size // BYTES_A_TOKEN))
        if not 0 < size < PREFACE:
            raise ValueError("a name is too long")
        return text[:size]

    cdef bytes recall(self, bytes body):
        """What the client is told of a whole answer that nobody has looked at yet; None where it has to be read."""
        self.sighting = self.teller.look(self.written.answers, self.model, body)
        return self.teller.tell(self, self.sighting)

    cpdef AnswerStream stream(self, bytes content_type):
        """What reads a streamed answer of this type; None where the type says that it is none."""
        cdef Flow flow = self.written.answers.flow
        if flow is None:
            return self.teller.stream(self.asked(), self.written.outbound, self.model, content_type)
        return flow.stream(self.preface(flow), content_type)

    cpdef tuple answer(self, bytes body):
        """A whole answer as the client is to get it, and what it says of usage. Raises UpstreamProtocolError."""
        cdef Sighting sighting = self.sighting
        cdef bytes told
        if sighting is None or sighting.body is not body:
            told = self.recall(body)
            if told is not None:
                return told, self.used
            sighting = self.sighting
        told, usage, self.filtered = self.teller.read(sighting, self.asked(), self.written.outbound, self.model, body)
        return told, read_usage(ObjectSpans.scan(usage))
