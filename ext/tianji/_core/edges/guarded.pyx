"""An exchange whose answer goes through a gate before the client gets it: guardrails, and whatever else may change it.

Whoever answers does not notice: it writes into this exchange and is told to wait, to go on, or that nobody wants the
answer any more. What of it goes out, and when, the gate says, which writes to the client itself.
"""

import cython

from tianji._core.edges.exchange cimport Exchange, Producer


@cython.final
cdef class Tap(Producer):
    """Hears of the client, and tells the gate."""

    cdef int client_gone(self) except -1:
        gate = self.guarded.gate
        if gate is not None:
            gate.client_gone()
        return 0

    cdef int client_full(self) except -1:
        gate = self.guarded.gate
        if gate is not None:
            gate.client_full()
        return 0

    cdef int client_ready(self) except -1:
        gate = self.guarded.gate
        if gate is not None:
            gate.client_ready()
        return 0


@cython.final
cdef class GuardedExchange(Exchange):
    """Stands between whoever answers and `client`, with the request as that has it."""

    def __init__(self, Exchange client not None, gate not None):
        cdef Tap tap = Tap.__new__(Tap)
        self.method, self.path, self.query, self.peer = client.method, client.path, client.query, client.peer
        self.fields, self.noted = client.fields, client.noted
        self.arrived, self.silent, self.full = client.arrived, client.silent, client.full
        self.identity, self.call_id, self.pinned = client.identity, client.call_id, client.pinned
        self.logins = client.logins
        self.account = client.account
        self.body, self.spool, self.form = client.body, client.spool, client.form
        self.client = client
        self.gate = gate
        tap.guarded = self
        client.attach(tap)

    def hold(self):
        """Have whoever answers wait."""
        self.filled()

    def go_on(self):
        """Have whoever answers go on."""
        self.drained()

    def leave(self):
        """Want nothing more of whoever answers."""
        self.lost()

    def close(self):
        """Tell the gate nothing more: it has said all. Nothing points in a circle any more."""
        self.gate = None
        self.producer = None
        self.client = None
        self.account = None  # it may know this exchange

    cdef list read_fields(self):
        return self.client.headers

    cdef int send_head(self, int status, list headers) except -1:
        gate = self.gate
        if gate is not None:
            gate.head(status, headers)
        return 0

    cdef int send_body(self, bytes chunk, bint last) except -1:
        gate = self.gate
        if gate is not None:
            gate.body(chunk, last)
        return 0

    cdef int send_abort(self) except -1:
        gate = self.gate
        if gate is not None:
            gate.abort()
        return 0
