"""One HTTP/1.1 connection to an upstream, and what an answer from it calls."""

from tianji._core.upstreams.origin cimport Origin
from tianji._core.upstreams.parcel cimport Parcel
from tianji._core.upstreams.receiver cimport ResponseHandler
from tianji._core.upstreams.response cimport ResponseReader
from tianji._core.edges.wire cimport Watch, Wire


cdef class Timeouts:  # seconds; 0 = none
    cdef readonly double connect
    cdef readonly double first_byte
    cdef readonly double between_chunks
    cdef readonly double total


cdef class Owner:
    # What holds connections and calls together; the pool is the only one.
    cdef object loop
    cdef Watch watch
    cdef int place(self, Call call, Origin origin) except -1  # find it a connection of HTTP/1.1
    cdef int settle(self, Connection connection) except -1   # its first answer is complete
    cdef int release(self, Connection connection) except -1  # an answer is complete and another may follow
    cdef int lost(self, Connection connection) except -1     # its socket is closed; called once
    cdef int leave(self, Call call) except -1                # it ended in whatever way; called once
    cdef int report(self, object error) except -1            # a handler raised it


cdef class Call:
    cdef readonly bint sent      # anything was written
    cdef readonly bint reused    # went out on a connection that had served before
    cdef readonly bint paused
    cdef readonly bint done      # ended, failed or cancelled: the handler hears nothing more
    cdef ResponseHandler handler
    cdef Timeouts timeouts
    cdef Owner owner
    cdef object shelf            # the owner's, of the origin called
    cdef object request          # bytes, list[bytes] or Parcel; None once its sending has begun
    cdef bint head_only
    cdef bint waiting            # in the owner's queue
    cdef Carrier carrier         # None before one was found
    cdef const char* phase
    cdef double phase_at         # when the phase times out, by monotonic(); INFINITY = never
    cdef double total_at
    cdef Call before             # the owner's ring of calls in progress
    cdef Call after

    cpdef int cancel(self) except -1
    cpdef int pause(self) except -1
    cpdef int resume(self) except -1

    cdef int enter(self, const char* phase, double seconds) except -1
    cdef int over(self) except -1
    cdef int fail(self, object error) except -1


cdef class Carrier(Wire):
    # What a call's answer comes in by: a connection of HTTP/1.1, or one stream of HTTP/2.
    cdef Call call
    cdef int drop(self) except -1        # the call is over and its answer is not complete
    cdef bint answered(self) except -1   # its head is complete


cdef class Connection(Carrier):
    cdef readonly bint closed    # takes no more requests; its socket may still be closing
    cdef Owner owner
    cdef object shelf
    cdef ResponseReader reader
    cdef bytes behind            # the beginning of a head, or None
    cdef Parcel parcel           # what is not wholly sent of the call's request, or None
    cdef bint direct             # the next read goes into the reader's body
    cdef bint counted            # the owner counts it among its open ones
    cdef bint idle
    cdef bint settled            # has completed an answer
    cdef double idle_since

    cdef int begin(self, Call call) except -1
    cdef bint usable(self, double now, double trusted) except -1
    cdef int shut(self) except -1
    cdef int work(self, Call call, const char* data, Py_ssize_t size) except -1
    cdef int meet(self, Call call) except -1
    cdef int deliver(self, Call call) except -1
    cdef int finish(self, Call call) except -1
    cdef int fault(self, Call call, bint under_way) except -1
