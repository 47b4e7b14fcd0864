"""What every edge does with a request once it has its head: find the route, let in, hand over, end.

No task is made for a request. A task runs only where a handler or the authoriser is a coroutine.
"""

from asyncio import ensure_future

from cpython.bytes cimport PyBytes_FromStringAndSize

from tianji._core.edges.exchange cimport Exchange, Handler
from tianji._core.edges.keys cimport KeyRing
from tianji._core.upstreams.spool cimport Spool

from tianji.errors import Overloaded, PayloadTooLarge

cdef extern from "Python.h":
    bint PyCoro_CheckExact(object) noexcept

cdef enum:
    IN_MEMORY = 1024 * 1024  # bytes; a larger body of a route that is for large ones is kept in a file

cdef object _ensure_future = ensure_future


cdef class Edge:
    """What all requests of a worker share. Built once, on the loop's thread, by tianji.edge."""

    def __init__(self, loop not None, *, dict exact not None, find, authorize, on_error, on_close, cors,
                 list fixed_headers not None, bytes root not None, limits, control):
        self.loop = loop
        self.exact = exact
        self.find = find
        self.authorize = authorize
        self.ring = authorize if isinstance(authorize, KeyRing) else None
        self.on_error = on_error
        self.on_close = on_close
        self.cors = cors
        self.fixed_headers = fixed_headers
        self.root = root
        self.cells = control.cells
        self.draining = control.draining_cell
        self.load = control.load_cell
        self.line = {}
        self.limit(limits)
        if not 0 <= self.draining < self.cells.shape[0] or not 0 <= self.load < self.cells.shape[0]:
            raise ValueError("the control block has no such cell")

    def replace_routes(self, dict exact not None, find):
        """Use another route table for requests that come from now on."""
        self.exact = exact
        self.find = find

    def limit(self, limits not None):
        """Hold requests that come from now on to other limits; who waits for a place gets one that there is now."""
        self.max_body = limits.max_body
        self.max_upload = limits.max_upload
        self.light = min(limits.max_body, <long long>IN_MEMORY)
        self.max_head = limits.max_head
        self.max_target = limits.max_target
        self.body_timeout = limits.body_timeout
        self.most = limits.most_inside
        self.most_waiting = limits.most_waiting
        self.patience = limits.patience
        self.call_next()

    cdef int call_next(self) except -1:
        # Give free places to those who wait longest.
        cdef EdgeExchange exchange
        while self.line and (not self.most or self.inside < self.most):
            exchange = next(iter(self.line))
            self.line.pop(exchange).cancel()
            exchange.placed = True
            self.inside += 1
            self.loop.call_soon(exchange._called)
        return 0


cdef class EdgeExchange(Exchange):
    """One request at an edge. A subclass reads head and body, and writes the answer."""

    cdef int enter(self) except -1:
        # It counts as open from here to close().
        cdef Edge edge = self.edge
        edge.open += 1
        edge.cells[edge.load] = edge.open
        return 0

    cdef int meet_browser(self, bytes origin) except -1:
        # `origin`: of the page that asks, or None. A preflight is answered here.
        self.browser = self.browser or origin is not None or self.method in ("GET", "HEAD")
        if origin is not None and self.edge.cors is not None:
            self.extra = self.edge.cors(self, origin)
        return 0

    cdef int route(self, bytes raw) except -1:
        # `raw`: the path as sent.
        cdef Edge edge = self.edge
        cdef object found
        cdef object match = None
        if edge.root and raw.startswith(edge.root) and (len(raw) == len(edge.root) or raw[len(edge.root)] == c"/"):
            raw = raw[len(edge.root):] or b"/"
            self.path = self.path[len(edge.root):] or "/"  # the prefix is plain ASCII
        found = edge.exact.get(raw)
        if found is not None:
            match = (<dict>found).get(self.method)
        if match is None:
            match = edge.find(self.method, raw)
        self.match = match
        if edge.cells[edge.draining] and not match.always:
            raise Overloaded("the gateway is shutting down; send the request again, it will reach another instance")
        if edge.most and not match.always and not self.lasts():
            return self.stand_in_line()
        return self.let_in()

    cdef bint lasts(self):
        # Whether it becomes a WebSocket, which may stay for days and so never takes a place.
        return False

    cdef int stand_in_line(self) except -1:
        # Go on at once where there is a place, else when there is one.
        cdef Edge edge = self.edge
        if edge.inside < edge.most:
            edge.inside += 1
            self.placed = True
            return self.let_in()
        if len(edge.line) >= edge.most_waiting:
            raise Overloaded(f"this worker is at its capacity of {edge.most} requests; send it again in a moment")
        edge.line[self] = edge.loop.call_later(edge.patience, self._waited_in_vain)
        return 0

    def _waited_in_vain(self):
        cdef Edge edge = self.edge
        if edge.line.pop(self, None) is not None:
            self.fail(Overloaded(f"no place became free within {edge.patience:g} seconds; send it again in a moment"))

    def _called(self):
        if self.closed:
            return
        try:
            self.let_in()
        except Exception as error:  # noqa: BLE001 - the boundary: every failure becomes an answer
            self.fail(error)

    cdef int leave_place(self) except -1:
        cdef Edge edge = self.edge
        timer = edge.line.pop(self, None)
        if timer is not None:
            timer.cancel()
        if self.placed:
            self.placed = False
            edge.inside -= 1
            edge.call_next()
        return 0

    cdef int let_in(self) except -1:
        cdef Edge edge = self.edge
        cdef object match = self.match
        if match.open:
            return self.admit(None)
        identity = edge.authorize(self, match) if edge.ring is None else edge.ring.identify(self, match)
        if PyCoro_CheckExact(identity):
            return self.run(identity, self._authorized_later)
        return self.admit(identity)

    def _authorized_later(self, task not None):
        self.task = None
        if self.closed or task.cancelled():
            return
        try:
            self.admit(task.result())
        except Exception as error:  # noqa: BLE001 - the boundary: every failure becomes an answer
            self.fail(error)

    cdef int admit(self, object identity) except -1:
        self.identity = identity
        self.admitted = True
        if self.wanted is None:
            return self.collect()
        self.wanted.cancel()  # who still waits for it does so in vain
        self.wanted = None
        return self.dispatch() if self.whole else 0

    def ahead(self):
        """Have the body read, see Exchange."""
        if self.admitted:
            return Exchange.ahead(self)
        if self.wanted is None:
            self.wanted = self.edge.loop.create_future()
            try:
                self.collect()
            except Exception:
                self.wanted = None
                raise
        return self.wanted

    cdef int collect(self) except -1:
        # The body is wanted: call dispatch() as soon as it is whole.
        raise RuntimeError("an edge must implement collect")

    cdef bint outgrows(self, long long size) except -1:
        # Whether a body of so many bytes is kept in a file. Raises PayloadTooLarge where its route has no room for it.
        cdef Edge edge = self.edge
        cdef long long most
        if size <= edge.light:
            return False
        most = edge.max_upload if self.match.large else edge.max_body
        if size > most:
            raise PayloadTooLarge(f"the request body is over {most} bytes; send a smaller one")
        return self.match.large

    cdef bytes room(self, long long size):
        # What a body of this length is read into; None where that is its file.
        if not self.outgrows(size):
            return PyBytes_FromStringAndSize(NULL, <Py_ssize_t>size)
        self.store([])
        return None

    cdef int store(self, list pieces) except -1:
        # Move pieces of the body into its file.
        cdef bytes piece
        if self.spool is None:
            self.spool = Spool()
        for piece in pieces:
            self.spool.append(<const char*>piece, len(piece))
        pieces.clear()
        return 0

    cdef int dispatch(self) except -1:
        cdef object handler = self.match.handler
        cdef object pending
        if not self.admitted:
            return self.show()
        if isinstance(handler, Handler):
            return (<Handler>handler).handle(self, self.match)
        pending = handler(self, self.match)
        if pending is not None:
            self.run(pending, self._handled)
        return 0

    cdef int show(self) except -1:
        # The body is whole, and nobody knows yet who sent it.
        cdef Edge edge = self.edge
        if self.wanted is None:
            raise RuntimeError("a request was handled before it was known who sent it")
        self.whole = True
        if self.wanted.done():
            return 0
        if self.size > edge.max_body:
            self.wanted.set_exception(PayloadTooLarge(f"a body over {edge.max_body} bytes is not shown to code"))
        else:
            self.wanted.set_result(self.read(0, <Py_ssize_t>self.size))
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

    cdef int client_left(self) except -1:
        self.lost()
        if self.task is not None:
            self.task.cancel()
        return self.close()

    cdef list dressed(self, list headers):
        # `headers`, and those that browsers heed where one may be behind the request
        if not self.browser:
            return headers
        headers = headers + self.edge.fixed_headers
        if self.extra is not None:
            headers += self.extra
        return headers

    cdef int close(self) except -1:
        cdef Edge edge = self.edge
        if self.closed:
            return 0
        self.closed = True
        edge.open -= 1
        edge.cells[edge.load] = edge.open
        if edge.most or self.placed:  # a place may be older than the word that any number may come
            self.leave_place()
        self.let_go()
        self.spool = self.form = None
        if edge.on_close is not None:
            edge.on_close(self)
        self.account = None  # it may know this exchange: no cycle may outlive the request
        return 0

    cdef int let_go(self) except -1:
        # Drop what belongs to the connection; called once, before `on_close`.
        return 0
