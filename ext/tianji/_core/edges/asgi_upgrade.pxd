"""A WebSocket of the Granian edge: the request for one, and the socket as picows would show it."""

from picows.picows cimport WSListener, WSTransport

from tianji._core.edges.edge cimport EdgeExchange


cdef class AsgiTransport(WSTransport):
    cdef AsgiUpgrade exchange        # None once the socket is closed
    cdef WSListener listener         # likewise
    cdef object receive
    cdef object tell                 # ASGI's `send`
    cdef bytearray room              # where a message lies that the listener sees, behind room for a header
    cdef list waiting                # messages that Granian has not taken yet, the first of which it was given
    cdef Py_ssize_t waiting_size     # bytes of them
    cdef list pieces                 # of a message that goes out and came in fragments
    cdef bint text                   # it is a text
    cdef bint full                   # the listener was told that the client does not keep up
    cdef bint held                   # no further message is asked for
    cdef object asking               # the future of the next message; or None
    cdef object giving               # the future of the first of `waiting`; or None
    cdef bint closed                 # the client has closed, or was told to

    cdef int begin(self, AsgiUpgrade exchange, WSListener listener, dict accept) except -1
    cdef int ask(self) except -1
    cdef int came(self, dict message) except -1
    cdef int frame(self, int kind, bytes payload) except -1
    cdef int put(self, dict message, Py_ssize_t size) except -1
    cdef int give(self) except -1
    cdef int end(self) except -1


cdef class AsgiUpgrade(EdgeExchange):
    cdef object watcher              # Granian's handle; None once the exchange is closed
    cdef object receive
    cdef object send

    cdef int read_head(self, dict scope) except -1
