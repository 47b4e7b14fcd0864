"""The Granian edge: what a worker shares over its requests, and one request of it.

Granian calls `AsgiEdge.schedule` on a thread of its own for each request; everything else runs on the loop's thread. No
task is made for a request: `receive()` and `send()` give futures whose done-callbacks drive the exchange (Granian 2.8
does the work of `send` at call time, and its result needs no awaiting). A task runs only where a handler or the
authoriser is a coroutine.

Each `receive()` costs two hops between threads, so the end of a body whose length is known is not waited for, and the
watch for a client that leaves starts only when an exchange is 10 to 20 ms old: one shared timer finds those, and short
answers never pay for it.

Size: the edge and its exchanges call each other's C methods, so that they cannot be two modules.
"""

from asyncio import ensure_future

cimport cython

from tianji._core.clock cimport monotonic

from tianji.errors import HeadersTooLarge, InvalidRequest, Overloaded, PayloadTooLarge, RequestTimeout, TargetTooLong

cdef double TICK = 0.010  # seconds; a client that leaves is noticed within two of them
cdef double PATIENCE = 0.050  # seconds that a small body may take to begin before its request is judged without it
cdef long long SMALL = 256 * 1024  # bytes; a body up to this length is asked for before its head is judged

cdef extern from "Python.h":
    bint PyCoro_CheckExact(object) noexcept

cdef object _ensure_future = ensure_future
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


cdef long long parse_length(bytes value) except -1:
    # hyper passes digits only; more of them than fit a number are over any limit
    cdef long long length = 0
    cdef Py_ssize_t i
    cdef const unsigned char* p = <const unsigned char*>value
    if not value:
        raise InvalidRequest("content-length is empty; send the number of bytes of the body")
    for i in range(len(value)):
        if not c"0" <= p[i] <= c"9":
            raise InvalidRequest("content-length is not a number; send the number of bytes of the body")
        if length > 10 ** 17:
            raise PayloadTooLarge("content-length is beyond any limit; send a smaller body")
        length = length * 10 + (p[i] - c"0")
    return length


cdef class AsgiEdge:
    """What all requests of a worker share. Built once, on the loop's thread, by tianji.edge.asgi."""

    def __init__(self, loop not None, *, dict exact not None, find, authorize, on_error, on_close, cors, websocket,
                 list fixed_headers not None, bytes root not None, limits, control):
        self.loop = loop
        self.call_soon_threadsafe = loop.call_soon_threadsafe
        self.exact = exact
        self.find = find
        self.authorize = authorize
        self.on_error = on_error
        self.on_close = on_close
        self.cors = cors
        self.websocket = websocket
        self.fixed_headers = fixed_headers
        self.root = root
        self.max_body = limits.max_body
        self.max_head = limits.max_head
        self.max_target = limits.max_target
        self.body_timeout = limits.body_timeout
        self.cells = control.cells
        self.draining = control.draining_cell
        self.load = control.load_cell
        if not 0 <= self.draining < self.cells.shape[0] or not 0 <= self.load < self.cells.shape[0]:
            raise ValueError("the control block has no such cell")
        self.young = []
        self.old = []
        self.early = set()

    def replace_routes(self, dict exact not None, find):
        """Use another route table for requests that come from now on."""
        self.exact = exact
        self.find = find

    def schedule(self, watcher not None):
        """Take a request over from Granian. Called on Granian's thread, with the GIL held."""
        cdef AsgiExchange exchange
        cdef dict scope = watcher.scope
        cdef object proto = watcher.proto
        try:
            if scope["type"] != "http":
                self.call_soon_threadsafe(self._upgrade, watcher, scope, proto)
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

    def _upgrade(self, watcher not None, dict scope not None, proto not None):
        task = _ensure_future(self.websocket(scope, proto.receive, proto.send), loop=self.loop)
        task.add_done_callback(lambda _: watcher.done())

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
cdef class AsgiExchange(Exchange):
    """One request that came through Granian."""

    # ---- the request

    def _came(self):
        self.begin()

    def _came_with_body(self, future not None):
        if self.early:
            self.early = False
            self.edge.early.discard(self)
            self.first_piece = future
            self.begin()
        elif self.reading:
            self._body_came(future)
        else:
            self.first_piece = future

    cdef int begin(self) except -1:
        cdef AsgiEdge edge = self.edge
        edge.open += 1
        edge.cells[edge.load] = edge.open
        try:
            self.read_head()
        except Exception as error:  # noqa: BLE001 - the boundary: every failure becomes an answer
            self.fail(error)
        return 0

    cdef int read_head(self) except -1:
        cdef AsgiEdge edge = self.edge
        cdef dict scope = self.scope
        cdef bytes raw = scope["raw_path"]
        self.scope = None
        self.method = scope["method"]
        self.path = scope["path"]
        self.query = scope["query_string"]
        self.headers = scope["headers"]
        self.peer = scope["client"]
        if len(raw) + len(self.query) > edge.max_target:
            raise TargetTooLong(f"path and query are over {edge.max_target} bytes; send parameters in the body")
        self.read_headers(scope["http_version"])
        if self.finished:
            return 0  # a CORS preflight
        if edge.root:
            if raw.startswith(edge.root) and (len(raw) == len(edge.root) or raw[len(edge.root)] == c"/"):
                raw = raw[len(edge.root):] or b"/"
                self.path = self.path[len(edge.root):] or "/"  # the prefix is plain ASCII
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
        for pair in self.headers:
            name = <bytes>pair[0]
            value = <bytes>pair[1]
            total += len(name) + len(value)
            if len(name) == 4:
                if name == b"host":
                    hosts += 1
                    if not value and version == "1.1":
                        raise InvalidRequest("the request has no Host header; HTTP/1.1 requires one")
            elif len(name) == 6:
                if name == b"origin":
                    origin = value
            elif len(name) == 14:
                if name == b"content-length":
                    self.expected = parse_length(value)
                elif name == b"sec-fetch-mode":
                    self.browser = True
            elif len(name) == 17:
                if name == b"transfer-encoding":
                    chunked = True
        if total > self.edge.max_head:
            raise HeadersTooLarge(f"the headers are over {self.edge.max_head} bytes in all; send fewer or shorter ones")
        if hosts > 1:
            raise InvalidRequest("the request has more than one Host header; send exactly one")
        if self.expected > self.edge.max_body:
            raise PayloadTooLarge(f"the request body is over {self.edge.max_body} bytes; send a smaller one")
        # HTTP/2 needs neither field for a body; in HTTP/1 no field means no body (RFC 9112 section 6.3)
        if chunked or (self.expected < 0 and version == "2" and self.method in _BODY_METHODS):
            self.reading = True
            self.expected = -1
        elif self.expected > 0:
            self.reading = True
        self.browser = self.browser or origin is not None or self.method == "GET"
        if origin is not None and self.edge.cors is not None:
            self.extra = self.edge.cors(self, origin)
        return 0

    cdef int route(self, bytes raw) except -1:
        cdef AsgiEdge edge = self.edge
        cdef object found = edge.exact.get(raw)
        cdef object match = (<dict>found).get(self.method) if found is not None else None
        if match is None:
            match = edge.find(self.method, raw)
        self.match = match
        if edge.cells[edge.draining] and not match.always:
            raise Overloaded("the gateway is shutting down; send the request again, it will reach another instance")
        if match.open:
            return self.authorized(None)
        identity = edge.authorize(self, match)
        if PyCoro_CheckExact(identity):
            return self.run(identity, self._authorized_later)
        return self.authorized(identity)

    def _authorized_later(self, task not None):
        self.task = None
        if self.closed or task.cancelled():
            return
        try:
            self.authorized(task.result())
        except Exception as error:  # noqa: BLE001 - the boundary: every failure becomes an answer
            self.fail(error)

    cdef int authorized(self, object identity) except -1:
        self.identity = identity
        if self.reading:
            return self.read_body()
        self.body = b""
        return self.dispatch()

    cdef int read_body(self) except -1:
        cdef object first = self.first_piece
        self.last_read = self.arrived
        if first is not None:
            self.first_piece = None
            self.take(first.result())
            if not self.closed:
                self.edge.watch_later(self)
            return 0
        self.edge.watch_later(self)
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
        if message["type"] != "http.request":
            raise InvalidRequest("the request body ended early or is framed wrongly; send it again")
        piece = message["body"]
        self.received += len(piece)
        if self.received > self.edge.max_body:
            raise PayloadTooLarge(f"the request body is over {self.edge.max_body} bytes; send a smaller one")
        if self.expected >= 0:
            more = self.received < self.expected
        else:
            more = message["more_body"]
        if not more:
            self.reading = False
            if self.pieces is None:
                self.body = piece
            else:
                self.pieces.append(piece)
                self.body = b"".join(self.pieces)
                self.pieces = None
            return self.dispatch()
        if self.pieces is None:
            self.pieces = []
        self.pieces.append(piece)
        self.last_read = monotonic()
        self.receive().add_done_callback(self._body_came)
        return 0

    cdef int dispatch(self) except -1:
        cdef object pending = self.match.handler(self, self.match)
        if pending is not None:
            self.run(pending, self._handled)
        if not self.closed and not self.received:
            self.edge.watch_later(self)  # with a body it is in the list already
        return 0

    cdef int run(self, object awaitable, object callback) except -1:
        self.task = _ensure_future(awaitable, loop=self.edge.loop)
        self.task.add_done_callback(callback)
        return 0

    def _handled(self, task not None):
        self.task = None
        if task.cancelled():
            self.abort()
        elif task.exception() is not None:
            self.fail(task.exception())
        elif not self.finished and not self.gone and self.producer is None:
            self.fail(RuntimeError(f"the handler of {self.path} ended without an answer"))

    cdef int fail(self, object error) except -1:
        self.edge.on_error(self, error)  # also when nobody reads an answer any more: our faults belong into the log
        return 0

    # ---- the answer

    cdef int send_head(self, int status, list headers) except -1:
        if self.browser:
            headers = headers + self.edge.fixed_headers
            if self.extra is not None:
                headers += self.extra
        if self.edge.cells[self.edge.draining]:
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

    cdef int client_left(self) except -1:
        self.lost()
        if self.task is not None:
            self.task.cancel()
        return self.close()

    cdef int close(self) except -1:
        cdef AsgiEdge edge = self.edge
        if self.closed:
            return 0
        self.closed = True
        edge.open -= 1
        edge.cells[edge.load] = edge.open
        # Granian drops an unread body with its handle, and only then decides on the connection
        self.watcher = self.receive = self.send = self.blocked = self.queue = self.pieces = self.first_piece = None
        if edge.on_close is not None:
            edge.on_close(self)
        self.account = None  # it may know this exchange: no cycle may outlive the request
        return 0
