"""One request that goes to an upstream as it came."""

from tianji._core.requests.asked cimport Asked
from tianji._core.edges.exchange cimport Exchange
from tianji._core.requests.lane cimport Lane, Way
from tianji._core.journal.meter cimport Rates
from tianji._core.requests.pipeline cimport Operation, Pipeline
from tianji._core.upstreams.receiver cimport ResponseHandler
from tianji._core.streams.tally cimport Tally


cdef class Listener(ResponseHandler):
    cdef Carry carry                  # None once it is over


cdef class Carry(Asked):
    cdef readonly Way way
    cdef readonly Lane lane
    cdef Listener listener
    cdef Rates rates                  # of the model that is known to be asked for; None: nobody knows
    cdef bytes answer                 # that is held whole
    cdef Tally tally
    cdef bint steers                  # a header of it steers something
    cdef bint events                  # the answer is a stream of server-sent events

    cdef bint arrive(self, Pipeline pipeline, Operation operation, Exchange exchange) except -1
    cdef int set_out(self, Way way, bytes raw) except -1
    cdef int read_body(self) except -1
    cdef int launch(self) except -1
    cdef long long head(self, int status, list headers) except -1
    cdef int data(self, bytes piece) except -1
    cdef int end(self) except -1
    cdef int failed(self, object error) except -1
    cdef int read(self, bytes body) except -1
    cdef int end_spent(self) except -1
    cdef list answer_headers(self)
    cdef int refuse(self, object error) except -1
