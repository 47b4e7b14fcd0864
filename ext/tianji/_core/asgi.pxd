"""The Granian edge: what a worker shares over its requests, and one request of it."""

from tianji._core.exchange cimport Exchange

cdef class AsgiEdge:
    cdef object loop
    cdef object call_soon_threadsafe
    cdef dict exact            # raw path: {method: Match}
    cdef object find           # (method, raw path) -> Match, for what is not in `exact`
    cdef object authorize      # (exchange, match) -> identity, or a coroutine of one
    cdef object on_error       # (exchange, exception): answers it
    cdef object on_close       # (exchange), after its last byte was handed on; or None
    cdef object cors           # (exchange, origin) -> list of headers, None after a preflight was answered
    cdef object websocket      # (scope, receive, send) -> coroutine
    cdef list fixed_headers    # go with every answer
    cdef bytes root            # prefix taken off every path; b"" for none
    cdef long long max_body
    cdef Py_ssize_t max_head   # bytes of all header names and values
    cdef Py_ssize_t max_target
    cdef double body_timeout   # seconds between two pieces of a body
    cdef long long[::1] cells  # shared with the parent process, see tianji.edge.control
    cdef Py_ssize_t draining   # index of the flag
    cdef Py_ssize_t load       # index of this worker's count of open exchanges
    cdef readonly long long open
    cdef set early             # exchanges whose first piece of body was asked for and not judged yet
    cdef list young            # exchanges that came since the last tick
    cdef list old              # those that came before
    cdef bint ticking

    cdef int watch_later(self, AsgiExchange exchange) except -1
    cdef int start_ticking(self) except -1


cdef class AsgiExchange(Exchange):
    cdef AsgiEdge edge
    cdef object watcher        # Granian's handle of the request; None once the exchange is closed
    cdef object receive
    cdef object send
    cdef object match
    cdef dict scope            # until it is read
    cdef object first_piece    # a future with the first piece of the body, when it came before the head was read
    cdef bint early            # its head is read when the first piece of its body is there
    cdef bint asked            # for the first piece of the body
    cdef bint browser          # a page may be behind it: the headers that browsers heed go with the answer
    cdef object task           # the coroutine at work, or None
    cdef list extra            # CORS headers, or None
    cdef list pieces           # of the body, while it comes in several
    cdef long long expected    # content-length; -1 when the body is chunked or absent
    cdef long long received
    cdef double last_read
    cdef bint reading          # the body is not whole yet
    cdef bint body_started     # a body message went out, so the head did too
    cdef object blocked        # the send that waits for room, or None
    cdef list queue            # pieces behind it
    cdef bint ending           # the last piece is in the queue
    cdef bint last_sent        # the last piece was handed to Granian
    cdef bint closed

    cdef int begin(self) except -1
    cdef int read_head(self) except -1
    cdef int read_headers(self, str version) except -1
    cdef int route(self, bytes raw) except -1
    cdef int authorized(self, object identity) except -1
    cdef int read_body(self) except -1
    cdef int take(self, dict message) except -1
    cdef int dispatch(self) except -1
    cdef int run(self, object awaitable, object callback) except -1
    cdef int fail(self, object error) except -1
    cdef int put(self, bytes chunk, bint last) except -1
    cdef int watch(self) except -1
    cdef int client_left(self) except -1
    cdef int close(self) except -1
