"""The Granian edge: what a worker shares over its requests, and one request of it.

Granian calls `AsgiEdge.schedule` on a thread of its own for each request; everything else runs on the loop's thread:
`receive()` and `send()` give futures whose done-callbacks drive the exchange (Granian 2.8 does the work of `send` at
call time, and its result needs no awaiting).

Each `receive()` costs two hops between threads, so the end of a body whose length is known is not waited for, and the
watch for a client that leaves starts only when an exchange is 10 to 20 ms old: one shared timer finds those, and short
answers never pay for it.
"""

cimport cython

from tianji._core.sharing.clock cimport monotonic
from tianji._core.edges.edge cimport Edge, EdgeExchange
from tianji._core.upstreams.fields cimport is_host, length_of

from tianji.errors import HeadersTooLarge, InvalidRequest, PayloadTooLarge, RequestTimeout, TargetTooLong

cdef double TICK = 0.010  # seconds; a client that leaves is noticed within two of them
cdef double PATIENCE = 0.050  # seconds that a small body may take to begin before its request is judged without it
cdef long long SMALL = 256 * 1024  # bytes; a body up to this length is asked for before its head is judged

cdef tuple _BODY_METHODS = ("POST", "PUT", "PATCH", "DELETE")


cdef bint brings_body(dict scope, long long limit) except -1:
    """Whether a body of 1 to `limit` bytes follows that the client sends without being asked (RFC 9110 10.1.1)."""
    cdef tuple pair
    cdef bytes name
    cdef long long length = 0
    if scope["method"] != "POST":
        return False
    for pair in scope["headers"]:
        name = <bytes>pair[0]
        if len(name) == 14 and name == b"content-length":
            length = small_number(<bytes>pair[1])
        elif len(name) == 6 and name == b"expect":
            return False
    return 0 < length <= limit


cdef long long small_number(bytes digits) noexcept:
    # 0 for what is no number of one to nine digits: the request is judged in full later
    cdef long long number = 0
    cdef Py_ssize_t i
    cdef const unsigned char* p = <const unsigned char*>digits
    if len(digits) > 9:
        return 0
    for i in range(len(digits)):
        if not c"0" <= p[i] <= c"9":
            return 0
        number = number * 10 + (p[i] - c"0")
    return number


@cython.final
cdef class AsgiEdge(Edge):
    """What all requests of a worker share. Built once, on the loop's thread, by tianji.edge.asgi."""

    def __init__(self, loop not None, *, websocket, **shared):
        super().__init__(loop, **shared)
        self.call_soon_threadsafe = loop.call_soon_threadsafe
        self.websocket = websocket
        self.young = []
        self.old = []
        self.early = set()

    def schedule(self, watcher not None):
        """Take a request over from Granian. Called on Granian's thread, with the GIL held."""
        cdef AsgiExchange exchange
        cdef dict scope = watcher.scope
        cdef object proto = watcher.proto
        try:
            if scope["type"] != "http":
                self.call_soon_threadsafe(self.websocket, self, watcher)
                return
            exchange = AsgiExchange.__new__(AsgiExchange)
            exchange.edge = self
            exchange.watcher = watcher
            exchange.receive = proto.receive
            exchange.send = proto.send
            exchange.scope = scope
            exchange.expected = -1
            exchange.arrived = monotonic()
            if brings_body(scope, min(SMALL, self.max_body)):
                # Asked for here, the first piece wakes the loop by itself and the request needs no wake-up of its own.
                # Nothing can complete the future before its callback is set: that takes this very thread.
                exchange.early = exchange.asked = True
                self.early.add(exchange)
                exchange.receive().add_done_callback(exchange._came_with_body)
            else:
                self.call_soon_threadsafe(exchange._came)
        except RuntimeError:  # the loop is closed: the worker is going down
            watcher.done()

    def look_after_early(self, double patience=PATIENCE):
        """Judge by their head alone the requests whose body has not begun `patience` seconds after them.

        The worker calls this from time to time, so that no slow client escapes limits and timeouts.
        """
        cdef AsgiExchange exchange
        cdef double now = monotonic()
        for exchange in list(self.early):
            if now - exchange.arrived >= patience:
                self.early.discard(exchange)
                exchange.early = False
                exchange.begin()

    cdef int watch_later(self, AsgiExchange exchange) except -1:
        self.young.append(exchange)
        if not self.ticking:
            self.start_ticking()
        return 0

    cdef int start_ticking(self) except -1:
        self.ticking = True
        self.loop.call_later(TICK, self._tick)
        return 0

    def _tick(self):
        cdef AsgiExchange exchange
        cdef list due = self.old
        cdef list keep = self.young
        cdef double now = monotonic()
        self.young = []
        self.old = keep
        for exchange in due:
            if exchange.closed:
                continue
            if not exchange.reading:
                exchange.watch()
            elif now - exchange.last_read > self.body_timeout:
                exchange.reading = False
                exchange.fail(RequestTimeout(
                    f"the request body stopped arriving for {self.body_timeout:g} seconds; send it again"))
            else:
                keep.append(exchange)
        if keep:
            self.loop.call_later(TICK, self._tick)
        else:
            self.ticking = False


@cython.final
cdef class AsgiExchange(EdgeExchange):
    """One request that came through Granian."""

    # ---- the request

    def _came(self):
        self.begin()

    def _came_with_body(self, future not None):
        if self.early:
            self.early = False
            (<AsgiEdge>self.edge).early.discard(self)
            self.first_piece = future
            self.begin()
        elif (self.admitted or self.wanted is not None) and self.reading:
            self._body_came(future)
        else:
            self.first_piece = future  # nobody knows yet who sends it

    cdef int begin(self) except -1:
        self.enter()
        try:
            self.read_head()
        except Exception as error:  # noqa: BLE001 - the boundary: every failure becomes an answer
            self.fail(error)
        return 0

    cdef int read_head(self) except -1:
        cdef Edge edge = self.edge
        cdef dict scope = self.scope
        cdef bytes raw = scope["raw_path"]
        self.scope = None
        self.method = scope["method"]
        self.path = scope["path"]
        self.query = scope["query_string"]
        self.fields = self.noted = scope["headers"]
        self.peer = scope["client"]
        if len(raw) + len(self.query) > edge.max_target:
            raise TargetTooLong(f"path and query are over {edge.max_target} bytes; send parameters in the body")
        self.read_headers(scope["http_version"])
        if self.finished:
            return 0  # a CORS preflight
        return self.route(raw)

    cdef int read_headers(self, str version) except -1:
        # hyper has refused malformed lines and lengths that differ. It lets a missing or doubled Host pass, shows a
        # missing one as an empty one (RFC 9112 section 3.2), and sets no limit on the size of values.
        cdef Py_ssize_t total = 0
        cdef int hosts = 0
        cdef bint chunked = False
        cdef bytes name, value
        cdef bytes origin = None
        cdef tuple pair
        for pair in self.fields:
            name = <bytes>pair[0]
            value = <bytes>pair[1]
            total += len(name) + len(value)
            if len(name) == 4:
                if name == b"host":
                    hosts += 1
                    if not value and version == "1.1":
                        raise InvalidRequest("the request has no Host header; HTTP/1.1 requires one")
                    if not is_host(<const char*>value, <const char*>value + len(value)):
                        raise InvalidRequest("the Host header is not HOST or HOST:PORT")
            elif len(name) == 6:
                if name == b"origin":
                    origin = value
            elif len(name) == 14:
                if name == b"content-length":
                    self.expected = length_of(value, len(value))
                    if self.expected < 0 and value.isdigit():
                        raise PayloadTooLarge("content-length is beyond any limit; send a smaller body")
                    if self.expected < 0:
                        raise InvalidRequest("content-length is not a number; send the number of bytes of the body")
                elif name == b"sec-fetch-mode":
                    self.browser = True
            elif len(name) == 17:
                if name == b"transfer-encoding":
                    chunked = True
        if total > self.edge.max_head:
            raise HeadersTooLarge(f"the headers are over {self.edge.max_head} bytes in all; send fewer or shorter ones")
        if hosts > 1:
            raise InvalidRequest("the request has more than one Host header; send exactly one")
        self.last = chunked  # hyper takes a line end without CR in trailers for more of them: trust nothing behind
        # HTTP/2 needs neither field for a body; in HTTP/1 no field means no body (RFC 9112 section 6.3)
        if chunked or (self.expected < 0 and version == "2" and self.method in _BODY_METHODS):
            self.reading = True
            self.expected = -1
        elif self.expected > 0:
            self.reading = True
        return self.meet_browser(origin)

    cdef int collect(self) except -1:
        if self.reading:
            self.outgrows(self.expected)
            return self.read_body()
        self.body = b""
        self.dispatch()
        if not self.closed:
            (<AsgiEdge>self.edge).watch_later(self)
        return 0

    cdef int read_body(self) except -1:
        cdef object first = self.first_piece
        self.last_read = self.arrived
        if first is not None:
            self.first_piece = None
            self.take(first.result())
            if not self.closed:
                (<AsgiEdge>self.edge).watch_later(self)
            return 0
        (<AsgiEdge>self.edge).watch_later(self)
        if not self.asked:
            self.receive().add_done_callback(self._body_came)
        return 0

    def _body_came(self, future not None):
        if self.closed or not self.reading:
            return
        try:
            self.take(future.result())
        except Exception as error:  # noqa: BLE001 - the boundary: every failure becomes an answer
            self.reading = False
            self.fail(error)

    cdef int take(self, dict message) except -1:
        cdef bytes piece
        cdef bint outgrows
        if message["type"] != "http.request":
            raise InvalidRequest("the request body ended early or is framed wrongly; send it again")
        piece = message["body"]
        self.received += len(piece)
        outgrows = self.outgrows(self.received)
        if self.expected >= 0:
            more = self.received < self.expected
        else:
            more = message["more_body"]
        if not more:
            self.reading = False
            if self.pieces is None and not outgrows:
                self.body = piece
            else:
                self.gather(piece, outgrows)
                self.body = b"".join(self.pieces)
                self.pieces = None
            return self.dispatch()
        self.gather(piece, outgrows)
        self.last_read = monotonic()
        self.receive().add_done_callback(self._body_came)
        return 0

    cdef int gather(self, bytes piece, bint outgrows) except -1:
        if self.pieces is None:
            self.pieces = []
        self.pieces.append(piece)
        if outgrows:
            self.store(self.pieces)
        return 0

    # ---- the answer

    cdef int send_head(self, int status, list headers) except -1:
        headers = self.dressed(headers)
        if self.last or self.edge.cells[self.edge.draining]:
            headers.append((b"connection", b"close"))
        self.send({"type": "http.response.start", "status": status, "headers": headers})
        return 0

    cdef int send_body(self, bytes chunk, bint last) except -1:
        if self.blocked is None:
            return self.put(chunk, last)
        if chunk:
            self.queue.append(chunk)
        self.ending = last
        return 0

    cdef int put(self, bytes chunk, bint last) except -1:
        cdef object sent = self.send({"type": "http.response.body", "body": chunk, "more_body": not last})
        cdef object when_done = getattr(sent, "add_done_callback", None)
        self.body_started = True
        self.last_sent = last
        if when_done is None:
            if last:
                self.close()
            return 0
        self.blocked = sent
        if self.queue is None:
            self.queue = []
        when_done(self._room)
        if not last:
            self.filled()
        return 0

    def _room(self, future not None):
        # Granian's channel took the piece that waited. What queued up behind it goes out as one piece.
        cdef list queue = self.queue
        if self.closed:
            return
        self.blocked = None
        if self.last_sent:
            self.close()
        elif queue or self.ending:
            self.queue = []
            self.put(b"".join(queue), self.ending)
        if self.blocked is None and not self.closed:
            self.drained()

    cdef int send_abort(self) except -1:
        if not self.status:
            self.send({"type": "http.response.start", "status": 500, "headers": self.edge.fixed_headers})
        if not self.body_started:  # only a head that is out can be cut short
            self.send({"type": "http.response.body", "body": b"", "more_body": True})
        self.watcher.done()  # Granian breaks off an answer whose call is over before its last piece
        if self.task is not None:
            self.task.cancel()
        return self.close()

    # ---- the client

    cdef int watch(self) except -1:
        self.receive().add_done_callback(self._watched)
        return 0

    def _watched(self, future not None):
        cdef dict message
        if self.closed or self.finished:
            return
        message = future.result()
        if message["type"] == "http.request":  # the empty end of a body whose length was known
            self.watch()
            return
        self.client_left()

    cdef int let_go(self) except -1:
        # Granian drops an unread body with its handle, and only then decides on the connection
        self.watcher = self.receive = self.send = self.blocked = self.queue = self.pieces = self.first_piece = None
        return 0
