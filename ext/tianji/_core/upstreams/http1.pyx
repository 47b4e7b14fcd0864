"""One HTTP/1.1 connection to an upstream, and what an answer from it calls.

An answer that is faulty or ambiguous closes its connection and fails its call.

Nothing here waits: bytes come in by `buffer_updated`, the handler is called, bytes go out by the transport.
"""

from libc.math cimport INFINITY

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from tianji._core.sharing.clock cimport monotonic

from tianji._core.upstreams.origin cimport Origin
from tianji._core.upstreams.parcel cimport Parcel
from tianji._core.upstreams.receiver cimport ResponseHandler
from tianji._core.upstreams.response cimport ResponseReader
from tianji._core.edges.wire cimport Wire

from tianji.errors import TianjiError, UpstreamDisconnected, UpstreamProtocolError

cdef enum:
    DIRECT = 16 * 1024  # bytes; a held body that lacks as much is read without a copy


@cython.final
cdef class Timeouts:
    """The four limits on one call, in seconds; 0 sets none.

    connect: until a connection is there, the wait for a free one included. first_byte: from then until the head of
    the answer is complete; interim answers do not count. between_chunks: between two reads after that, while the call
    is not paused. total: from send() to the end. Raises ValueError for a negative or unordered number.
    """

    def __init__(self, *, double connect=0.0, double first_byte=0.0, double between_chunks=0.0, double total=0.0):
        if not (connect >= 0.0 and first_byte >= 0.0 and between_chunks >= 0.0 and total >= 0.0):
            raise ValueError("a timeout is a number of seconds from 0 (none) on")
        self.connect = connect
        self.first_byte = first_byte
        self.between_chunks = between_chunks
        self.total = total


cdef class Owner:
    """Base of what holds connections and calls together."""

    cdef int report(self, object error) except -1:
        # The boundary between a handler and everything else: what it raises goes to the loop and no further.
        self.loop.call_exception_handler({"message": "a handler of upstream answers raised", "exception": error})
        return 0

    cdef int place(self, Call call, Origin origin) except -1:
        raise NotImplementedError("place")

    cdef int settle(self, Connection connection) except -1:
        raise NotImplementedError("settle")

    cdef int release(self, Connection connection) except -1:
        raise NotImplementedError("release")

    cdef int lost(self, Connection connection) except -1:
        raise NotImplementedError("lost")

    cdef int leave(self, Call call) except -1:
        raise NotImplementedError("leave")


@cython.final
@cython.freelist(128)
cdef class Call:
    """One request in progress. Made by Pool.send(); belongs to the pool's loop."""

    def __init__(self):
        raise TypeError("Pool.send() makes calls")

    cpdef int cancel(self) except -1:
        """Stop everything; an unfinished connection is closed and the handler hears nothing more."""
        cdef Carrier carrier = self.carrier
        if self.done:
            return 0
        self.over()
        if carrier is not None:
            carrier.drop()
        return 0

    cpdef int pause(self) except -1:
        """Stop reading from the upstream. What was read already still arrives; `between_chunks` stands still."""
        if self.done or self.paused:
            return 0
        self.paused = True
        if self.carrier is not None:
            self.carrier.hold()
            if self.carrier.answered():
                self.phase_at = INFINITY
        return 0

    cpdef int resume(self) except -1:
        """Go on reading."""
        if self.done or not self.paused:
            return 0
        self.paused = False
        if self.carrier is not None:
            self.carrier.read_on()
            if self.carrier.answered():
                self.enter(b"between_chunks", self.timeouts.between_chunks)
        return 0

    cdef int enter(self, const char* phase, double seconds) except -1:
        self.phase = phase
        self.phase_at = monotonic() + seconds if seconds > 0.0 else INFINITY
        return 0

    cdef int over(self) except -1:
        # the end of every call: nothing refers to it from the owner or a carrier any more
        self.done = True
        if self.carrier is not None:
            self.carrier.call = None
            self.carrier = None
        self.owner.leave(self)
        self.handler = None
        self.request = None
        return 0

    cdef int fail(self, object error) except -1:
        cdef ResponseHandler handler = self.handler
        cdef Carrier carrier = self.carrier
        if self.done:
            return 0
        self.over()
        if carrier is not None:
            carrier.drop()
        try:
            handler.response_failed(error)
        except Exception as raised:
            self.owner.report(raised)
        return 0


cdef class Carrier(Wire):
    """Base of what a call's answer comes in by."""

    cdef int drop(self) except -1:
        raise NotImplementedError("drop")

    cdef bint answered(self) except -1:
        raise NotImplementedError("answered")


@cython.final
cdef class Connection(Carrier):
    """An asyncio protocol that sends requests and reads their answers, one at a time. Made by the pool."""

    def __init__(self):
        raise TypeError("a pool makes its connections")

    # what the loop calls

    def connection_made(self, transport):
        """Take the transport."""
        self.attach(transport)

    cdef char* room(self, Py_ssize_t* size) except NULL:
        # Into the body where a large one is awaited, else into the buffer of all.
        cdef ResponseReader reader = self.reader
        cdef long long lacking
        if reader.body is not None and self.call is not None:
            lacking = reader.length - reader.filled
            if lacking >= DIRECT:
                self.direct = True
                size[0] = <Py_ssize_t>lacking
                return PyBytes_AS_STRING(reader.body) + reader.filled
        self.direct = False
        size[0] = self.watch.size
        return self.watch.read

    cdef int take_in(self, Py_ssize_t size) except -1:
        # Hand over what came. Bytes that no request asked for close the connection.
        cdef Call call = self.call
        cdef bytes behind = self.behind
        if call is None:
            self.drop()
        elif self.direct:
            self.reader.filled += size
            self.reader.body_grew()
            self.deliver(call)
        elif behind is None:
            self.work(call, self.watch.read, size)
        else:
            self.behind = None
            behind += self.watch.read[:size]
            self.work(call, PyBytes_AS_STRING(behind), PyBytes_GET_SIZE(behind))
        return 0

    def eof_received(self):
        """End an answer that lasts until the connection closes. TLS reports only a proper close here."""
        cdef Call call = self.call
        self.closed = True
        if call is not None and self.reader.finish_at_close():
            self.deliver(call)
        return False

    def connection_lost(self, error):
        """Forget the socket and fail the call that waited for it."""
        cdef Call call = self.call
        self.closed = True
        self.leave()
        self.transport = self.behind = self.parcel = None
        self.reader.rest()
        self.owner.lost(self)
        if call is not None:
            call.fail(UpstreamDisconnected("the upstream closed the connection before its answer was complete"))

    def pause_writing(self):
        """Hold back what is sent in pieces; any other request is complete when it is sent."""
        if self.parcel is not None:
            self.parcel.full = True

    def resume_writing(self):
        """Go on with what is sent in pieces."""
        if self.parcel is not None:
            self.parcel.full = False
            self.pour()

    def pour(self):
        """Send what the transport takes of a parcel. While it takes something, `first_byte` begins anew."""
        cdef Parcel parcel = self.parcel
        cdef Call call = self.call
        if parcel is None or call is None or parcel.full:
            return
        try:
            if parcel.pour(self):
                self.parcel = None
            elif not parcel.full:
                self.owner.loop.call_soon(self.pour)
        except TianjiError as error:  # of the file that it comes from
            call.fail(error)
        if not call.done and not self.reader.head_done:
            call.enter(b"first_byte", call.timeouts.first_byte)

    # what the pool and the call use

    cdef int begin(self, Call call) except -1:
        # Send call's request. The connection must be usable and have no call.
        request = call.request
        self.reader.start(call.head_only)
        self.call = call
        call.carrier = self
        call.request = None
        call.reused = self.settled
        call.sent = True
        if call.paused:
            self.hold()
        call.enter(b"first_byte", call.timeouts.first_byte)
        if type(request) is list:
            self.write_all(request)
        elif type(request) is Parcel:
            self.parcel = request
            self.parcel.rewind()
            self.pour()
        else:
            self.write(request)
        return 0

    cdef bint usable(self, double now, double trusted) except -1:
        # Whether a request may go out. After more than `trusted` idle seconds the socket is asked whether the
        # upstream has closed it, or said something, which the loop has not told yet.
        if self.closed or self.transport.is_closing():
            return False
        return now - self.idle_since <= trusted or self.is_silent()

    cdef int drop(self) except -1:
        # Close at once, unsent bytes included.
        self.closed = True
        self.parcel = None
        if self.transport is not None:
            self.transport.abort()
        return 0

    cdef bint answered(self) except -1:
        return self.reader.head_done

    cdef int shut(self) except -1:
        # Close in good manners: TLS says goodbye.
        self.closed = True
        if self.transport is not None:
            self.transport.close()
        return 0

    cdef int work(self, Call call, const char* data, Py_ssize_t size) except -1:
        # Whoever calls owns the memory until this returns.
        cdef ResponseReader reader = self.reader
        cdef Py_ssize_t at = 0
        if not reader.head_done:
            at = reader.read_head(data, size)
            if at == 0:
                self.behind = data[reader.passed:size]
                return 0
            if at > 0:
                self.meet(call)
                if call.done:
                    return 0
        if at < 0 or not reader.read_body(data + at, size - at):
            return self.fault(call, at == 0)
        return self.deliver(call)

    cdef int meet(self, Call call) except -1:
        # Hand the head over, and hear how the body is wanted.
        cdef ResponseReader reader = self.reader
        cdef ResponseHandler handler = call.handler
        cdef list headers = reader.headers
        reader.headers = None
        try:
            handler.response_head(reader.status, headers)
        except Exception as error:
            call.cancel()
            self.owner.report(error)
        reader.hold = handler.hold
        return reader.begin_body()

    cdef int deliver(self, Call call) except -1:
        # A handler that raises before the end loses its call and the connection.
        cdef ResponseReader reader = self.reader
        # held here: a handler that cancels its call lets go of the only other reference to itself
        cdef ResponseHandler handler = call.handler
        cdef bytes body = reader.take_body()
        try:
            if body is not None:
                handler.response_data(body)
            if call.done:
                return 0
            if reader.complete:
                self.finish(call)
            elif not call.paused:
                call.enter(b"between_chunks", call.timeouts.between_chunks)
        except Exception as error:
            call.cancel()
            self.owner.report(error)
        return 0

    cdef int finish(self, Call call) except -1:
        # The connection goes back before the handler hears, so that what the handler sends next can use it.
        cdef ResponseHandler handler = call.handler
        self.reader.rest()
        if call.paused and not self.closed:
            self.read_on()
        call.over()
        if not self.settled and not self.closed:
            self.settled = True
            self.owner.settle(self)
        if self.closed:
            pass
        elif self.reader.keep and self.parcel is None and not self.is_laden():
            self.owner.release(self)
        else:
            self.drop()
        handler.response_end()
        return 0

    cdef int fault(self, Call call, bint under_way) except -1:
        # What was valid is handed over if the head had come before: until then the caller may still answer otherwise.
        cdef ResponseReader reader = self.reader
        reader.complete = False
        if under_way:
            self.deliver(call)
        call.fail(UpstreamProtocolError(f"the upstream broke HTTP/1.1: {reader.problem}"))
        return 0
