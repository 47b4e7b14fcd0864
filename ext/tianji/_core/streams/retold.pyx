"""Translated streams from memory: what is told of events whose like was there before is written without reading them.

Codecs are made where something comes that is not known. They are given what went by, which they read for themselves
alone, and go on from there as if they had read all of it.
"""

cimport cython

from tianji._core.bodies.frames cimport Form, Frames
from tianji._core.streams.refrain cimport Refrain
from tianji._core.requests.shaping cimport holds
from tianji._core.bodies.templates cimport Template

import msgspec

cdef object DECODE = msgspec.json.decode
cdef object ENCODE = msgspec.json.Encoder().encode


@cython.final
cdef class Step:
    """What a stream is like behind a line, besides what is told of it: as `reread` has it."""

    def __init__(self, bint alone, bint spoke, bint done, bint finished, tuple manner):
        self.alone, self.spoke, self.done, self.finished, self.manner = alone, spoke, done, finished, manner


@cython.final
cdef class Flow:
    """How the streams of one kind are told.

    begin: gives decoder and encoder of a stream for what its first line says; learn: is given this, a script and what
    was told of its lines, as `read_again` has it. beside: what is not False where an event cannot be remembered, asked
    of those that hold one of `doubts`. names, now: of answers to which the upstream gives none.
    """

    def __init__(
        self, begin not None, learn not None, Form form not None, tuple key not None, Frames frames not None,
        str model not None, tuple content_types not None, framer=None, bytes content_type=None, Names names=None,
        now=None, tuple doubts=(), beside=None,
    ):
        self.begin, self.learn, self.form, self.key, self.frames, self.model = begin, learn, form, key, frames, model
        self.content_types, self.framer, self.content_type = content_types, framer, content_type
        self.names, self.now, self.doubts, self.beside = names, now, doubts, beside

    cdef RetoldStream stream(self, bytes preface, bytes content_type):
        # What reads a streamed answer of this type; None where the type says that it is none.
        if not content_type.startswith(self.content_types):
            return None
        return RetoldStream(self, preface)

    cdef bint doubts_of(self, bytes payload) except -1:
        # Whether one of the doubts stands in it.
        cdef bytes doubt
        for doubt in self.doubts:
            if holds(payload, doubt):
                return True
        return False


@cython.final
cdef class RetoldStream(TranslatedStream):
    """One stream. preface: its first line, what the gateway itself decides of it, as a JSON object."""

    def __init__(self, Flow flow not None, bytes preface not None):
        TranslatedStream.__init__(
            self, None, None, flow.model, None if flow.framer is None else flow.framer(), flow.content_type)
        self.flow, self.preface = flow, preface
        self.script = Script(flow.form, flow.key, flow.frames.seed)
        self.recalls = True
        if not self.know("b", "", preface):
            self.record(0)
            return
        self.manner = (<Step>self.script.frame.value).manner
        if self.manner is not None:
            self.refrain = Refrain(*self.manner)

    cdef bint know(self, str kind, str name, bytes payload) except -1:
        # Take note of a line; whether it is known what is told of it. Where it is not, it has to be read.
        cdef Frame before = self.script.frame
        if self.recalls and self.script.follow(
                self.flow.first if before is None else before.next, kind, name, payload):
            return True
        return self.find(kind, name, payload)

    cdef bint find(self, str kind, str name, bytes payload) except -1:
        # The same of a line that is not what stood there the last time.
        cdef Frame before = self.script.frame, frame = None
        cdef Py_ssize_t lines = self.script.count
        cdef bint doubted = self.flow.doubts_of(payload)
        cdef bint added = (
            not doubted or self.flow.beside(payload) is False) and self.script.add(kind, name, payload)
        if added and self.recalls:
            frame = self.script.look(self.flow.frames)
        if frame is None:
            if self.recalls:
                self.wake(lines)
            if not added:
                self.script = None
            return False
        if not doubted:  # else it is not its shape alone that decides
            if before is None:
                self.flow.first = frame
            else:
                before.next = frame
        return True

    cdef int know_run(self) except -1:
        # Take note of the texts that were handed on unread.
        cdef Refrain refrain = self.refrain
        if refrain is None:
            return 0
        if self.recalls:
            refrain.forget()
        if not refrain.repeated:
            return 0
        if self.know("r", "", refrain.run()):
            refrain.told()
        else:
            self.said = self.alone = None
            self.record(len(self.out))
        return 0

    cdef bint recall(self, bytes payload) except -1:
        # Tell what is known to be told of the last line; False where it has to be read for a number in it.
        cdef Step step = self.script.frame.value
        cdef tuple outputs = self.script.frame.outputs
        cdef bytes told = self.script.fill(<Template>outputs[0], 0)
        if told is None:
            return False
        if outputs[1] is not None:
            if step.figures is None:
                step.figures = Figures(<Template>outputs[1])
            used = None if step.figures.silent else step.figures.usage(self.script, 0)
            if used is None and not step.figures.silent:
                return False
            self.usage = used
        if told:
            self.out.append(told)
        if step.alone and self.refrain is not None:
            self.refrain.learn_as_it_stands(payload, told)
        self.spoke, self.done, self.finished = step.spoke, step.done, step.finished
        return True

    cdef int wake(self, Py_ssize_t lines) except -1:
        # Read from here on: first the lines that were told from memory.
        cdef list out = self.out
        cdef long long events = self.events
        decoder, encoder = self.flow.begin(self.preface)
        self.recalls = False
        self.adopt(decoder, encoder)
        self.out = []
        self.told = reread(self, self.script.lines(lines))
        self.out, self.events = out, events
        return 0

    cdef int record(self, Py_ssize_t told) except -1:
        # Keep in mind what was told of the last line. `told`: how much was to be handed on before it.
        if self.failed:
            self.script = None
        if self.script is not None:
            self.told.append(remark(self, b"".join(self.out[told:])))
        return 0

    cdef int forget(self) except -1:
        # Read what comes; nothing is learnt from it.
        if self.recalls:
            self.wake(self.script.count)
        self.script = None
        return 0

    cdef int take(self, str name, bytes payload) except -1:
        cdef Py_ssize_t told = len(self.out)
        if self.script is not None:
            self.know_run()
        if self.script is not None and self.know("e", name, payload):
            if self.recall(payload):
                self.events += 1
                self.learnt = name
                return 0
            self.wake(self.script.count - 1)
        self.said = None
        TranslatedStream.take(self, name, payload)
        return self.record(told)

    cdef int conclude(self) except -1:
        cdef Py_ssize_t told = len(self.out)
        if self.script is not None:
            self.know_run()
        if self.script is not None and self.know("x", "", b""):
            if self.recall(b""):
                return 0
            self.wake(self.script.count - 1)
        self.said = self.alone = None
        TranslatedStream.conclude(self)
        return self.record(told)

    cpdef bytes ending(self):
        """What tells the client that a whole answer ends here."""
        if self.script is not None and self.know("z", "", b""):
            if self.recall(b""):
                return self.handed_on()
            self.wake(self.script.count - 1)
        self.said = self.alone = None
        self.out.append(TranslatedStream.ending(self))
        self.record(0)
        if self.script is not None and self.script.again(self.flow.frames):
            self.flow.learn(self.flow, self.script, self.told)
        return self.handed_on()

    cpdef bytes shortened(self, str reason):
        """What ends an answer here, on purpose and for this reason."""
        self.forget()
        return TranslatedStream.shortened(self, reason)

    cpdef bytes cut(self, object error):
        """What tells the client that the answer ends early. `error`: a TianjiError."""
        self.forget()
        return TranslatedStream.cut(self, error)


cdef tuple remark(TranslatedStream stream, bytes told):
    # What was told of a line, what it said of usage, b"" for nothing, and what a Step is made of.
    return told, stream.said or b"", (
        stream.alone is not None and stream.alone != "", stream.spoke, stream.done, stream.finished, stream.manner)


cdef list reread(TranslatedStream stream, list lines):
    # Have a stream read lines; what was told of each, as `remark` has it. Nothing is learnt for its refrain.
    cdef list found = []
    cdef str kind, name
    cdef bytes payload
    for kind, name, payload in lines:
        stream.said = stream.alone = None
        if kind == "e":
            stream.read(name, payload)
            stream.done = stream.decoder.done
        elif kind == "r":
            said = DECODE(payload)
            last = said.get("last")
            stream.hear(
                said["characters"], said["events"], said.get(stream.manner[0], ""),
                None if last is None else ENCODE(last))
        elif kind == "x":
            stream.write(stream.decoder.end())
            stream.finished = stream.decoder.finished
        elif kind == "z":
            stream.out.append(stream.encoder.end())
        found.append(remark(stream, stream.handed_on()))
    return found


def read_again(Flow flow not None, list lines not None):
    """What is told of the lines of a script, read by new codecs: of each what `remark` has.

    Raises StreamFailed and UpstreamProtocolError.
    """
    decoder, encoder = flow.begin(lines[0][2])
    return reread(TranslatedStream(decoder, encoder, flow.model), lines)
