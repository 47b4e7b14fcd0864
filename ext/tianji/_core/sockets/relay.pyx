"""Two WebSockets that are one conversation: what a client says goes upstream, and the other way, frame by frame.

picows reads and writes frames (RFC 6455). A frame is handed on from the very buffer that it was read into: its header
is replaced by one of the same length, so nothing is copied unless the other peer does not keep up. Then this one is
not read any more, and what waits is bounded by the sockets' buffers and one frame.

Of what the upstream says, only texts are looked at that hold one of a few signs, usually a member `usage`.
"""

import cython

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memchr, memcmp
from picows.picows cimport WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from tianji._core.sharing.clock cimport monotonic
from tianji._core.sockets.farewell cimport sendable, shortened
from tianji._core.sockets.spread cimport Spread

from tianji._core.sockets.farewell import Farewell
from tianji.errors import UpstreamDisconnected

cdef enum:
    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    MOST_FRAGMENTED = 16 << 20      # bytes of a message that is looked at although it came in fragments

cdef double PING_AFTER = 20.0       # seconds without a frame; a peer that is gone is noticed twice as late
cdef double STUCK = 60.0            # seconds that a peer may take nothing of what waits for it
cdef double LINGER = 2.0            # seconds in which a peer has to answer a close frame
cdef tuple USAGE = (b'"usage"',)


@cython.final
cdef class Leg(WSListener):
    """One of the two sockets. picows calls it, or whatever speaks as picows does."""

    def __init__(self):
        raise TypeError("a Leg belongs to a Relay")

    cpdef on_ws_connected(self, WSTransport transport):
        """Take the socket. Nothing is read from the upstream before the client's is open, too."""
        self.transport = transport
        self.in_place = type(transport) is WSTransport  # else it is Granian's, which sends no pings of ours
        self.heard = monotonic()
        if self.relay is None:
            transport.disconnect(False)
        elif self.upstream:
            self.relay.met()
        else:
            self.relay.join()

    cpdef on_ws_frame(self, WSTransport transport, WSFrame frame):
        """Hand a frame on."""
        cdef Relay relay = self.relay
        cdef int code
        if relay is None:
            return
        self.heard = monotonic()
        self.pinged = False
        if transport.is_close_frame_sent and not self.parting:
            relay.violated(self, PROTOCOL_ERROR, b"")  # picows has found something, and said so
        elif frame.rsv1 or frame.rsv2 or frame.rsv3:
            relay.violated(self, PROTOCOL_ERROR, b"a reserved bit is set, and no extension was agreed on")
        elif frame.msg_type == WSMsgType.CLOSE:
            code = frame.get_close_code()
            if frame.payload_size and sendable(code) != code:
                relay.violated(self, PROTOCOL_ERROR, b"this close code may not be sent")
            else:
                relay.closed_by(self, code, frame.get_close_message() or b"")
        elif frame.msg_type == WSMsgType.PING or frame.msg_type == WSMsgType.PONG or self.parting:
            return  # picows answers pings; each socket has its own
        elif (frame.msg_type == WSMsgType.CONTINUATION) != self.inside:
            relay.violated(self, PROTOCOL_ERROR, b"fragments of messages are out of order")
        else:
            self.inside = not frame.fin
            relay.pass_on(self, frame.msg_type, frame.payload_ptr, frame.payload_size, frame.fin)

    cpdef on_ws_disconnected(self, WSTransport transport):
        """Forget the socket."""
        self.transport = None
        if self.relay is not None:
            self.relay.spread.add(self.part_with)

    def part_with(self):
        """Tell the conversation that the socket is lost."""
        cdef Relay relay = self.relay
        if relay is not None:  # else it is over
            relay.lost(self)

    cpdef pause_writing(self):
        """The peer does not keep up: read no more from the other one."""
        self.full_since = monotonic()
        if self.relay is not None:
            self.relay.full(self)

    cpdef resume_writing(self):
        """The peer has caught up."""
        self.full_since = 0
        if self.relay is not None:
            self.relay.ready(self)

    cdef int forget(self) except -1:
        # How it was agreed on is of no interest any more, and some kilobytes.
        if self.transport is not None:
            self.transport.request = self.transport.response = None
        return 0

    cdef int put(self, WSMsgType kind, char* data, Py_ssize_t size, bint fin) except -1:
        # The 14 bytes before `data` are overwritten, and `data` itself is.
        if self.transport is None or self.parting:
            return 0
        if self.in_place:
            self.transport.send_reuse_external_buffer(kind, data, size, fin)
        else:
            self.transport.send(kind, data[:size], fin)
        return 0

    cdef int part(self, int code, bytes reason) except -1:
        if self.transport is not None and not self.parting:
            self.parting = True
            self.transport.send_close(<WSCloseCode>code, shortened(reason))
            self.go_on()  # it has to be read to learn that the peer closes, too
        return 0

    cdef int hold(self) except -1:
        if not self.held and self.transport is not None and not self.parting:
            self.held = True
            self.transport.underlying_transport.pause_reading()
        return 0

    cdef int go_on(self) except -1:
        if self.held:
            self.held = False
            self.heard = monotonic()
            if self.transport is not None:
                self.transport.underlying_transport.resume_reading()
        return 0

    cdef int cut(self) except -1:
        if self.transport is not None:
            self.transport.disconnect(False)
        return 0

    cdef int look_after(self, double now) except -1:
        # Ask a silent peer for a sign of life, and let go of one that gives none or takes nothing.
        if self.transport is None or self.parting:
            return 0
        if self.full_since > 0 and now - self.full_since > STUCK:
            return self.cut()
        if self.held or not self.in_place or now - self.heard < PING_AFTER:
            return 0
        if self.pinged:
            return self.cut()
        self.pinged = True
        self.heard = now
        self.transport.send_ping()
        return 0


cdef class Relay:
    """A conversation. `upstream` is connected first, then `client`; see realtime.conversation.

    spread: has the loss of sockets wait for a turn of the loop
    hear: is told each event of the upstream that says what was used, before the client gets it; what it returns ends
        the conversation
    over: is told which conversation ended, and how, once both sockets are closed
    idle, longest: seconds that it may be silent, and last; 0: as long as it likes
    signs: what an event holds of which `hear` is told: two bytes or more, from a quotation mark on
    """

    def __init__(
        self, Spread spread not None, *, hear, over, double idle=0, double longest=0, tuple signs not None=USAGE,
    ):
        self.spread = spread
        self.hear = hear
        self.over = over
        self.signs = signs
        self.idle = idle
        self.longest = longest
        self.client = Leg.__new__(Leg)
        self.upstream = Leg.__new__(Leg)
        self.client.relay = self.upstream.relay = self
        self.client.other, self.upstream.other = self.upstream, self.client
        self.upstream.upstream = True
        self.early = []
        self.began = self.busy = monotonic()

    @property
    def open(self):
        """Whether it is not over."""
        return self.client is not None

    @property
    def joined(self):
        """Whether the client's socket was open."""
        return self.early is None

    cdef int met(self) except -1:
        # The upstream's socket is open.
        return self.upstream.hold()

    cdef int join(self) except -1:
        # The client's socket is open: say what the upstream has said so far, and read on.
        cdef list early = self.early
        cdef Leg client = self.client
        self.early = None
        self.busy = monotonic()
        for kind, data, fin in early:
            if client.transport is not None:
                client.transport.send(<WSMsgType>kind, data, fin)
        client.forget()
        self.upstream.forget()
        if client.full_since == 0:
            self.upstream.go_on()
        if self.last is not None:
            client.part(self.last.code, self.last.reason)
        return 0

    def end(self, last not None):
        """End it as the Farewell `last` says; nothing happens when it is ending already."""
        self.farewell(last)

    def look_after(self, double now):
        """To be called every second or so: see that it is within its limits, and that both peers live."""
        cdef Leg client = self.client, upstream = self.upstream
        if client is None:
            return
        if self.longest > 0 and now - self.began > self.longest:
            self.farewell(Farewell(NORMAL, b"the session has lasted as long as it may"))
        elif self.idle > 0 and now - self.busy > self.idle:
            self.farewell(Farewell(NORMAL, b"the session was silent for too long"))
        client.look_after(now)
        upstream.look_after(now)

    cdef int full(self, Leg leg) except -1:
        # A peer does not keep up.
        return leg.other.hold()

    cdef int ready(self, Leg leg) except -1:
        # It has caught up.
        return leg.other.go_on()

    cdef int pass_on(self, Leg leg, WSMsgType kind, char* data, Py_ssize_t size, bint fin) except -1:
        cdef object last = None
        self.busy = leg.heard
        if leg.upstream:
            last = self.look(kind, data, size, fin)
            if self.early is not None:
                self.early.append((kind, data[:size], fin))
                return 0 if last is None else self.farewell(last)
        leg.other.put(kind, data, size, fin)
        if last is not None:
            self.farewell(last)
        return 0

    cdef object look(self, WSMsgType kind, char* data, Py_ssize_t size, bint fin):
        # Have an event that says what was used heard; returns the Farewell that follows, or None.
        cdef bytes whole
        if kind == WSMsgType.TEXT and fin:
            return self.hear(data[:size]) if self.signed(data, size) else None
        if kind == WSMsgType.TEXT:
            self.pieces = []
            self.pieces_size = 0
        if self.pieces is None:
            return None
        self.pieces_size += size
        if self.pieces_size > MOST_FRAGMENTED:
            self.pieces = None
            return Farewell(TOO_BIG, b"a message of the upstream is too long")
        self.pieces.append(data[:size])
        if not fin:
            return None
        whole = b"".join(self.pieces)
        self.pieces = None
        return self.hear(whole) if self.signed(<char*>whole, len(whole)) else None

    cdef bint signed(self, char* data, Py_ssize_t size) noexcept:
        # Whether it holds one of the signs.
        # From quote to quote, with which each begins: of base64 that takes a third of what memmem() does.
        cdef const char* at = <const char*>memchr(data, c'"', <size_t>size)
        cdef const char* end = data + size
        cdef const char* wanted
        cdef Py_ssize_t length
        cdef bytes sign
        while at is not NULL:
            for sign in self.signs:
                wanted, length = PyBytes_AS_STRING(sign), PyBytes_GET_SIZE(sign)
                if end - at >= length and at[1] == wanted[1] and memcmp(at, wanted, <size_t>length) == 0:
                    return True
            at = <const char*>memchr(at + 1, c'"', <size_t>(end - at - 1))
        return False

    cdef int closed_by(self, Leg leg, int code, bytes reason) except -1:
        # A peer says goodbye, or answers ours.
        cdef Leg other = leg.other
        cdef int told = sendable(code)
        if self.last is None:
            self.last = Farewell(told, reason)
            if other.transport is not None:
                other.part(told, reason)
            self.begin_to_linger()
        leg.part(told, b"")
        if leg.transport is not None:
            leg.transport.disconnect()
        return 0

    cdef int lost(self, Leg leg) except -1:
        # A socket is closed. The other one hears of it now, with a code that says which side it was.
        cdef Leg other = leg.other
        if self.last is None:
            if leg.upstream:
                error = UpstreamDisconnected("the upstream broke the conversation off")
                self.farewell(Farewell(INTERNAL_ERROR, b"the upstream broke the conversation off", None, error))
            else:
                self.farewell(Farewell(GOING_AWAY, b"the client has gone"))
        if other.transport is None:
            self.settle()
        return 0

    cdef int violated(self, Leg leg, int code, bytes why) except -1:
        # RFC 6455 section 7.1.7: its connection is failed; the other peer is not to blame.
        cdef WSTransport transport = leg.transport
        cdef int told = INTERNAL_ERROR if leg.upstream else GOING_AWAY
        if self.last is None:
            leg.part(code, why)
            self.farewell(Farewell(told, b"the other side broke the protocol"))
        if transport is not None:
            transport.disconnect()
        return 0

    cdef int farewell(self, object last) except -1:
        cdef Leg client = self.client
        if self.last is not None or client is None:
            return 0
        self.last = last
        if last.event is not None and client.transport is not None and not client.parting and not self.upstream.inside:
            client.transport.send(WSMsgType.TEXT, last.event)
        if self.early is None:
            client.part(last.code, last.reason)
        self.upstream.part(NORMAL if last.error is not None or last.event is not None else last.code, last.reason)
        self.begin_to_linger()
        return 0

    def drop(self):
        """Forget a conversation that never began."""
        self.over = None
        self.cut()
        self.settle()

    def break_off(self):
        """Be over now, whatever is open: the loop has no more turns for it."""
        if self.client is not None:
            if self.last is None:
                self.last = Farewell(GOING_AWAY, b"the gateway is shutting down")
            self.cut()
            self.settle()

    def begin_to_linger(self):
        """Give both peers a little time to close by themselves."""
        self.linger = self.spread.loop.call_later(LINGER, self.cut)

    def cut(self):
        """Close whatever is open, without a word."""
        cdef Leg client = self.client, upstream = self.upstream
        if client is not None:
            client.cut()
            upstream.cut()

    cdef int settle(self) except -1:
        cdef object over = self.over
        if self.client is None:
            return 0
        if self.linger is not None:
            self.linger.cancel()
        # nothing may point in a circle any more: what is left is freed without the garbage collector
        self.client.relay = self.upstream.relay = None
        self.client.other = self.upstream.other = None
        self.client = self.upstream = None
        self.hear = self.over = self.linger = self.early = self.pieces = None
        if over is not None:
            over(self, self.last)
        return 0
