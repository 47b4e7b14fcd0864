"""Where the requests of one pass-through path go, and which headers go along, there and back."""

from tianji._core.edges.exchange cimport Exchange
from tianji._core.upstreams.http1 cimport Timeouts
from tianji._core.journal.meter cimport Rates
from tianji._core.upstreams.origin cimport Origin
from tianji._core.edges.reply cimport http_text
from tianji._core.routing.router cimport Deployment, Group


cdef class Lane:
    cdef readonly Origin origin
    cdef readonly bytes target        # the path at the upstream
    cdef readonly bytes fields        # header lines that are always the same: host, credentials
    cdef readonly frozenset sets      # the names of these, which clients do not set
    cdef readonly str model           # that the path names; or None
    cdef readonly object form         # Form: how the answer says what it used; None: as most do
    cdef readonly object sign         # Callable: headers of one request, by what is in it; or None
    cdef readonly object asked        # Callable: what a request is to pay for that is no token; or None
    cdef readonly object awaits       # Callable: the task that has to end before it can sign, None for none; or None
    cdef readonly str lacks           # why there are no credentials, so that the client has to bring his own; or None


cdef class Filter:
    cdef readonly frozenset takes     # headers of clients that go on; None: all that are not dropped
    cdef readonly frozenset drops     # that never do
    cdef readonly object known        # Callable[[bytes], bool]: whether a value is a key of the gateway's; or None
    cdef dict verdicts                # what is known of headers by their names
    cdef http_text text               # a head that is being written

    cdef object request(self, Lane lane, Exchange exchange, list headers, bytes query)
    cdef bytes head(self, Lane lane, Exchange exchange, list headers, bytes query, Py_ssize_t size)
    cdef void free(self) noexcept
    cdef bint _copy(self, Lane lane, bytes lines) except -1
    cdef int _write(self, Lane lane, list headers) except -1
    cdef list _usual(self, Lane lane, list headers)
    cdef object _verdict(self, bytes name)
    cdef list _judged(self, Lane lane, list headers)
    cdef bint _goes_on(self, Lane lane, bytes name, bytes value, bytes presented) except -1


cdef class Way:
    cdef readonly Group group
    cdef readonly Deployment deployment
    cdef readonly Filter filter
    cdef readonly Timeouts timeouts
    cdef readonly Rates flat          # what each request costs, whatever it used; or None
    cdef readonly object find         # Callable[[bytes], Lane]: of a raw path; raises what is wrong with it
    cdef readonly object query        # Callable[[bytes], bytes]: what goes on of a query; None: all of it
    cdef readonly object price        # Callable[[str], (Resolution, Rates)]: of a model
    cdef readonly object grant        # Callable[[Exchange], None]: raises where the caller may not come; or None
    cdef readonly object confine      # Callable[[Carry], None]: the same of one with rules on models; or None
    cdef readonly object entry        # of the configuration, which leads here; None: a provider's own API
    cdef readonly object wishes       # Callable[[Exchange], object]: whom the headers name
    cdef dict lanes                   # dict[bytes, Lane]
    cdef dict prices                  # dict[str, tuple]

    cdef Lane lane(self, bytes raw)
    cdef tuple priced(self, str model)


cdef list handed_on(list headers)
cdef long long length_in(list headers) except -2
