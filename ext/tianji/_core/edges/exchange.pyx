"""One client request and its answer: the only thing an edge and the pipeline share.

An edge subclasses Exchange and implements `send_head`, `send_body` and `send_abort`; it calls `lost`, `filled` and
`drained` when it hears from its socket. Whoever answers calls `respond`, or `start`, `write`..., `finish`; who answers
over time attaches a Producer and is told when the client leaves, cannot keep up, or can again.

Whoever calls a producer or a handler holds it in a local variable: hearing of an end, it may drop every other
reference to itself, and a compiled method does not keep its own object alive.

States: nothing sent -> started -> finished. A call that does not fit the state raises RuntimeError, except that after
the client has gone, or after `abort`, everything that sends is ignored: the answer has no reader.
"""

from tianji._core.upstreams.spool cimport Extent


cdef class Producer:
    """Base of what writes an answer over time. All three calls are made on the loop's thread."""

    cdef int client_gone(self) except -1:
        return 0

    cdef int client_full(self) except -1:
        return 0

    cdef int client_ready(self) except -1:
        return 0


cdef class Exchange:
    """A request and its answer. Not thread-safe: it belongs to its loop."""

    @property
    def headers(self):
        """All header fields: list of (name in lower case, value), in order."""
        if self.fields is None:
            self.fields = self.read_fields()
        return self.fields

    cpdef bytes header(self, bytes name):
        """The first value of the header `name` (lower case), or None."""
        cdef tuple pair
        for pair in self.headers:
            if pair[0] == name:
                return <bytes>pair[1]
        return None

    cpdef bytes agent(self):
        """What the client says it is (`User-Agent`), or None."""
        return self.header(b"user-agent")

    @property
    def size(self):
        """How long the body is, wherever it is kept; bytes."""
        return len(self.body) if self.spool is None else self.spool.size

    cpdef bytes read(self, long long at, Py_ssize_t size):
        """Return `size` bytes of the body from `at` on, wherever it is kept; fewer at its end."""
        return self.body[at:at + size] if self.spool is None else self.spool.read(at, size)

    cpdef object extent(self, long long at, long long size):
        """Return a part of the body for a Parcel: bytes, or an Extent of the file where it is kept."""
        return self.body[at:at + size] if self.spool is None else Extent(self.spool, at, size)

    def ahead(self):
        """Have the body read, although nobody knows yet who sends it: a future of it, as bytes, of the running loop.

        Raises PayloadTooLarge, at once or in the future, for a body that has no room in memory.
        """
        from asyncio import get_running_loop  # here: the parent of workers, which loads this too, has no use for it
        found = get_running_loop().create_future()
        found.set_result(self.read(0, <Py_ssize_t>self.size))
        return found

    cpdef int attach(self, Producer producer) except -1:
        """Let `producer` hear of the client. A client that has already gone is reported at once."""
        self.producer = producer
        if self.gone and producer is not None:
            producer.client_gone()
        return 0

    cpdef int respond(self, int status, list headers, bytes body) except -1:
        """Answer with a whole body. `headers`: list of (lower-case name, value); the edge adds content-length."""
        if self.finished or self.gone:
            return 0
        if self.status:
            raise RuntimeError("the answer has already been started")
        self.status = status
        self.sent = len(body)
        self.finished = True
        self.send_head(status, headers)
        self.send_body(body, True)
        self.producer = None
        return 0

    cpdef int start(self, int status, list headers) except -1:
        """Begin an answer whose body follows in pieces."""
        if self.finished or self.gone:
            return 0
        if self.status:
            raise RuntimeError("the answer has already been started")
        self.status = status
        self.send_head(status, headers)
        return 0

    cpdef int write(self, bytes chunk) except -1:
        """Hand on a piece of the body, in order. It is accepted even when `full`; the producer should pause."""
        if self.finished or self.gone or not chunk:
            return 0
        if not self.status:
            raise RuntimeError("write before start")
        self.sent += len(chunk)
        self.send_body(chunk, False)
        return 0

    cpdef int finish(self, bytes last=b"") except -1:
        """End an answer that was begun with `start`; `last` is the last piece of its body."""
        if self.finished or self.gone:
            return 0
        if not self.status:
            raise RuntimeError("finish before start")
        self.finished = True
        self.sent += len(last)
        self.send_body(last, True)
        self.producer = None
        return 0

    cpdef int abort(self) except -1:
        """Cut the answer off so that the client notices: its connection closes without a proper end."""
        if self.finished or self.gone:
            return 0
        self.finished = True
        self.producer = None
        self.send_abort()
        return 0

    cdef int lost(self) except -1:
        cdef Producer producer = self.producer
        if self.finished or self.gone:
            return 0
        self.gone = True
        self.producer = None
        if producer is not None:
            producer.client_gone()
        return 0

    cdef int filled(self) except -1:
        cdef Producer producer = self.producer
        if self.full:
            return 0
        self.full = True
        if producer is not None:
            producer.client_full()
        return 0

    cdef int drained(self) except -1:
        cdef Producer producer = self.producer
        if not self.full:
            return 0
        self.full = False
        if producer is not None and not self.gone:
            producer.client_ready()
        return 0

    cdef list read_fields(self):
        # All header fields, for an edge that has not set `fields`.
        return []

    cdef int send_head(self, int status, list headers) except -1:
        raise RuntimeError("an edge must implement send_head")

    cdef int send_body(self, bytes chunk, bint last) except -1:
        raise RuntimeError("an edge must implement send_body")

    cdef int send_abort(self) except -1:
        raise RuntimeError("an edge must implement send_abort")


cdef class Handler:
    """Base of compiled handlers: `handle` begins to answer, and raises nothing."""

    def __call__(self, Exchange exchange not None, object match):
        """Begin to answer."""
        self.handle(exchange, match)

    cdef int handle(self, Exchange exchange, object match) except -1:
        raise RuntimeError("a handler must implement handle")
