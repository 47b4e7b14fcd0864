"""A request whose answer is kept before the client has all of it, so that what it asks next finds it.

That is how responses are stored (https://platform.openai.com/docs/api-reference/responses): everything goes to the
client at once except for the end, which waits until the keeper has let go of it.
"""

import cython

from tianji._core.edges.exchange cimport Exchange, Producer

cdef tuple ENDS = (b"event: response.completed\ndata: ", b"event: response.incomplete\ndata: ")  # in no JSON text
cdef bytes NOTHING_BEFORE = b'"previous_response_id":null'


cdef Py_ssize_t end_at(bytes chunk):
    # Where the event begins that holds a whole response; -1: nowhere.
    cdef bytes mark
    cdef Py_ssize_t at
    for mark in ENDS:
        at = chunk.find(mark)
        if at >= 0:
            return at
    return -1


cdef bytes event_data(bytes event):
    return event.partition(b"\ndata: ")[2].partition(b"\n")[0]


@cython.final
cdef class Relay(Producer):
    """Hears of the client, and tells whoever answers."""

    cdef int client_gone(self) except -1:
        return self.kept.lost()

    cdef int client_full(self) except -1:
        return self.kept.filled()

    cdef int client_ready(self) except -1:
        return self.kept.drained()


@cython.final
cdef class KeptExchange(Exchange):
    """Stands between whoever answers and `client`.

    keeper: called with the response, or the event that holds it, as JSON when it is whole, and with the id of the
    deployment that made it; the client gets the rest after `release`. None: nothing is kept, and nothing waits
    previous: the id of the response that this one follows, where whoever answers is not told; the answer says it
    """

    def __init__(self, Exchange client not None, bytes body not None, object keeper=None, bytes previous=None):
        cdef Relay relay = Relay.__new__(Relay)
        self.method, self.path, self.query, self.peer = client.method, client.path, client.query, client.peer
        self.fields, self.noted = client.fields, client.noted
        self.arrived = client.arrived
        self.identity, self.call_id = client.identity, client.call_id
        self.logins = client.logins
        self.body = body
        self.client = client
        self.keeper = keeper
        self.echo = None if previous is None else b'"previous_response_id":"%b"' % previous
        relay.kept = self
        client.attach(relay)

    def release(self):
        """Let the client have the rest."""
        cdef list held = self.held
        cdef bytes rest
        if held is None:
            return
        self.held = None
        rest = b"".join(held)
        if self.answered is not None:
            self.client.respond(self.status, self.answered, rest)
        elif self.ended:
            self.client.finish(rest)
        else:
            self.client.write(rest)

    cdef list read_fields(self):
        return self.client.headers

    cdef int send_head(self, int status, list headers) except -1:
        self.answered = headers
        return 0

    cdef int send_body(self, bytes chunk, bint last) except -1:
        cdef Py_ssize_t at = -1
        self.client.account, self.client.call_id = self.account, self.call_id
        if self.echo is not None and NOTHING_BEFORE in chunk:
            chunk = chunk.replace(NOTHING_BEFORE, self.echo)
        if self.held is not None:
            self.held.append(chunk)
            self.ended = self.ended or last
            return 0
        if self.answered is not None:
            if last:
                return self.send_whole(chunk)
            self.client.start(self.status, self.answered)
            self.answered = None
        if self.keeper is not None:
            at = end_at(chunk)
            if at >= 0:
                self.client.write(chunk[:at])
                self.held, self.ended = [chunk[at:]], last
                return self.hold(event_data(self.held[0]))
        if last:
            return self.client.finish(chunk)
        return self.client.write(chunk)

    cdef int send_whole(self, bytes body) except -1:
        cdef Py_ssize_t at
        if self.status != 200 or self.keeper is None:
            return self.client.respond(self.status, self.answered, body)
        at = end_at(body)  # a stream that was there at once may come as a whole
        self.held, self.ended = [body], True
        return self.hold(body if at < 0 else event_data(body[at:]))

    cdef int hold(self, bytes payload) except -1:
        keeper, self.keeper = self.keeper, None
        keeper(payload, getattr(self.account, "deployment_id", None))
        return 0

    cdef int send_abort(self) except -1:
        if self.held is not None:  # the answer was whole, whatever came after it
            self.ended = True
            return 0
        return self.client.abort()
