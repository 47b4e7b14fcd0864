"""A request that was sent as a message of a conversation, whose answer goes out as messages, too.

To whoever answers it looks like a request of the client that began the conversation, with the same headers.
"""

import cython

from tianji._core.sharing.clock cimport monotonic
from tianji._core.edges.exchange cimport Exchange

# what is said of the connection, or of a body that is another one
cdef frozenset OWN = frozenset((
    b"connection", b"content-encoding", b"content-length", b"content-type", b"sec-websocket-extensions",
    b"sec-websocket-key", b"sec-websocket-version", b"upgrade",
))


@cython.final
cdef class Turn(Exchange):
    """One of them.

    heard: called with the status, a piece of the body, and whether it is the last; 0: it was cut
    leads: says where it is sent when it has the upstream's own form, (plan, deployment) -> Origin; None: as every other
    """

    def __init__(self, Exchange client not None, bytes body not None, heard not None, leads=None):
        self.method = "POST"
        self.path = client.path
        self.query = b""
        self.peer = client.peer
        self.logins = client.logins
        self.fields = self.noted = [pair for pair in client.headers if pair[0] not in OWN]
        self.body = body
        self.heard = heard
        self.leads = leads
        self.arrived = monotonic()

    def leave(self):
        """Want no answer any more, as a client that goes away."""
        self.heard = None
        self.lost()

    def wait(self):
        """Take nothing more for now."""
        self.filled()

    def go_on(self):
        """Take more."""
        self.drained()

    cdef int send_head(self, int status, list headers) except -1:
        return 0

    cdef int send_body(self, bytes chunk, bint last) except -1:
        heard = self.heard
        if last:
            self.heard = None
        if heard is not None:
            heard(self.status, chunk, last)
        return 0

    cdef int send_abort(self) except -1:
        heard, self.heard = self.heard, None
        if heard is not None:
            heard(0, b"", True)
        return 0
