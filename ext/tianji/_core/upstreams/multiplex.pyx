"""One call on a connection that carries several at a time.

The protocol is spoken in plain Python (egress/http2.py); this is how it reaches the call, whose handler is compiled,
and how the call reaches it.
"""

cimport cython

from tianji._core.upstreams.http1 cimport Call, Carrier
from tianji._core.upstreams.origin cimport Origin
from tianji._core.upstreams.parcel cimport Parcel
from tianji._core.upstreams.receiver cimport ResponseHandler

from tianji.errors import UpstreamProtocolError


cdef Stream stream_of(Call call):
    # The stream of a call that has nothing else to carry it.
    cdef Stream stream = Stream.__new__(Stream)
    stream.call = call
    call.carrier = stream
    return stream


@cython.final
cdef class Stream(Carrier):
    """A call as its driver sees it. Made by Pool.send(); when the call is over everything here does nothing.

    The driver says what happens to the request and what comes of the answer, in the order of ResponseHandler. It hears
    `dropped()` when the call ends before its answer is complete, and `read_on()` when a call that was `paused` is not
    any more.
    """

    def __init__(self):
        raise TypeError("Pool.send() makes streams")

    @property
    def over(self):
        """Whether the call has ended."""
        return self.call is None

    @property
    def paused(self):
        """Whether the answer should not be read. What was read already is taken all the same."""
        return self.call is not None and self.call.paused

    @property
    def request(self):
        """The request as HTTP/1.1 has it, in one piece; b"" when the call is over."""
        if self.call is None:
            return b""
        request = self.call.request
        return b"".join(request) if type(request) is list else request

    @property
    def parcel(self):
        """The request where it lies in files; None for one that is in memory, or when the call is over."""
        if self.call is None or type(self.call.request) is not Parcel:
            return None
        return self.call.request

    def wait(self, driver not None):
        """Let `driver` look for a connection; nothing is sent, or nothing that counts."""
        cdef Call call = self.call
        if call is not None:
            self.driver = driver
            call.sent = False
            call.enter(b"connect", call.timeouts.connect)

    def begin(self, bint reused):
        """Note that the request goes out; `reused`: on a connection that has answered before."""
        cdef Call call = self.call
        if call is not None:
            call.sent = True
            call.reused = reused
            call.enter(b"first_byte", call.timeouts.first_byte)

    def head(self, int status, list headers not None):
        """Hand over the head of the answer, names in lower case."""
        cdef Call call = self.call
        cdef ResponseHandler handler
        if call is None:
            return
        handler = call.handler
        call.request = None
        self.has_head = True
        try:
            handler.response_head(status, headers)
            if handler.hold:
                self.pieces = []
            self.came(call)
        except Exception as error:
            self.fault(call, error)

    def data(self, bytes piece not None):
        """Hand over a piece of the body that is not empty."""
        cdef Call call = self.call
        cdef ResponseHandler handler
        if call is None:
            return
        handler = call.handler
        try:
            if self.pieces is None:
                handler.response_data(piece)
            else:
                self.collect(call, piece)
            self.came(call)
        except Exception as error:
            self.fault(call, error)

    cdef int collect(self, Call call, bytes piece) except -1:
        self.held += len(piece)
        self.pieces.append(piece)
        if self.held > call.handler.hold:
            call.fail(UpstreamProtocolError(f"the upstream's answer is over {call.handler.hold} bytes"))
        return 0

    def end(self):
        """Tell that the answer is complete. The connection is free by then for what the handler sends next."""
        cdef Call call = self.call
        cdef ResponseHandler handler
        if call is None:
            return
        handler = call.handler
        self.driver = None
        call.over()
        try:
            if self.pieces:
                handler.response_data(b"".join(self.pieces))
            handler.response_end()
        except Exception as error:
            call.owner.report(error)

    def fail(self, error not None):
        """End the call with an UpstreamFailure. The driver hears nothing more of it."""
        cdef Call call = self.call  # which would else go away in the middle of it
        self.driver = None
        if call is not None:
            call.fail(error)

    def fall_back(self, Origin origin not None):
        """Give the call to HTTP/1.1. Nothing of it was sent, or nothing that counts."""
        cdef Call call = self.call
        self.driver = None
        if call is not None:
            self.call = call.carrier = None
            call.sent = False
            call.owner.place(call, origin)

    cdef int came(self, Call call) except -1:
        if not call.done and not call.paused:
            call.enter(b"between_chunks", call.timeouts.between_chunks)
        return 0

    cdef int fault(self, Call call, object error) except -1:
        # A handler that raises before the end loses its call.
        call.cancel()
        call.owner.report(error)
        return 0

    cdef int drop(self) except -1:
        driver = self.driver
        self.driver = None
        if driver is not None:
            driver.dropped()
        return 0

    cdef int hold(self) except -1:
        return 0  # the driver sees `paused` when something comes, and opens the stream's window no further

    cdef int read_on(self) except -1:
        driver = self.driver
        if driver is not None:
            driver.read_on()
        return 0

    cdef bint answered(self) except -1:
        return self.has_head
