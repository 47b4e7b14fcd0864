"""A conversation in which the gateway has a word: the client says first whom it is for, or somebody interprets."""

import cython

from picows.picows cimport WSMsgType

from tianji._core.sockets.relay cimport Leg, Relay
from tianji._core.sockets.spread cimport Spread

from tianji._core.sockets.farewell import Farewell

cdef enum:
    TOO_BIG = 1009
    MOST = 16 << 20                  # bytes of a message that is looked at

cdef tuple USAGE = (b'"usage"',)


@cython.final
cdef class Dialogue(Relay):
    """A relay of which one or both of these hold.

    first: called with what the client says first, before there is an upstream; that message goes no further, and what
        follows it waits until the upstream's socket is open. `open_with` says what the upstream is told first.
    interpret: called with whether it is the upstream that speaks, and a whole message, which is a bytearray where it is
        binary; gives what follows, as pairs of whether it goes upstream, and a message; `interpret.begin()` gives what
        is said before anybody has spoken
    overhears: called with each whole message of the client before it goes on; a Farewell that it returns ends the
        conversation in its place. It may be set to None at any time
    flows: where there is no upstream, told that the client does not keep up (False), and that it does again (True)
    """

    def __init__(
        self, Spread spread not None, *, hear, over, double idle=0, double longest=0, tuple signs not None=USAGE,
        first=None, interpret=None, overhears=None, flows=None,
    ):
        Relay.__init__(self, spread, hear=hear, over=over, idle=idle, longest=longest, signs=signs)
        self.first = first
        self.interpret = interpret
        self.overhears = overhears
        self.flows = flows
        self.heard, self.told = [], []
        self.waiting = [] if first is not None else None

    def open_with(self, bytes message not None):
        """Say what the upstream is told first, when its socket is open."""
        self.opening = message

    def interpret_by(self, interpret not None):
        """Have somebody interpret what is said from now on."""
        self.interpret = interpret

    def say(self, list said not None):
        """Say something: pairs of whether it goes upstream, and a text."""
        self.tell(said)

    cdef int met(self) except -1:
        cdef list waiting = self.waiting
        if waiting is None:
            return Relay.met(self)
        self.waiting = None
        if self.opening is not None:
            self.upstream.transport.send(WSMsgType.TEXT, self.opening)
        for kind, data, fin in waiting:
            if self.interpret is None:
                self.upstream.transport.send(<WSMsgType>kind, data, fin)
            elif self.client is not None:
                self.pass_on(self.client, <WSMsgType>kind, <char*><bytes>data, len(<bytes>data), fin)
        if self.client.transport is None:
            return Relay.met(self)
        self.client.go_on()
        return 0

    cdef int join(self) except -1:
        Relay.join(self)
        if self.interpret is not None and self.last is None:
            self.tell(self.interpret.begin())
        return 0

    cdef int full(self, Leg leg) except -1:
        if self.flows is not None:
            self.flows(False)
        return Relay.full(self, leg)

    cdef int ready(self, Leg leg) except -1:
        if self.flows is not None:
            self.flows(True)
        return Relay.ready(self, leg)

    cdef int pass_on(self, Leg leg, WSMsgType kind, char* data, Py_ssize_t size, bint fin) except -1:
        cdef bytes whole
        self.busy = leg.heard
        if self.waiting is not None and not leg.upstream:
            return self.keep(kind, data, size, fin)
        if self.interpret is None:
            if self.overhears is not None and not leg.upstream and not self.overhear(data, size, fin):
                return 0
            return Relay.pass_on(self, leg, kind, data, size, fin)
        if kind != WSMsgType.CONTINUATION:
            self.binary[leg.upstream] = kind == WSMsgType.BINARY
        whole = self.gather(leg, data, size, fin)
        if whole is None:
            return 0
        return self.tell(self.interpret(leg.upstream, bytearray(whole) if self.binary[leg.upstream] else whole))

    cdef bint overhear(self, char* data, Py_ssize_t size, bint fin) except -1:
        # Have a message of the client heard; whether it goes on. What came in fragments is heard with the last of them.
        cdef bytes whole = self.gather(self.client, data, size, fin)
        last = None if whole is None else self.overhears(whole)
        if last is not None:
            self.farewell(last)
        return last is None and self.last is None

    cdef int keep(self, WSMsgType kind, char* data, Py_ssize_t size, bint fin) except -1:
        # Of the client, before there is an upstream.
        cdef bytes whole
        if self.first is None:
            self.waiting.append((kind, data[:size], fin))
            return 0
        whole = self.gather(self.client, data, size, fin)
        if whole is None:
            return 0
        first, self.first = self.first, None
        self.client.hold()
        first(whole)
        return 0

    cdef bytes gather(self, Leg leg, char* data, Py_ssize_t size, bint fin):
        # A message that is whole now; None before that. One that is too long ends the conversation.
        cdef list pieces = self.told if leg.upstream else self.heard
        pieces.append(data[:size])
        if leg.upstream:
            self.told_size += size
        else:
            self.heard_size += size
        if (self.told_size if leg.upstream else self.heard_size) > MOST:
            self.farewell(Farewell(TOO_BIG, b"a message is too long"))
            return None
        if not fin:
            return None
        whole = b"".join(pieces)
        pieces.clear()
        if leg.upstream:
            self.told_size = 0
        else:
            self.heard_size = 0
        return whole

    cdef int tell(self, list said) except -1:
        cdef Leg leg
        cdef object last = None
        cdef bytes plain
        for upstream, message in said:
            if self.client is None:
                return 0
            leg = self.upstream if upstream else self.client
            plain = bytes(message)
            if not upstream and last is None and self.signed(<char*>plain, len(plain)):
                last = self.hear(plain)
            if leg.transport is not None and not leg.parting:
                leg.transport.send(WSMsgType.TEXT if plain is message else WSMsgType.BINARY, plain)
        return 0 if last is None else self.farewell(last)

    cdef object look(self, WSMsgType kind, char* data, Py_ssize_t size, bint fin):
        # Google sends its events as binary messages, too.
        cdef bytes whole
        if fin and not self.told:
            return self.hear(data[:size]) if self.signed(data, size) else None
        whole = self.gather(self.upstream, data, size, fin)
        return None if whole is None or not self.signed(<char*>whole, len(whole)) else self.hear(whole)

    cdef int settle(self) except -1:
        Relay.settle(self)
        self.first = self.interpret = self.overhears = self.flows = self.waiting = None
        self.heard = self.told = []
        return 0
