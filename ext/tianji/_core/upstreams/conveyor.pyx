"""Answers of upstreams that go to the client as they come, or whole to whoever asked for them.

Who reads slowly holds the upstream back; an answer that breaks off is cut, so that the client notices.
"""

cimport cython

from tianji._core.edges.exchange cimport Exchange, Producer
from tianji._core.upstreams.http1 cimport Timeouts
from tianji._core.upstreams.origin cimport Origin
from tianji._core.upstreams.pool cimport Pool
from tianji._core.upstreams.receiver cimport ResponseHandler


@cython.final
cdef class Belt(Producer):
    """Pauses the upstream while the client cannot keep up, and ends all when nobody wants more of it."""

    cdef int client_gone(self) except -1:
        self.call.cancel()  # which says nothing more to whoever waits
        if not self.ended.done():
            self.ended.set_result((0, [], None))
        return 0

    cdef int client_full(self) except -1:
        self.call.pause()
        return 0

    cdef int client_ready(self) except -1:
        self.call.resume()
        return 0


@cython.final
cdef class Conveyor(ResponseHandler):
    """One answer. `begin(status, headers)` says with which headers it goes to the client, or None to get it whole.

    `ended` is a future: its result is (status, headers, body) of the upstream's answer, the body None where it went to
    the client; its exception what failed before anything went there. most: bytes of an answer that is wanted whole.
    through: makes of each piece that flows what the client is to get, and of None, at the end, what it still holds.
    """

    def __init__(
        self, Exchange exchange not None, begin not None, ended not None, long long most, object through=None,
    ):
        self.exchange = exchange
        self.begin = begin
        self.ended = ended
        self.hold = most
        self.through = through

    def send(self, Pool pool not None, Origin origin not None, request not None, Timeouts timeouts not None):
        """Send a request, as Pool.send() takes it."""
        self.call = pool.send(origin, request, self, timeouts)

    def cancel(self):
        """Stop everything, where something is under way."""
        if self.call is not None:
            self.call.cancel()

    cdef int response_head(self, int status, list headers) except -1:
        try:
            self.begin_answer(status, headers)
        except Exception as error:  # boundary: whoever waits has to hear of it
            self.response_failed(error)
            raise
        return 0

    cdef int begin_answer(self, int status, list headers) except -1:
        cdef object shown = self.begin(status, headers)
        self.status, self.headers = status, headers
        if shown is None:
            return 0
        self.hold = 0
        self.flows = True
        self.belt = Belt.__new__(Belt)
        self.belt.call, self.belt.ended = self.call, self.ended
        self.exchange.start(status, shown)
        self.exchange.attach(self.belt)
        return 0

    cdef int response_data(self, bytes data) except -1:
        if not self.flows:
            self.body = data
            return 0
        try:
            self.exchange.write(data if self.through is None else self.through(data))
        except Exception as error:  # boundary: whoever waits has to hear of it
            self.response_failed(error)
            raise
        return 0

    cdef int response_end(self) except -1:
        if self.flows:
            self.exchange.finish(b"" if self.through is None else self.through(None))
        return self.end(None)

    cdef int response_failed(self, object error) except -1:
        if not self.flows:
            return self.end(error)
        self.exchange.abort()
        return self.end(None)

    cdef int end(self, object error) except -1:
        cdef object ended = self.ended
        if ended.done():
            return 0
        if error is not None:
            ended.set_exception(error)
        else:
            ended.set_result((self.status, self.headers, None if self.flows else self.body or b""))
        return 0
