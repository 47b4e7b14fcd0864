"""Keep-alive connections to upstreams, one pool a worker."""

from tianji._core.upstreams.http1 cimport Call, Connection, Owner, Timeouts
from tianji._core.upstreams.origin cimport Origin
from tianji._core.upstreams.receiver cimport ResponseHandler


cdef class Limits:
    cdef readonly int max_connections
    cdef readonly int max_waiting
    cdef readonly int max_idle
    cdef readonly double idle_expiry


cdef class Shelf:
    # What the pool has of one origin.
    cdef Owner owner
    cdef Origin origin
    cdef object idle        # deque[Connection], the last used at the right
    cdef object queue       # deque[Call]; calls that are done may still be in it
    cdef list tasks         # connections in the making
    cdef int waiting        # calls in `queue` that are not done
    cdef int open           # connections whose socket is not closed


cdef class Pool(Owner):
    cdef readonly bint closed
    cdef readonly int active      # calls in progress, the waiting ones included
    cdef readonly int open        # connections whose socket is not closed
    cdef readonly int idle        # open ones that no call uses
    cdef readonly int waiting     # calls that have no connection
    cdef readonly int connecting  # connections in the making
    cdef object connector
    cdef object multiplexer
    cdef Limits limits
    cdef dict shelves             # Origin -> Shelf
    cdef Call ring                # sentinel of the calls in progress
    cdef object timer
    cdef bint hurried             # the timer runs at the pace of calls
    cdef double expire_at

    cpdef Call send(self, Origin origin, object request, ResponseHandler handler, Timeouts timeouts,
                    bint head_only=*)
    cpdef int sweep(self, double now) except -1

    cdef Shelf shelf_of(self, Origin origin)
    cdef Connection take(self, Shelf shelf)
    cdef int enqueue(self, Shelf shelf, Call call) except -1
    cdef Call next_waiting(self, Shelf shelf)
    cdef int connect_more(self, Shelf shelf) except -1
    cdef int connect_less(self, Shelf shelf) except -1
    cdef int adopt(self, Shelf shelf, Connection connection) except -1
    cdef int park(self, Shelf shelf, Connection connection) except -1
    cdef int give_up(self, Shelf shelf, object error) except -1
    cdef int forget(self, Shelf shelf) except -1
    cdef int expire(self, double before) except -1
    cdef int arm(self) except -1
