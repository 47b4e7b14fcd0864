"""The native edge: HTTP/1.1 connections of clients."""

from tianji._core.edges.edge cimport Edge
from tianji._core.edges.native cimport Line, NativeExchange
from tianji._core.edges.reply cimport Reply
from tianji._core.edges.wire cimport Watch


cdef enum State:
    AT_HEAD       # a request is expected or begins
    AT_GATE       # its head is read; whether its body is wanted is being decided
    AT_BODY       # a body of known length comes
    AT_CHUNKS     # a chunked body comes
    AT_ANSWER     # the request is whole
    AT_WASTE      # it was answered; the rest of its body is read over
    AT_PARTING    # all is said; what still comes is dropped until the client closes too
    AT_END        # nothing is read any more: closed, or handed over


cdef class NativeEdge(Edge):
    cdef readonly int connections
    cdef set clients           # all connections
    cdef Watch watch
    cdef object websocket      # (transport, head, listener, headers) -> future of the end; see tianji.edge.websocket
    cdef Reply reply
    cdef double head_timeout   # seconds for a head, from its first byte
    cdef double idle_timeout   # seconds without a request
    cdef double body_rate      # bytes a second that a body must reach
    cdef double cadence        # seconds between two sweeps
    cdef double linger         # seconds without a request, once it retires
    cdef bint retiring
    cdef bint sweeping

    cdef int look_at_all(self) except -1


cdef class NativeConnection(Line):
    cdef NativeEdge edge
    cdef NativeExchange exchange
    cdef State state
    cdef bytes body            # of a request with a length, while it comes; None where it goes into a file
    cdef long long filled      # its bytes that are there
    cdef list pieces           # of a chunked body
    cdef long long waste       # bytes to read over
    cdef double due            # when the state times out; 0: not set yet
    cdef bint working          # in work(); whoever ends an answer then leaves the rest to it
    cdef bint direct           # the next read goes into `body`
    cdef bint held             # the transport does not read

    cdef int work(self, const char* data, Py_ssize_t size) except -1
    cdef Py_ssize_t take(self, const char* data, Py_ssize_t size) except -1
    cdef Py_ssize_t take_head(self, const char* data, Py_ssize_t size) except -1
    cdef Py_ssize_t take_body(self, const char* data, Py_ssize_t size) except -1
    cdef Py_ssize_t take_chunks(self, const char* data, Py_ssize_t size) except -1
    cdef int body_grew(self) except -1
    cdef int keep_rest(self, const char* data, Py_ssize_t size) except -1
    cdef int go_on(self) except -1
    cdef int whole(self, bytes body) except -1
    cdef int reject(self, object error) except -1
    cdef int part(self) except -1
    cdef int sweep(self, double now) except -1
    cdef int expire(self, str what) except -1
    cdef NativeExchange new_exchange(self)
