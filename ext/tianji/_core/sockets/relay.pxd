"""Two WebSockets that are one conversation: what a client says goes upstream, and the other way, frame by frame."""

from picows.picows cimport WSFrame, WSListener, WSMsgType, WSTransport

from tianji._core.sockets.spread cimport Spread


cdef class Leg(WSListener):
    # One of the two sockets, as picows calls it.
    cdef Relay relay                 # None once the conversation is over
    cdef Leg other                   # likewise
    cdef WSTransport transport       # None before the socket is open, and after it was closed
    cdef double heard                # when a frame came last, or it was asked for a sign; monotonic seconds
    cdef double full_since           # when its peer stopped keeping up; 0: it keeps up
    cdef bint upstream
    cdef bint in_place               # frames are written where they were read, and pings reach the peer
    cdef bint pinged                 # it was asked for a sign of life, and gave none
    cdef bint inside                 # the next frame continues a message
    cdef bint parting                # a close frame was sent
    cdef bint held                   # nothing is read from it

    cdef int forget(self) except -1
    cdef int put(self, WSMsgType kind, char* data, Py_ssize_t size, bint fin) except -1
    cdef int part(self, int code, bytes reason) except -1
    cdef int hold(self) except -1
    cdef int go_on(self) except -1
    cdef int cut(self) except -1
    cdef int look_after(self, double now) except -1


cdef class Relay:
    cdef readonly Leg client         # None once it is over, as the next
    cdef readonly Leg upstream
    cdef Spread spread
    cdef object hear                 # Callable[[bytes], Farewell | None], for events that say what was used
    cdef object over                 # Callable[[Relay, Farewell], None]: both sockets are closed; or None
    cdef tuple signs                 # what such an event holds, bytes each
    cdef list early                  # frames of the upstream that came before the client's socket was open; or None
    cdef list pieces                 # of a message of the upstream that came in fragments
    cdef Py_ssize_t pieces_size
    cdef object last                 # the Farewell that ended it; None before
    cdef object linger               # timer that closes what does not close by itself
    cdef double idle, longest        # seconds; 0: no limit
    cdef readonly double began       # monotonic seconds
    cdef readonly double busy        # when a message came last, either way

    cdef int met(self) except -1
    cdef int join(self) except -1
    cdef int full(self, Leg leg) except -1
    cdef int ready(self, Leg leg) except -1
    cdef int pass_on(self, Leg leg, WSMsgType kind, char* data, Py_ssize_t size, bint fin) except -1
    cdef object look(self, WSMsgType kind, char* data, Py_ssize_t size, bint fin)
    cdef bint signed(self, char* data, Py_ssize_t size) noexcept
    cdef int closed_by(self, Leg leg, int code, bytes reason) except -1
    cdef int lost(self, Leg leg) except -1
    cdef int violated(self, Leg leg, int code, bytes why) except -1
    cdef int farewell(self, object last) except -1
    cdef int settle(self) except -1
