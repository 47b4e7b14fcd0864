"""The native edge: HTTP/1.1 connections of clients.

Requests of one connection are served one after another; what a client sends ahead waits, within bounds. A request
whose framing is at fault is answered and its connection closed, since nobody can say where the next one would begin.

All reads go into one buffer of the edge and are looked at before the next read; a body of known length is read right
into the object that the handler gets, or into its file.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcpy

from tianji._core.sharing.clock cimport monotonic
from tianji._core.edges.edge cimport Edge
from tianji._core.edges.native cimport Line, NativeExchange
from tianji._core.edges.reply cimport Reply
from tianji._core.upstreams.request cimport NO_BODY, SIZED, RequestReader
from tianji._core.edges.wire cimport Watch

from tianji.errors import RequestTimeout

cdef enum:
    READ = 64 * 1024       # bytes of one read; the rest of a larger body is read into its place
    DIRECT = 16 * 1024     # bytes; a body that lacks as much is read without a copy
    AHEAD = 64 * 1024      # bytes that a client may send ahead of the request being answered
    WASTE = 256 * 1024     # bytes of an unwanted body that are cheaper to read over than a new connection

cdef double CADENCE = 0.25  # seconds
cdef double PARTING = 2.0   # seconds that a client gets to read the last answer and to close
cdef double LINGER = 0.75   # seconds, unless told otherwise
cdef bytes CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@cython.final
cdef class NativeEdge(Edge):
    """What all connections of a worker share. Built once, on the loop's thread, by tianji.edge.native."""

    def __init__(self, loop not None, *, limits, websocket, **shared):
        super().__init__(loop, limits=limits, **shared)
        self.websocket = websocket
        self.clients = set()
        self.watch = Watch(loop, READ)
        self.reply = Reply()
        self.head_timeout = limits.head_timeout
        self.idle_timeout = limits.idle_timeout
        self.body_rate = limits.body_rate
        self.cadence = max(0.01, min(CADENCE, self.head_timeout / 4, self.idle_timeout / 4, self.body_timeout / 4))

    def protocol(self):
        """Make the asyncio protocol of one accepted connection."""
        cdef NativeConnection connection = NativeConnection.__new__(NativeConnection)
        connection.edge = self
        connection.watch = self.watch
        return connection

    def retire(self, double linger=LINGER):
        """Make each answer the last one of its connection, and close those that were idle for `linger` seconds."""
        self.retiring = True
        self.linger = linger
        self.look_at_all()

    cdef int look_at_all(self) except -1:
        cdef NativeConnection connection
        cdef double now = monotonic()
        for connection in list(self.clients):
            if connection.state != AT_ANSWER and connection.state != AT_GATE:
                connection.sweep(now)
        return 0

    def _sweep(self):
        self.look_at_all()
        self.sweeping = bool(self.clients)
        if self.sweeping:
            self.loop.call_later(self.cadence, self._sweep)


@cython.final
cdef class NativeConnection(Line):
    """One client's connection, as an asyncio protocol that brings its own buffer."""

    # ---- what the loop calls

    def connection_made(self, transport):
        """Take the transport."""
        cdef NativeEdge edge = self.edge
        self.attach(transport)
        self.peer = transport.get_extra_info("peername")
        self.reader = RequestReader(max_head=edge.max_head, max_target=edge.max_target)
        edge.clients.add(self)
        edge.connections += 1
        if not edge.sweeping:
            edge.sweeping = True
            edge.loop.call_later(edge.cadence, edge._sweep)

    cdef char* room(self, Py_ssize_t* size) except NULL:
        # Into the body where one is awaited, else into the buffer of all.
        cdef long long lacking
        if self.state == AT_BODY and self.body is not None:
            lacking = self.reader.length - self.filled
            if lacking >= DIRECT:
                self.direct = True
                size[0] = <Py_ssize_t>lacking
                return PyBytes_AS_STRING(self.body) + self.filled
        self.direct = False
        size[0] = self.watch.size
        return self.watch.read

    cdef int take_in(self, Py_ssize_t size) except -1:
        cdef bytes behind
        if self.direct:
            self.direct = False
            if self.state == AT_BODY:  # else the request was given up between the two calls
                self.filled += size
                self.body_grew()
                self.go_on()
        elif self.behind is None:
            self.work(self.watch.read, size)
        else:
            behind = self.behind + self.watch.read[:size]
            self.behind = None
            self.work(PyBytes_AS_STRING(behind), PyBytes_GET_SIZE(behind))
        return 0

    def eof_received(self):
        """End the connection: a client that stops sending has left (as nginx and hyper see it too)."""
        cdef NativeExchange exchange = self.exchange
        if exchange is not None:
            exchange.client_left()
        return False

    def connection_lost(self, error):
        """Forget the connection and tell the handler at work."""
        cdef NativeExchange exchange = self.exchange
        self.release()
        if exchange is not None:
            exchange.client_left()

    cdef object release(self):
        cdef object transport = self.transport
        if transport is None:
            return None
        self.state = AT_END
        self.leave()
        self.transport = self.behind = self.body = self.pieces = None
        self.edge.clients.discard(self)
        self.edge.connections -= 1
        return transport

    def pause_writing(self):
        """The client does not keep up: hold the handler back, and the requests behind."""
        cdef NativeExchange exchange = self.exchange
        self.full = True
        if exchange is not None:
            exchange.filled()

    def resume_writing(self):
        """The client has caught up."""
        cdef NativeExchange exchange = self.exchange
        self.full = False
        if exchange is not None:
            exchange.drained()
        self.go_on()

    # ---- reading

    cdef int work(self, const char* data, Py_ssize_t size) except -1:
        # Read on in `data`. Whoever calls owns the memory until this returns.
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t used
        self.working = True
        try:
            while at < size:
                used = self.take(data + at, size - at)
                if used == 0:
                    break
                at += used
        except Exception as error:  # boundary: a fault in the framing, or one of ours
            self.reject(error)
            at = size
        finally:
            self.working = False
        if at < size and self.state != AT_END:
            self.keep_rest(data + at, size - at)
        return 0

    cdef Py_ssize_t take(self, const char* data, Py_ssize_t size) except -1:
        # The bytes that the present state can use now; 0 leaves them for later.
        cdef Py_ssize_t used
        if self.state == AT_HEAD:
            return 0 if self.full else self.take_head(data, size)
        if self.state == AT_BODY:
            return self.take_body(data, size)
        if self.state == AT_CHUNKS:
            return self.take_chunks(data, size)
        if self.state == AT_WASTE:
            used = <Py_ssize_t>min(<long long>size, self.waste)
            self.waste -= used
            self.due = 0
            if self.waste == 0:
                self.state = AT_HEAD
            return used
        return size if self.state >= AT_PARTING else 0

    cdef Py_ssize_t take_head(self, const char* data, Py_ssize_t size) except -1:
        cdef Py_ssize_t used = self.reader.read_head(data, size)
        cdef NativeExchange exchange
        if used == 0:
            return 0
        self.state, self.ahead = AT_GATE, used < size
        exchange = self.new_exchange()
        exchange.begin()
        return used

    cdef Py_ssize_t take_body(self, const char* data, Py_ssize_t size) except -1:
        cdef Py_ssize_t used = <Py_ssize_t>min(<long long>size, self.reader.length - self.filled)
        if self.body is None:
            self.exchange.spool.append(data, used)
        else:
            memcpy(PyBytes_AS_STRING(self.body) + self.filled, data, <size_t>used)
        self.filled += used
        self.body_grew()
        return used

    cdef int body_grew(self) except -1:
        cdef bytes body = self.body
        self.due = 0
        if self.filled == self.reader.length:
            self.body = None
            self.whole(body or b"")
        return 0

    cdef Py_ssize_t take_chunks(self, const char* data, Py_ssize_t size) except -1:
        cdef bint over = False
        cdef list pieces = self.pieces
        cdef Py_ssize_t before = len(pieces)
        cdef Py_ssize_t used = self.reader.read_chunks(data, size, pieces, &over)
        cdef Py_ssize_t i
        for i in range(before, len(pieces)):
            self.filled += PyBytes_GET_SIZE(<bytes>pieces[i])
        if self.exchange.outgrows(self.filled):
            self.exchange.store(pieces)
        self.due = 0
        if over:
            self.pieces = None
            self.whole(b"".join(pieces))
        return used

    cdef int keep_rest(self, const char* data, Py_ssize_t size) except -1:
        self.behind = data[:size]
        if self.state == AT_HEAD and not self.full:
            if self.due < 0:  # it was idle, and a head begins
                self.due = 0
        elif size > AHEAD and not self.held:
            self.held = True
            self.hold()
        return 0

    cdef int go_on(self) except -1:
        # Something changed; look again at what came before.
        cdef bytes behind = self.behind
        if self.working or self.state == AT_END:
            return 0
        if behind is not None:
            self.behind = None
            self.work(PyBytes_AS_STRING(behind), PyBytes_GET_SIZE(behind))
        if self.held and (self.behind is None or PyBytes_GET_SIZE(self.behind) <= AHEAD) and self.state != AT_END:
            self.held = False
            self.read_on()
        return 0

    # ---- one request

    cdef NativeExchange new_exchange(self):
        cdef NativeExchange exchange = NativeExchange.__new__(NativeExchange)
        exchange.open(self, self.edge, self.edge.reply, self.edge.websocket)
        self.exchange = exchange
        return exchange

    cdef int want_body(self) except -1:
        cdef RequestReader reader = self.reader
        if reader.framing == NO_BODY:
            return self.whole(b"")
        if reader.framing == SIZED:
            self.body = self.exchange.room(reader.length)
            self.state = AT_BODY
        else:
            self.pieces = []
            self.state = AT_CHUNKS
        self.filled = self.due = 0
        if reader.expects:
            reader.expects = False
            self.write(CONTINUE)
        return self.go_on()

    cdef int whole(self, bytes body) except -1:
        cdef NativeExchange exchange = self.exchange
        self.state = AT_ANSWER
        exchange.body = body
        try:
            exchange.dispatch()
        except Exception as error:  # boundary: every failure becomes an answer
            exchange.fail(error)
        return 0

    cdef bint ends(self) noexcept:
        cdef NativeEdge edge = self.edge
        if not self.reader.keep or edge.retiring or edge.cells[edge.draining]:
            return True
        if self.state == AT_ANSWER or self.reader.framing == NO_BODY:
            return False
        # answered before its body was whole
        return self.reader.framing != SIZED or self.reader.expects or self.reader.length - self.filled > WASTE

    cdef int answered(self) except -1:
        cdef bint last = self.ends()
        if self.state == AT_END:
            return 0
        if last:
            return self.part()
        self.waste = 0 if self.state == AT_ANSWER else self.reader.length - self.filled
        self.state = AT_WASTE if self.waste else AT_HEAD
        self.body = None
        self.filled = self.due = 0
        self.reader.rewind()
        return self.go_on()

    cdef int forget(self) except -1:
        self.exchange = None
        return 0

    cdef int reject(self, object error) except -1:
        # `error` ended a request before it was whole, or its handler raised while it was given its turn.
        cdef NativeExchange exchange = self.exchange
        if self.state != AT_END:
            self.reader.keep = False
            if exchange is None:
                exchange = self.new_exchange()
                exchange.remain_unread()
            exchange.fail(error)
        return 0

    cdef int part(self) except -1:
        # Say goodbye so that the client surely gets the last answer: closing while it still sends would reset the
        # connection under it (RFC 9112 section 9.6).
        cdef object transport = self.transport
        cdef bint quiet = self.state == AT_ANSWER and self.behind is None and not self.held and not self.working
        if quiet or not transport.can_write_eof():
            self.state = AT_END
            transport.close()
            return 0
        self.state = AT_PARTING
        self.due = 0
        self.behind = self.body = self.pieces = None
        transport.write_eof()
        if self.held:
            self.held = False
            self.read_on()
        return 0

    # ---- time

    cdef int sweep(self, double now) except -1:
        # Looked at every `cadence` seconds, except while an answer is awaited. `due` is set here, not where the state
        # changes, so that no request pays for a clock.
        cdef NativeEdge edge = self.edge
        cdef NativeExchange exchange = self.exchange
        if self.due == 0:
            if self.state == AT_HEAD and self.behind is None:
                self.due = -(now + edge.idle_timeout)  # negative: idle
            elif self.state == AT_HEAD:
                self.due = now + edge.head_timeout
            else:
                self.due = now + (PARTING if self.state >= AT_PARTING else edge.body_timeout)
        if self.state == AT_HEAD and self.due < 0:
            if now > -self.due - (edge.idle_timeout - edge.linger if edge.retiring else 0):
                self.part()
        elif self.state >= AT_PARTING:
            if now > self.due and self.transport is not None:
                self.transport.abort()
        elif self.state == AT_HEAD:
            if now > self.due and not self.full:
                self.expire(f"the head of the request was not whole within {edge.head_timeout:g} seconds")
        elif now > self.due:
            self.expire(f"the request body stopped arriving for {edge.body_timeout:g} seconds")
        elif exchange is not None and now - exchange.arrived > edge.body_timeout and (
                self.filled < edge.body_rate * (now - exchange.arrived)):
            self.expire(f"the request body came slower than {edge.body_rate:g} bytes a second")
        return 0

    cdef int expire(self, str what) except -1:
        if self.state == AT_WASTE:
            return self.part()
        return self.reject(RequestTimeout(f"{what}; send it again"))
