"""One request of the native edge, and what it needs of the connection it came by."""

from tianji._core.edges.edge cimport Edge, EdgeExchange
from tianji._core.edges.reply cimport Reply
from tianji._core.upstreams.request cimport RequestReader
from tianji._core.edges.wire cimport Wire


cdef class Line(Wire):
    # The client's connection as an exchange sees it.
    cdef object peer           # (host, port)
    cdef RequestReader reader  # what it read of this request
    cdef bytes behind          # read, and not yet looked at to the end
    cdef bint ahead            # something came together with the head of this request
    cdef bint full             # the transport's buffer towards the client is full

    cdef int want_body(self) except -1   # collect it, and dispatch the exchange
    cdef bint ends(self) noexcept        # whether the connection ends with the answer that is being given
    cdef int answered(self) except -1    # the exchange is over, and its last byte with the transport
    cdef int forget(self) except -1      # the exchange is over, whatever became of its answer
    cdef object release(self)            # have nothing to do with the transport any more, and return it


cdef class NativeExchange(EdgeExchange):
    cdef Line line
    cdef Reply reply
    cdef bytes lines           # all header lines as they came
    cdef bytes said            # what the client says it is (User-Agent), or None
    cdef object websocket      # (transport, head, listener, headers) -> future of the end; see tianji.edge.websocket
    cdef bytes head            # of a streamed answer, until its first piece goes out
    cdef bint streamed         # the answer goes out in pieces,
    cdef bint chunked          # framed as chunks,
    cdef bint bare             # or without any

    cdef int open(self, Line line, Edge edge, Reply reply, object websocket) except -1
    cdef int begin(self) except -1
    cdef int remain_unread(self) except -1
    cdef int send_whole(self, bytes body) except -1
