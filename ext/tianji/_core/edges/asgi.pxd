"""The Granian edge: what a worker shares over its requests, and one request of it."""

from tianji._core.edges.edge cimport Edge, EdgeExchange

cdef class AsgiEdge(Edge):
    cdef object call_soon_threadsafe
    cdef object websocket      # (edge, watcher): takes a request for a WebSocket
    cdef set early             # exchanges whose first piece of body was asked for and not judged yet
    cdef list young            # exchanges that came since the last tick
    cdef list old              # those that came before
    cdef bint ticking

    cdef int watch_later(self, AsgiExchange exchange) except -1
    cdef int start_ticking(self) except -1


cdef class AsgiExchange(EdgeExchange):
    cdef object watcher        # Granian's handle of the request; None once the exchange is closed
    cdef object receive
    cdef object send
    cdef dict scope            # until it is read
    cdef object first_piece    # a future with the first piece of the body, when it came before the head was read
    cdef bint early            # its head is read when the first piece of its body is there
    cdef bint asked            # for the first piece of the body
    cdef list pieces           # of the body, while it comes in several
    cdef long long expected    # content-length; -1 when the body is chunked or absent
    cdef long long received
    cdef double last_read
    cdef bint last             # the connection ends with this request
    cdef bint reading          # the body is not whole yet
    cdef bint body_started     # a body message went out, so the head did too
    cdef object blocked        # the send that waits for room, or None
    cdef list queue            # pieces behind it
    cdef bint ending           # the last piece is in the queue
    cdef bint last_sent        # the last piece was handed to Granian

    cdef int begin(self) except -1
    cdef int read_head(self) except -1
    cdef int read_headers(self, str version) except -1
    cdef int read_body(self) except -1
    cdef int take(self, dict message) except -1
    cdef int gather(self, bytes piece, bint outgrows) except -1
    cdef int put(self, bytes chunk, bint last) except -1
    cdef int watch(self) except -1
