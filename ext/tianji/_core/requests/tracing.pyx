"""Which trace a request belongs to (https://www.w3.org/TR/trace-context/), and what upstreams are told of that.

Only where traces are asked for has a request a Trace: any other pays for one look at a pointer.
"""

import cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcpy

from tianji._core.edges.exchange cimport Exchange

from os import urandom

cdef object RANDOM = urandom
cdef tuple FIELDS = (b"traceparent", b"tracestate")
cdef bytes LAST_FIELD = b"content-length: "  # what the head of a request ends in while its length is not known
cdef enum:
    PARENT = 55       # characters of a traceparent of version 00
    LONGEST_STATE = 512
    LONGEST_PATH = 256  # characters
    SAMPLED = 1


@cython.final
cdef class Tracing:
    """What a worker does about traces."""

    def __init__(self, *, bint records, bint forwards, bint heeds=True):
        self.records = records
        self.forwards = forwards
        self.heeds = heeds

    cpdef Trace begin(self, list headers):
        """Return the trace of a request with these headers; None where there is nothing to tell anybody."""
        cdef Trace trace = Trace.__new__(Trace)
        cdef bytes name, ids
        cdef bytes state = b""
        trace.trace_id = trace.parent_id = trace.state = b""
        trace.flags = SAMPLED
        if self.heeds:
            for name, value in headers:
                if name == FIELDS[0]:
                    read_parent(value, trace)
                elif name == FIELDS[1] and len(state) + len(<bytes>value) < LONGEST_STATE:
                    state = value if not state else state + b"," + <bytes>value  # RFC 9110 section 5.3: a list
        if trace.trace_id:
            trace.state = state
        elif not self.records:
            return None
        ids = RANDOM(24)
        if not trace.trace_id:
            trace.trace_id = ids[:16]
        memcpy(&trace.span, PyBytes_AS_STRING(ids) + 16, 8)
        trace.records = self.records
        trace.forwards = self.forwards
        return trace


@cython.final
cdef class Trace:
    """The place of one request in a trace. Its attempts are known by their numbers, from 0."""

    cpdef bytes marked(self, bytes head, int number):
        """Return the head of an attempt's request with what the upstream is to know; it still ends as it did."""
        cdef bytes lines
        if not self.forwards or not head.endswith(LAST_FIELD):
            return head
        lines = b"".join([b"%b: %b\r\n" % pair for pair in self.fields(number)])
        return head[:PyBytes_GET_SIZE(head) - PyBytes_GET_SIZE(LAST_FIELD)] + lines + LAST_FIELD

    cpdef list carried(self, list headers):
        """Return a client's headers as they go on to the upstream of the first attempt."""
        if not self.forwards:
            return headers
        return [pair for pair in headers if pair[0] not in FIELDS] + self.fields(0)

    cdef list fields(self, int number):
        """The parent is the attempt's span, or the client's where nobody is told of ours."""
        cdef bytes parent = eight(self.span + 1 + <unsigned int>number) if self.records else self.parent_id
        cdef list found = [(FIELDS[0], b"00-%b-%b-%02x" % (
            self.trace_id.hex().encode(), parent.hex().encode(), self.flags))]
        if self.state:
            found.append((FIELDS[1], self.state))
        return found

    cdef int close(self, Exchange exchange, int status) except -1:
        """Note how the request ended."""
        self.end = (status, exchange.method, exchange.path[:LONGEST_PATH].encode("utf-8", "replace").decode())
        return 0

    cpdef tuple told(self, int number):
        """Return the members of a `tianji.ledger.entry.Place`: of the request once it ended, else of an attempt."""
        if self.end is not None:
            return (self.trace_id, eight(self.span), self.parent_id, self.parent_id, self.flags, *self.end)
        return (
            self.trace_id, eight(self.span + 1 + <unsigned int>number), eight(self.span), self.parent_id, self.flags)


cdef bytes eight(unsigned long long number):
    cdef char text[8]
    memcpy(text, &number, 8)
    return text[:8]


cdef int read_parent(bytes value, Trace trace) except -1:
    """Take the ids out of a traceparent; one that is malformed counts as none."""
    cdef const char* at = PyBytes_AS_STRING(value)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(value), i
    cdef bytes trace_id, parent_id
    if size < PARENT or at[2] != c"-" or at[35] != c"-" or at[52] != c"-":
        return 0
    for i in range(PARENT):
        if not (c"0" <= at[i] <= c"9" or c"a" <= at[i] <= c"f" or i == 2 or i == 35 or i == 52):
            return 0
    # a later version may add members behind a hyphen; ff is none
    if value.startswith(b"ff") or (size > PARENT and (value.startswith(b"00") or at[PARENT] != c"-")):
        return 0
    trace_id = bytes.fromhex(value[3:35].decode())
    parent_id = bytes.fromhex(value[36:52].decode())
    if not any(trace_id) or not any(parent_id):
        return 0
    trace.trace_id, trace.parent_id, trace.flags = trace_id, parent_id, int(value[53:55], 16) & SAMPLED
    return 0
