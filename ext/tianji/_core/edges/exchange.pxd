"""One client request and its answer: the only thing an edge and the pipeline share."""

from tianji._core.upstreams.spool cimport Spool


cdef class Producer:
    # What writes an answer into an Exchange and must hear of the client behind it.
    cdef int client_gone(self) except -1   # the client closed: stop the work, answer nothing
    cdef int client_full(self) except -1   # its buffer is full: stop reading from the upstream
    cdef int client_ready(self) except -1  # its buffer has room again


cdef class Exchange:
    cdef readonly str method      # upper case
    cdef readonly str path        # percent-decoded, as the route table matches it
    cdef readonly bytes query     # without "?"
    cdef list fields              # what `headers` is, once it was asked for
    cdef list noted               # of them, those that the hot path looks at: all but `fields.PLAIN`, or simply all
    cdef readonly object peer     # (host, port) or None
    cdef public bytes body        # the whole body, once the edge has read it; b"" before, and where it is in a file
    cdef public Spool spool       # the whole body where it is kept in a file, which large routes alone have; or None
    cdef readonly int status      # what was answered; 0 before start() or respond()
    cdef readonly bint finished   # the answer is complete or aborted
    cdef readonly bint gone       # the client closed its connection
    cdef readonly bint full       # the client's buffer is full
    cdef readonly long long sent  # body bytes handed to the edge
    cdef readonly double arrived  # when the head was read, seconds of the monotonic clock
    cdef public object form       # what a form with files held, where `body` is what its fields say as JSON; or None
    cdef public object identity   # who calls, as the authenticator said; None on open routes
    cdef public tuple logins      # headers with credentials that are not the key of `identity`; or None
    cdef public str call_id       # the id of this call, once somebody asked for it; None before
    cdef public str pinned        # the id of the deployment that alone may serve it, where the group has it; or None
    cdef public object account    # what the answering side wants logged of this request, or None
    cdef readonly bint silent     # a copy of another request, whose answer nobody reads
    cdef Producer producer

    cpdef bytes header(self, bytes name)
    cpdef bytes agent(self)
    cpdef bytes read(self, long long at, Py_ssize_t size)
    cpdef object extent(self, long long at, long long size)
    cpdef int attach(self, Producer producer) except -1
    cpdef int respond(self, int status, list headers, bytes body) except -1
    cpdef int start(self, int status, list headers) except -1
    cpdef int write(self, bytes chunk) except -1
    cpdef int finish(self, bytes last=*) except -1
    cpdef int abort(self) except -1

    # what an edge reports, and what it provides
    cdef int lost(self) except -1
    cdef int filled(self) except -1
    cdef int drained(self) except -1
    cdef list read_fields(self)
    cdef int send_head(self, int status, list headers) except -1
    cdef int send_body(self, bytes chunk, bint last) except -1
    cdef int send_abort(self) except -1


cdef class Handler:
    # A route's handler that is compiled; others are called.
    cdef int handle(self, Exchange exchange, object match) except -1
