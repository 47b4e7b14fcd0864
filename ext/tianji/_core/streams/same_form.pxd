"""Between a client and an upstream that speak the same form, which is not OpenAI's: the bytes go through."""

from tianji._core.edges.exchange cimport Exchange
from tianji._core.bodies.frames cimport Sighting
from tianji._core.requests.passing cimport Passing
from tianji._core.streams.remembered cimport RememberedAnswers, Telling
from tianji._core.routing.router cimport Plan
from tianji._core.streams.stream cimport AnswerStream


cdef class SameForm:
    cdef bint named                   # the body holds the model's name
    cdef frozenset carries            # headers of clients that go upstream too, lower-case
    cdef bint arrays                  # a stream may be one JSON array
    cdef object sign                  # signs what is sent; or None
    cdef RememberedAnswers notes      # knows what answers say of usage, where the gateway cannot read that; or None
    cdef Telling telling              # how it looks at them
    cdef dict heads                   # of (planned head, model, stream, carried headers): that of a request, and target

    cpdef Passing begin(self, Plan plan, object sought, bytes model, bytes head)
    cdef tuple headed(self, bytes head, bytes model, bint streamed, tuple carried)
    cdef tuple carried(self, Exchange exchange)


cdef class Through(Passing):
    cdef SameForm way
    cdef bytes model                  # the name that the client knows, as JSON
    cdef bint as_array
    cdef Sighting sighting            # of the answer, where it was looked at
