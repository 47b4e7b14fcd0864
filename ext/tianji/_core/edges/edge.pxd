"""What every edge does with a request once it has its head: find the route, let in, hand over, end."""

from tianji._core.edges.exchange cimport Exchange
from tianji._core.edges.keys cimport KeyRing

cdef class Edge:
    cdef object loop
    cdef dict exact            # raw path: {method: Match}
    cdef object find           # (method, raw path) -> Match, for what is not in `exact`
    cdef KeyRing ring          # the authoriser, where it is one
    cdef object authorize      # (exchange, match) -> identity, or a coroutine of one
    cdef object on_error       # (exchange, exception): answers it
    cdef object on_close       # (exchange), after its last byte was handed on; or None
    cdef object cors           # (exchange, origin) -> list of headers, None after a preflight was answered
    cdef list fixed_headers    # go with every answer that a browser may read
    cdef bytes root            # prefix taken off every path; b"" for none
    cdef long long max_body    # bytes of a body that is held in memory,
    cdef long long max_upload  # and of one that may be large
    cdef long long light       # bytes of a body that nothing has to be asked of
    cdef Py_ssize_t max_head   # bytes of all header names and values
    cdef Py_ssize_t max_target
    cdef double body_timeout   # seconds between two pieces of a body
    cdef long long[::1] cells  # shared with the parent process, see tianji.edge.control
    cdef Py_ssize_t draining   # index of the flag
    cdef Py_ssize_t load       # index of this worker's count of open exchanges
    cdef readonly long long open
    cdef long long most        # requests that may be under way at once; 0 for any number
    cdef long long most_waiting  # for a place among them
    cdef double patience       # seconds that one waits
    cdef long long inside      # those that have a place
    cdef dict line             # those that wait for one, in their order: exchange -> timer

    cdef int call_next(self) except -1


cdef class EdgeExchange(Exchange):
    cdef Edge edge
    cdef object match
    cdef object task           # the coroutine at work, or None
    cdef list extra            # CORS headers, or None
    cdef bint browser          # a page may be behind it: the headers that browsers heed go with the answer
    cdef bint closed
    cdef bint admitted         # it is known who sent it, or anybody may
    cdef bint placed           # it is one of those that may be under way at once, where their number is limited
    cdef object wanted         # a future of the body, where that is read before it is known who sent it; or None
    cdef bint whole            # of such a body: it is there

    cdef int enter(self) except -1
    cdef int meet_browser(self, bytes origin) except -1
    cdef int route(self, bytes raw) except -1
    cdef bint lasts(self)
    cdef int stand_in_line(self) except -1
    cdef int let_in(self) except -1
    cdef int leave_place(self) except -1
    cdef int admit(self, object identity) except -1
    cdef int collect(self) except -1
    cdef bint outgrows(self, long long size) except -1
    cdef bytes room(self, long long size)
    cdef int store(self, list pieces) except -1
    cdef int dispatch(self) except -1
    cdef int show(self) except -1
    cdef int run(self, object awaitable, object callback) except -1
    cdef int fail(self, object error) except -1
    cdef int client_left(self) except -1
    cdef list dressed(self, list headers)
    cdef int close(self) except -1
    cdef int let_go(self) except -1
