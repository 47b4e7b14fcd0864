"""One request of the native edge, and what it needs of the connection it came by."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memchr

from tianji._core.sharing.clock cimport monotonic
from tianji._core.edges.edge cimport Edge, EdgeExchange
from tianji._core.edges.reply cimport Reply, framed
from tianji._core.upstreams.request cimport RequestReader, all_fields
from tianji._core.edges.wire cimport Wire

from urllib.parse import unquote

from tianji.errors import InvalidRequest

cdef enum:
    JOINED = 16 * 1024  # bytes; up to here copying a body behind its head is cheaper than a second buffer

# what RFC 6455 section 4.2.1 looks at; the rest of a request is read here and not by picows
cdef frozenset HANDSHAKE = frozenset((b"host", b"upgrade", b"sec-websocket-key", b"sec-websocket-version"))
cdef bytes UPGRADE = b"connection: Upgrade"  # others may stand beside it, which is no business of picows


cdef class Line(Wire):
    """Base of a client's connection."""

    cdef int want_body(self) except -1:
        raise RuntimeError("a connection must implement want_body")

    cdef bint ends(self) noexcept:
        return True

    cdef int answered(self) except -1:
        raise RuntimeError("a connection must implement answered")

    cdef int forget(self) except -1:
        raise RuntimeError("a connection must implement forget")

    cdef object release(self):
        raise RuntimeError("a connection must implement release")


@cython.final
cdef class NativeExchange(EdgeExchange):
    """One request that came over a native connection."""

    cdef int open(self, Line line, Edge edge, Reply reply, object websocket) except -1:
        self.line = line
        self.edge = edge
        self.reply = reply
        self.websocket = websocket
        self.peer = line.peer
        self.full = line.full
        self.arrived = monotonic()
        return self.enter()

    cdef int remain_unread(self) except -1:
        # Its head is at fault: there is nothing to say of it but that.
        self.method = self.path = ""
        self.query = b""
        self.fields = self.noted = []
        return 0

    cdef int begin(self) except -1:
        cdef RequestReader reader = self.line.reader
        cdef bytes raw = reader.path
        cdef bint encoded = memchr(PyBytes_AS_STRING(raw), c"%", <size_t>PyBytes_GET_SIZE(raw)) is not NULL
        self.method = reader.method
        self.path = unquote(raw) if encoded else raw.decode("ascii")
        self.query = reader.query
        self.lines = reader.lines
        self.noted = reader.noted
        self.said = reader.agent
        self.body = b""
        self.browser = reader.browser
        try:
            self.meet_browser(reader.origin)
            if not self.finished:  # a CORS preflight
                self.route(raw)
        except Exception as error:  # boundary: every failure becomes an answer
            self.fail(error)
        return 0

    cdef list read_fields(self):
        return all_fields(self.lines)

    cpdef bytes agent(self):
        return self.said

    cdef bint lasts(self):
        return self.line.reader.upgrades

    cdef int collect(self) except -1:
        return self.line.want_body()

    # ---- the answer

    cdef int send_head(self, int status, list headers) except -1:
        cdef Line line = self.line
        cdef Reply reply = self.reply
        cdef bint old = line.reader.old
        reply.begin(status, self.dressed(headers))
        if old and not self.finished:
            line.reader.keep = False  # HTTP/1.0 has no chunks: the body ends with the connection
        if line.ends():
            line.reader.keep = False  # and that is settled, whatever comes meanwhile
            reply.close_after()
        elif old:
            reply.keep_open()
        if self.finished:
            return 0  # send_body() goes on with it
        self.streamed = True
        self.bare = self.method == "HEAD" or status == 204 or status == 304
        if not old and not self.bare:
            self.chunked = True
            reply.chunked()
        self.head = reply.head()
        self.edge.loop.call_soon(self._flush)  # when nothing follows at once
        return 0

    cdef int send_body(self, bytes chunk, bint last) except -1:
        cdef Line line = self.line
        cdef bytes head = self.head
        if not self.streamed:
            self.send_whole(chunk)
        else:
            self.head = None
            if self.chunked:
                chunk = framed(head, chunk, last)
            elif self.bare:
                chunk = head
            elif head is not None:
                chunk = head + chunk
            if chunk:
                line.write(chunk)
        if last:
            self.close()
            line.answered()
        return 0

    cdef int send_whole(self, bytes body) except -1:
        # RFC 9110 sections 6.4.1 and 9.3.2: which answers have no body, and which no length either
        cdef Line line = self.line
        cdef Reply reply = self.reply
        cdef Py_ssize_t size = PyBytes_GET_SIZE(body)
        if self.status == 204 or self.status == 304:
            line.write(reply.whole(-1, b""))
        elif self.method == "HEAD":
            line.write(reply.whole(size, b""))
        elif size <= JOINED:
            line.write(reply.whole(size, body))
        else:
            line.write_all([reply.whole(size, b""), body])
        return 0

    def _flush(self):
        cdef bytes head = self.head
        if head is not None and self.line is not None:
            self.head = None
            self.line.write(head)

    cdef int send_abort(self) except -1:
        cdef Line line = self.line
        cdef object transport = line.transport
        if self.chunked:
            transport.close()  # what was written goes out, and the end of the chunks is missing
        else:
            transport.abort()
        line.release()
        if self.task is not None:
            self.task.cancel()
        return self.close()

    cdef int let_go(self) except -1:
        self.line.forget()
        self.line = None
        self.head = None
        return 0

    # ---- WebSocket

    @property
    def upgrades(self):
        """Whether the client asks for a WebSocket (RFC 6455 section 4.2.1), and `upgrade` may be called."""
        return self.line is not None and self.line.reader.upgrades and not self.status

    def upgrade(self, listener not None, tuple headers not None=()):
        """Hand the connection to `listener`, a picows.WSListener; `headers` go with the answer 101.

        The exchange counts as open until the socket is closed. Raises InvalidRequest when no upgrade was asked for, or
        the client did not wait for it.
        """
        cdef Line line = self.line
        if not self.upgrades:
            raise InvalidRequest("this path serves WebSockets: connect with a WebSocket client")
        if line.ahead or line.behind is not None:
            raise InvalidRequest("wait for the answer before anything else is sent (RFC 6455 section 4.1)")
        self.status = 101
        self.finished = True
        lines = [b"%b: %b" % pair for pair in self.headers if pair[0] in HANDSHAKE]
        head = b"\r\n".join([b"GET / HTTP/1.1", UPGRADE, *lines, b"", b""])
        transport = line.release()
        try:
            done = self.websocket(transport, head, listener, headers)
        except Exception:
            transport.abort()
            self.close()
            raise
        self.fields = None  # a conversation may last, and they can be read again
        done.add_done_callback(self._socket_closed)

    def _socket_closed(self, _):
        self.close()
