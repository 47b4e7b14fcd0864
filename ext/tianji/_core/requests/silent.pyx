"""A request that no client sent: a copy for a model on trial (`silent_model`), or a question of the gateway's own."""

import cython

from tianji._core.edges.exchange cimport Exchange


@cython.final
cdef class SilentExchange(Exchange):
    """Looks to the hot path like a client that takes everything at once.

    listener: called with the status, the headers and the whole body at the end, with 0 when the answer was cut off; or
    None
    headers: of the client whose request it stands for; None: there is none
    copied: whether a client's own request goes its way beside it; nobody's limits hold for it then
    """

    def __init__(
        self, str path not None, bytes body not None, object identity, object listener=None, list headers=None,
        bint copied=False,
    ):
        self.method = "POST"
        self.path = path
        self.query = b""
        self.fields = self.noted = [] if headers is None else headers
        self.body = body
        self.identity = identity
        self.silent = True
        self.copied = copied
        self.listener = listener
        self.parts = []

    def leave(self):
        """Want no answer any more, as a client that goes away."""
        self.listener = None
        self.lost()

    cdef int send_head(self, int status, list headers) except -1:
        self.answered = headers
        return 0

    cdef int send_body(self, bytes chunk, bint last) except -1:
        listener = self.listener
        if listener is None:
            return 0
        self.parts.append(chunk)
        if last:
            self.listener = None
            listener(self.status, self.answered, b"".join(self.parts))
        return 0

    cdef int send_abort(self) except -1:
        listener, self.listener = self.listener, None
        if listener is not None:
            listener(0, [], b"")
        return 0
