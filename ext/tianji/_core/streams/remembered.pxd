"""Between two forms from memory."""

from tianji._core.streams.figures cimport Figures
from tianji._core.bodies.frames cimport Form, Frame, Frames, Sighting
from tianji._core.bodies.names cimport Names
from tianji._core.requests.passing cimport Passing
from tianji._core.streams.retold cimport Flow
from tianji._core.routing.router cimport Plan
from tianji._core.streams.stream cimport AnswerStream
from tianji._core.bodies.templates cimport Template


cdef class Translated(Passing)


cdef class Telling:
    cdef readonly Form form           # where answers have their texts; None where each has to be read
    cdef object settled               # what of the request stands in them, hashable
    cdef Names names                  # call them, where the client's dialect does so; None: it does not
    cdef object now                   # then dates them, in seconds
    cdef readonly Flow flow           # how streams are told; None where each is read


cdef class Written:
    cdef readonly object inbound      # protocol.chat.seam.Inbound
    cdef readonly object outbound     # and Outbound
    cdef readonly str target
    cdef readonly bytes begun         # its head, made of the plan's with `target` for one, but for its length
    cdef readonly Telling answers
    cdef readonly bint takes_lists


cdef class Known:
    cdef readonly bint filtered       # a content filter cut it
    cdef readonly Names names         # make its name, where the upstream does not; or None
    cdef readonly object now          # dates it, in seconds, where the upstream does not; or None
    cdef Figures figures              # tell its usage; None until that is asked for

    cdef bint note(self, Passing passing, Sighting sighting, Template usage, long long now) except -1


cdef class RememberedAnswers:
    cdef readonly Frames frames
    cdef readonly str dialect
    cdef readonly str protocol        # None for OpenAI's form
    cdef tuple doubts
    cdef object beside

    cdef Sighting look(self, Telling telling, bytes model, bytes body)
    cdef bytes tell(self, Translated translated, Sighting sighting)


cdef class RememberedRequests:
    cdef readonly RememberedAnswers teller
    cdef readonly Form form           # where requests have their texts; None where each has to be read
    cdef bint arrays                  # a stream may be one JSON array
    cdef object sign                  # signs what is sent; or None
    cdef bytes mark                   # what the body of a request has of which the upstream may keep a part; or None

    cpdef Translated begin(self, Plan plan, object sought, bytes model, bytes head)
    cdef Translated started(self, Written written, object sought)
    cdef object request(self, Plan plan, Written written, Sighting sighting, bytes head)


cdef class Translated(Passing):
    cdef RememberedAnswers teller
    cdef Written written
    cdef object inbound               # what answers this request; None until it is needed
    cdef bytes model                  # the name that the client knows, as JSON
    cdef Py_ssize_t size              # bytes of the request's body
    cdef long long created            # when it was begun, where its answer is dated here; seconds
    cdef bytes name                   # of the answer, likewise; None until it is needed
    cdef Sighting sighting            # of the answer, where it was looked at
    cdef bytes called(self)
    cdef bytes preface(self, Flow flow)
    cdef object asked(self)


cdef Frame known(Sighting sighting)
cpdef bint wants_array(object sought) except -1
