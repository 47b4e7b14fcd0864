"""A WebSocket of the Granian edge: the request for one, and the socket as picows would show it.

Granian reads and writes frames, answers pings and joins fragments; ASGI shows whole messages
(https://asgi.readthedocs.io/en/latest/specs/www.html#websocket). So that nobody has to know where a client came in,
its socket is given to the same picows listener as on the native edge, behind a transport that looks like picows' own.

Of the messages that go to a client Granian is given one at a time, since only that keeps their order.
"""

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcpy

from picows.picows cimport WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from tianji._core.sharing.clock cimport monotonic
from tianji._core.edges.edge cimport Edge, EdgeExchange

from tianji.errors import HeadersTooLarge, InvalidRequest, TargetTooLong

cdef enum:
    AHEAD = 16              # bytes before a message, into which a listener may write a header
    HIGH = 64 * 1024        # bytes that wait for a client who does not keep up
    LOW = 16 * 1024
    ABNORMAL = 1006         # RFC 6455 section 7.1.5: there was no close frame


cdef class AsgiTransport(WSTransport):
    """A client's socket, as picows shows one."""

    def __init__(self):
        raise TypeError("an AsgiTransport belongs to an AsgiUpgrade")

    cdef int begin(self, AsgiUpgrade exchange, WSListener listener, dict accept) except -1:
        # What the listener says at once waits until `accept` was given: before that Granian would drop it.
        self.exchange = exchange
        self.listener = listener
        self.receive = exchange.receive
        self.tell = exchange.send
        self.underlying_transport = self
        self.room = bytearray()
        self.waiting = []
        self.put(accept, 0)
        listener.on_ws_connected(self)
        return self.ask()

    # ---- what the client says

    cdef int ask(self) except -1:
        if self.asking is None and not self.held and not self.closed:
            self.asking = self.receive()
            self.asking.add_done_callback(self._came)
        return 0

    def _came(self, future not None):
        cdef EdgeExchange exchange = self.exchange
        self.asking = None
        if exchange is None or self.closed:
            return
        try:
            self.came(future.result())
            self.ask()
        except Exception as error:  # boundary: the loop
            exchange.fail(error)
            self.disconnect(False)

    cdef int came(self, dict message) except -1:
        cdef object text
        if message["type"] == "websocket.receive":
            text = message.get("text")
            if text is not None:
                return self.frame(WSMsgType.TEXT, (<str>text).encode())
            return self.frame(WSMsgType.BINARY, message["bytes"])
        if message["type"] == "websocket.disconnect":
            self.closed = True
            code = message.get("code") or ABNORMAL
            if code != ABNORMAL:
                reason = (message.get("reason") or "").encode()
                self.frame(WSMsgType.CLOSE, int(code).to_bytes(2, "big") + reason)
            return self.end()
        return 0

    cdef int frame(self, int kind, bytes payload) except -1:
        # Show it where the listener may write over it: that is how frames are handed on without a copy.
        cdef WSFrame frame = WSFrame.__new__(WSFrame)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(payload)
        cdef WSListener listener = self.listener
        PyByteArray_Resize(self.room, AHEAD + size)
        memcpy(PyByteArray_AS_STRING(self.room) + AHEAD, PyBytes_AS_STRING(payload), <size_t>size)
        frame.payload_ptr = PyByteArray_AS_STRING(self.room) + AHEAD
        frame.payload_size = size
        frame.msg_type = <WSMsgType>kind
        frame.fin = frame.last_in_buffer = 1
        listener.on_ws_frame(self, frame)
        if size > HIGH:
            self.room = bytearray()
        return 0

    # ---- what it is told

    cpdef send(
        self, WSMsgType msg_type, message, bint fin=True, bint rsv1=False, bint rsv2=False, bint rsv3=False
    ):
        """Send a frame; fragments go out as one message."""
        cdef bytes payload = message
        if msg_type == WSMsgType.PING or msg_type == WSMsgType.PONG:
            return
        if msg_type != WSMsgType.CONTINUATION:
            self.text = msg_type == WSMsgType.TEXT
        if not fin or self.pieces is not None:
            if self.pieces is None:
                self.pieces = []
            self.pieces.append(payload)
            if not fin:
                return
            payload = b"".join(self.pieces)
            self.pieces = None
        if self.text:
            self.put({"type": "websocket.send", "text": payload.decode()}, len(payload))
        else:
            self.put({"type": "websocket.send", "bytes": payload}, len(payload))

    cpdef send_ping(self, message=None):
        """Do nothing: pings are Granian's."""

    cpdef send_close(self, WSCloseCode close_code=WSCloseCode.NO_INFO, close_message=None):
        """Send a close frame behind what waits. Granian closes the socket after it."""
        cdef bytes reason = close_message or b""
        if not self.closed:
            self.closed = True
            self.put({"type": "websocket.close", "code": <int>close_code, "reason": reason.decode()}, 0)

    cdef int put(self, dict message, Py_ssize_t size) except -1:
        self.waiting.append((message, size))
        self.waiting_size += size
        if len(self.waiting) == 1:
            self.give()
        if self.waiting_size > HIGH and not self.full:
            self.full = True
            self.listener.pause_writing()
        return 0

    cdef int give(self) except -1:
        cdef dict message = self.waiting[0][0]
        if message["type"] == "websocket.close" and self.asking is not None:
            self.asking.cancel()  # Granian does not close a socket that it reads from
        sent = self.tell(message)
        when_done = getattr(sent, "add_done_callback", None)
        if when_done is None:  # Granian has nothing to do: its socket is closed
            self.disconnect(False)
            return 0
        self.giving = sent
        when_done(self._given)
        return 0

    def _given(self, _):
        cdef WSListener listener = self.listener
        cdef tuple given
        self.giving = None
        if listener is None:
            return
        given = self.waiting.pop(0)
        self.waiting_size -= <Py_ssize_t>given[1]
        if self.waiting:
            self.give()
        elif self.closed:
            self.end()
            return
        if self.full and self.waiting_size <= LOW:
            self.full = False
            listener.resume_writing()

    # ---- the socket

    def pause_reading(self):
        """Ask for no further message."""
        self.held = True

    def resume_reading(self):
        """Ask for messages again."""
        self.held = False
        self.ask()

    cpdef disconnect(self, bint graceful=True):
        """Close the socket; `graceful`: behind what waits."""
        if self.exchange is None or (graceful and self.waiting):
            return
        self.closed = True
        self.exchange.edge.loop.call_soon(self._end)

    def _end(self):
        self.end()

    cdef int end(self) except -1:
        cdef AsgiUpgrade exchange = self.exchange
        cdef WSListener listener = self.listener
        if exchange is None:
            return 0
        self.is_disconnected = True
        for future in (self.asking, self.giving):
            if future is not None:
                future.cancel()  # Granian drops a socket that nothing is under way with any more
        self.exchange = self.listener = None
        self.underlying_transport = self.receive = self.tell = self.asking = self.giving = None
        self.waiting = self.pieces = None
        listener.on_ws_disconnected(self)
        return exchange.close()


@cython.final
cdef class AsgiUpgrade(EdgeExchange):
    """A request for a WebSocket that came through Granian."""

    def begin(self, Edge edge not None, watcher not None):
        """Take it over; it is answered, or becomes a socket."""
        cdef dict scope = watcher.scope
        self.edge = edge
        self.watcher = watcher
        self.receive = watcher.proto.receive
        self.send = watcher.proto.send
        self.arrived = monotonic()
        self.enter()
        self.receive()  # it is there, and says that a socket is wanted
        try:
            self.read_head(scope)
        except Exception as error:  # boundary: every failure becomes an answer
            self.fail(error)

    cdef int read_head(self, dict scope) except -1:
        cdef bytes raw = scope["raw_path"]
        cdef tuple pair
        cdef Py_ssize_t total = 0
        self.method = "GET"
        self.path = scope["path"]
        self.query = scope["query_string"]
        self.fields = self.noted = scope["headers"]
        self.peer = scope["client"]
        if len(raw) + len(self.query) > self.edge.max_target:
            raise TargetTooLong(f"path and query are over {self.edge.max_target} bytes")
        for pair in self.fields:
            total += len(<bytes>pair[0]) + len(<bytes>pair[1])
        if total > self.edge.max_head:
            raise HeadersTooLarge(f"the headers are over {self.edge.max_head} bytes in all; send fewer or shorter ones")
        return self.route(raw)

    cdef bint lasts(self):
        return True

    cdef int collect(self) except -1:
        self.body = b""
        return self.dispatch()

    @property
    def upgrades(self):
        """Whether `upgrade` may be called."""
        return self.watcher is not None and not self.status

    def upgrade(self, WSListener listener not None, tuple headers not None=()):
        """Hand the connection to `listener`; `headers` go with the answer 101.

        The exchange counts as open until the socket is closed. Raises InvalidRequest when it was answered already.
        """
        cdef AsgiTransport transport
        if not self.upgrades:
            raise InvalidRequest("this request was answered; connect again")
        chosen = [value.decode("latin-1") for name, value in headers if name == b"sec-websocket-protocol"]
        others = [pair for pair in headers if pair[0] != b"sec-websocket-protocol"]
        self.status = 101
        self.finished = True
        accept = {"type": "websocket.accept", "subprotocol": chosen[0] if chosen else None, "headers": others}
        transport = AsgiTransport.__new__(AsgiTransport)
        transport.begin(self, listener, accept)

    # ---- an answer that is none

    cdef int send_head(self, int status, list headers) except -1:
        self.send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        return 0

    cdef int send_body(self, bytes chunk, bint last) except -1:
        self.send({"type": "websocket.http.response.body", "body": chunk, "more_body": not last})
        return self.close() if last else 0

    cdef int send_abort(self) except -1:
        if self.task is not None:
            self.task.cancel()
        return self.close()

    cdef int let_go(self) except -1:
        self.watcher.done()
        self.watcher = self.receive = self.send = None
        return 0
