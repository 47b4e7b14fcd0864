"""Keep-alive connections to upstreams, one pool a worker.

A call takes the idle connection used last. When there is none it waits in its origin's queue, first come first served,
and a connection is made if the bound allows; whichever connection is ready first, a new one or one given back, serves
the call at the head. So connections are made for the queue, not for a call: when there are more in the making than
calls waiting, because one was cancelled, the newest is given up.

One timer serves all calls: every TICK seconds while there are any it compares their deadlines, so a timeout is late by
up to TICK and never early.
"""

import asyncio
from collections import deque

from libc.math cimport INFINITY

cimport cython

from tianji._core.sharing.clock cimport monotonic
from tianji._core.upstreams.http1 cimport Call, Connection, Owner, Timeouts
from tianji._core.upstreams.multiplex cimport stream_of
from tianji._core.upstreams.origin cimport Origin
from tianji._core.upstreams.parcel cimport Parcel
from tianji._core.upstreams.receiver cimport ResponseHandler
from tianji._core.upstreams.response cimport ResponseReader
from tianji._core.edges.wire cimport Watch

from tianji.errors import UpstreamConnectFailed, UpstreamFailure, UpstreamTimeout

cdef double TICK = 0.025     # seconds between two looks at the calls in progress
cdef double CADENCE = 1.0    # seconds between two looks at the idle connections
cdef double TRUSTED = 0.2    # seconds for which an idle connection is used without asking its socket

cdef dict TIMEOUT_TEXT = {
    "connect": "no connection to the upstream within {seconds:g} s",
    "first_byte": "the upstream did not begin its answer within {seconds:g} s",
    "between_chunks": "the upstream fell silent for {seconds:g} s in the middle of its answer",
    "total": "the upstream did not finish its answer within {seconds:g} s",
}


@cython.final
cdef class Limits:
    """Bounds for each origin; 0 sets none, except that max_idle=0 keeps no connection.

    max_connections: open and in the making. max_waiting: calls without a connection; one more fails at once.
    max_idle: kept for later. idle_expiry: seconds until an idle connection is closed. Raises ValueError below 0.
    """

    def __init__(
        self, *, int max_connections=0, int max_waiting=0, int max_idle=1024, double idle_expiry=55.0
    ):
        if max_connections < 0 or max_waiting < 0 or max_idle < 0 or not idle_expiry >= 0.0:
            raise ValueError("a bound is a number from 0 on")
        self.max_connections = max_connections
        self.max_waiting = max_waiting
        self.max_idle = max_idle
        self.idle_expiry = idle_expiry


@cython.final
cdef class Shelf:

    def connection(self):
        """A protocol for a new connection."""
        cdef Connection connection = Connection.__new__(Connection)
        connection.owner = self.owner
        connection.watch = self.owner.watch
        connection.reader = ResponseReader.__new__(ResponseReader)
        connection.shelf = self
        return connection


@cython.final
cdef class Pool(Owner):
    """All connections to upstreams of one event loop.

    `connector` makes them: `await connector.connect(origin, protocol_factory)` returns (transport, protocol) or raises
    UpstreamConnectFailed; `connector.settled(origin, transport)` hears of each TLS connection once, after its first
    complete answer. `multiplexer.carry(origin, stream)` takes the calls to origins that are tried over HTTP/2; without
    one they go by HTTP/1.1. Not thread-safe.
    """

    def __init__(self, loop not None, Limits limits not None, connector not None, multiplexer=None):
        self.loop, self.watch = loop, Watch(loop, 256 * 1024)
        self.limits = limits
        self.connector = connector
        self.multiplexer = multiplexer
        self.shelves = {}
        self.ring = Call.__new__(Call)
        self.ring.before = self.ring.after = self.ring

    cpdef Call send(self, Origin origin, object request, ResponseHandler handler, Timeouts timeouts,
                    bint head_only=False):
        """Send a complete request, bytes, a list of bytes in order or a Parcel, and let `handler` receive the answer.

        Returns at once and calls nothing before it returns. `head_only` says that the request is a HEAD. Failures,
        a full queue included, arrive as response_failed. Raises RuntimeError when the pool is closed.
        """
        cdef Call call
        if origin is None or handler is None or timeouts is None:
            raise TypeError("origin, handler and timeouts must not be None")
        if type(request) is not bytes and type(request) is not list and type(request) is not Parcel:
            raise TypeError("a request is bytes, a list of bytes or a parcel")
        if self.closed:
            raise RuntimeError("the pool is closed")
        call = Call.__new__(Call)
        call.owner = self
        call.handler = handler
        call.timeouts = timeouts
        call.request = request
        call.head_only = head_only
        call.total_at = monotonic() + timeouts.total if timeouts.total > 0.0 else INFINITY
        call.before = self.ring.before
        call.after = self.ring
        call.before.after = call
        self.ring.before = call
        self.active += 1
        if not self.hurried:
            self.arm()
        if origin.answers is not None:
            origin.answers(stream_of(call))
        elif origin.http1 is None:
            self.place(call, origin)
        elif self.multiplexer is None or type(request) is Parcel:  # over HTTP/2 a request is in memory
            self.place(call, origin.http1)
        else:
            self.multiplexer.carry(origin, stream_of(call))
        return call

    def close(self):
        """Close the idle connections and fail the waiting calls. Calls that have a connection go on to their end."""
        cdef Shelf shelf
        cdef Connection connection
        cdef Call call
        if self.closed:
            return
        self.closed = True
        for shelf in list(self.shelves.values()):
            while shelf.idle:
                connection = shelf.idle.popleft()
                connection.idle = False
                self.idle -= 1
                connection.shut()
            while shelf.waiting:
                call = self.next_waiting(shelf)
                call.fail(UpstreamConnectFailed("the gateway is shutting down: try again"))
            self.connect_less(shelf)
        if self.multiplexer is not None:
            self.multiplexer.close()
        self.arm()

    cpdef int sweep(self, double now) except -1:
        """Fail the calls whose time is up at `now` (seconds of time.monotonic()) and close expired connections."""
        cdef Call call = self.ring.after
        cdef list late = []
        while call is not self.ring:
            if now >= call.phase_at or now >= call.total_at:
                late.append(call)
            call = call.after
        for call in late:  # a failing call may end others
            if not call.done:
                phase = "total" if now >= call.total_at else call.phase.decode()
                text = TIMEOUT_TEXT[phase].format(seconds=getattr(call.timeouts, phase))
                call.fail(UpstreamTimeout(text, phase, sent=call.sent))
        if now >= self.expire_at:
            self.expire_at = now + CADENCE
            if self.limits.idle_expiry > 0.0:
                self.expire(now - self.limits.idle_expiry)
        return 0

    # what connections and calls report

    cdef int place(self, Call call, Origin origin) except -1:
        cdef Shelf shelf = self.shelf_of(origin)
        cdef Connection connection = self.take(shelf)
        call.shelf = shelf
        if connection is not None:
            return connection.begin(call)
        return self.enqueue(shelf, call)

    cdef int settle(self, Connection connection) except -1:
        cdef Shelf shelf = connection.shelf
        if shelf.origin.ssl_context is not None:
            self.connector.settled(shelf.origin, connection.transport)
        return 0

    cdef int release(self, Connection connection) except -1:
        cdef Shelf shelf = connection.shelf
        cdef Call call
        if self.closed or connection.closed:
            return connection.shut()
        call = self.next_waiting(shelf)
        if call is not None:
            return connection.begin(call)
        return self.park(shelf, connection)

    cdef int lost(self, Connection connection) except -1:
        cdef Shelf shelf = connection.shelf
        if connection.idle:
            connection.idle = False
            shelf.idle.remove(connection)
            self.idle -= 1
        if connection.counted:
            connection.counted = False
            shelf.open -= 1
            self.open -= 1
            self.connect_more(shelf)
            self.forget(shelf)
        return 0

    cdef int leave(self, Call call) except -1:
        cdef Shelf shelf = call.shelf
        call.before.after = call.after
        call.after.before = call.before
        call.before = call.after = None
        self.active -= 1
        if call.waiting:
            call.waiting = False
            shelf.waiting -= 1
            self.waiting -= 1
            self.connect_less(shelf)
            if len(shelf.queue) > 2 * shelf.waiting + 16:
                shelf.queue = deque([other for other in shelf.queue if (<Call> other).waiting])
            self.forget(shelf)
        return 0

    # the queue of an origin

    cdef Shelf shelf_of(self, Origin origin):
        cdef Shelf shelf = self.shelves.get(origin)
        if shelf is None:
            shelf = Shelf.__new__(Shelf)
            shelf.owner = self
            shelf.origin = origin
            shelf.idle = deque()
            shelf.queue = deque()
            shelf.tasks = []
            self.shelves[origin] = shelf
        return shelf

    cdef Connection take(self, Shelf shelf):
        cdef Connection connection
        cdef double now
        if not shelf.idle:
            return None
        now = monotonic()
        while shelf.idle:
            connection = shelf.idle.pop()
            connection.idle = False
            self.idle -= 1
            if connection.usable(now, TRUSTED):
                return connection
            connection.drop()
        return None

    cdef int enqueue(self, Shelf shelf, Call call) except -1:
        cdef int limit = self.limits.max_waiting
        call.waiting = True
        shelf.waiting += 1
        self.waiting += 1
        shelf.queue.append(call)
        call.enter(b"connect", call.timeouts.connect)
        self.connect_more(shelf)
        if 0 < limit < shelf.waiting - len(shelf.tasks):
            self.loop.call_soon(self._refuse, call)
        return 0

    def _refuse(self, Call call not None):
        if call.waiting:
            call.fail(UpstreamConnectFailed(
                f"too many requests wait for a connection to the upstream ({(<Shelf> call.shelf).origin}): try again"
            ))

    cdef Call next_waiting(self, Shelf shelf):
        cdef Call call
        while shelf.queue:
            call = shelf.queue.popleft()
            if call.waiting:
                call.waiting = False
                shelf.waiting -= 1
                self.waiting -= 1
                return call
        return None

    # connections in the making

    cdef int connect_more(self, Shelf shelf) except -1:
        cdef int limit = self.limits.max_connections
        cdef int making = len(shelf.tasks)
        while not self.closed and making < shelf.waiting and (limit == 0 or shelf.open + making < limit):
            shelf.tasks.append(self.loop.create_task(self._connect(shelf)))
            making += 1
            self.connecting += 1
        return 0

    cdef int connect_less(self, Shelf shelf) except -1:
        while len(shelf.tasks) > shelf.waiting:
            shelf.tasks.pop().cancel()
            self.connecting -= 1
        return 0

    async def _connect(self, Shelf shelf not None):
        """Make one connection for the queue. Whatever the connector raises fails the call at the head."""
        error = None
        connection = None
        task = asyncio.current_task()
        try:
            _, connection = await self.connector.connect(shelf.origin, shelf.connection)
        except asyncio.CancelledError:
            if task in shelf.tasks:  # the loop is shutting down
                shelf.tasks.remove(task)
                self.connecting -= 1
            raise
        except UpstreamFailure as failure:
            error = failure
        except Exception as raised:  # the boundary to the connector: its faults must not strand the queue
            self.report(raised)
            error = UpstreamConnectFailed(f"could not connect to the upstream ({shelf.origin})")
        if task not in shelf.tasks:  # given up in the moment of success
            if connection is not None:
                (<Connection> connection).drop()
            return
        shelf.tasks.remove(task)
        self.connecting -= 1
        if connection is not None:
            self.adopt(shelf, connection)
        else:
            self.give_up(shelf, error)

    cdef int adopt(self, Shelf shelf, Connection connection) except -1:
        cdef Call call
        if connection.closed or connection.transport.is_closing():
            return self.give_up(shelf, UpstreamConnectFailed(
                f"the upstream ({shelf.origin}) closed the connection as soon as it was there"
            ))
        connection.counted = True
        shelf.open += 1
        self.open += 1
        call = self.next_waiting(shelf)
        if call is not None:
            return connection.begin(call)
        return self.park(shelf, connection)

    cdef int park(self, Shelf shelf, Connection connection) except -1:
        if self.limits.max_idle <= len(shelf.idle):
            return connection.shut()
        connection.idle = True
        connection.idle_since = monotonic()
        shelf.idle.append(connection)
        self.idle += 1
        if self.timer is None:
            self.arm()
        return 0

    cdef int give_up(self, Shelf shelf, object error) except -1:
        cdef Call call = self.next_waiting(shelf)
        if call is not None:
            call.fail(error)
        self.connect_more(shelf)
        return self.forget(shelf)

    cdef int forget(self, Shelf shelf) except -1:
        # an origin that nobody uses leaves nothing behind
        if shelf.open == 0 and shelf.waiting == 0 and not shelf.tasks and self.shelves.get(shelf.origin) is shelf:
            del self.shelves[shelf.origin]
        return 0

    # time

    cdef int expire(self, double before) except -1:
        cdef Shelf shelf
        cdef Connection connection
        for shelf in self.shelves.values():
            while shelf.idle:
                connection = shelf.idle[0]
                if connection.idle_since > before:
                    break
                shelf.idle.popleft()
                connection.idle = False
                self.idle -= 1
                connection.shut()
        return 0

    cdef int arm(self) except -1:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.hurried = self.active > 0
        if self.hurried:
            self.timer = self.loop.call_later(TICK, self._tick)
        elif self.idle > 0:
            self.timer = self.loop.call_later(CADENCE, self._tick)
        return 0

    def _tick(self):
        try:
            self.sweep(monotonic())
        finally:
            self.arm()
