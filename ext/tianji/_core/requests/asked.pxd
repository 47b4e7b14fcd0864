"""What a client asks for: its request, read by spans, with what it needs of a deployment."""

from tianji._core.limits.admission cimport Admission
from tianji._core.requests.attempt cimport Requester
from tianji._core.edges.exchange cimport Exchange
from tianji._core.routing.needs cimport Needs
from tianji._core.requests.pipeline cimport Operation
from tianji._core.routing.router cimport Deployment, Group, Table
from tianji._core.bodies.spans cimport ObjectSpans
from tianji._core.requests.tracing cimport Trace


cdef class Asked(Requester):
    cdef readonly Table table
    cdef readonly Operation operation
    cdef readonly Exchange exchange
    cdef readonly ObjectSpans spans   # the body; of the next attempt, where a fallback replaces members
    cdef ObjectSpans asked            # the body as the client sent it
    cdef readonly object steer        # Steering, or None when the request asks for nothing special
    cdef readonly Group group
    cdef readonly object resolution   # how the name was found, where a pattern gives the upstream's name; or None
    cdef readonly Needs needs
    cdef readonly Admission admission  # what it holds of the limits of whoever asks; None: nothing limits it
    cdef tuple label                  # the header that names the group
    cdef object pending               # what it waits for: a timer, a slot, or the count of its tokens; or None
    cdef readonly str model           # the name the client asked for
    cdef readonly str routed          # the name it is routed by: what an auto router chose, or the same
    cdef tuple decision               # the headers that say why; or None
    cdef readonly bytes model_json             # the name that the answer has, as JSON text
    cdef readonly bytes call_id
    cdef readonly bint bound          # it goes where its path leads, whatever else might stand in for its model
    cdef bint named                   # the client gave the call its id, so others may have the same
    cdef object party                 # whom it is for besides its caller (gateway.party.Party); None: nobody it names
    cdef bytes heard                  # its body, where that is written down as it is; None: `party` says what is
    cdef Trace trace                  # where it belongs; None: nobody wants to know
    cdef str entry_id                 # what its entries in the ledger are called by; None before the first
    cdef object error                 # the TianjiError that it was refused with; or None
    cdef object guard                 # who watches it, see asked.pyi; or None
    cdef bint plain                   # the caller's key has no word on models or routing
    cdef readonly bint stream         # a stream is asked for
    cdef bint over                    # answered and counted
    cdef readonly double began        # monotonic seconds

    cdef bint identify(self) except -1
    cdef int begin(self, dict params) except -1
    cdef bint is_prompted(self, dict params, bint steers) except -1
    cdef int take_up(self, dict params, bint steers) except -1
    cdef int read_request(self, dict params, bint steers) except -1
    cdef int check_members(self, bint model_in_path) except -1
    cdef int advance(self) except -1
    cdef bint is_searched(self) except -1
    cdef bint enter(self) except -1
    cdef bint names_others(self) except -1
    cdef int go_in(self) except -1
    cdef bint is_watched(self) except -1
    cdef int go_further(self) except -1
    cdef bint recall(self) except -1
    cdef int seek(self) except -1
    cdef bint resolve(self) except -1
    cdef int find(self) except -1
    cdef bint divide(self) except -1
    cdef bint decide(self, object router) except -1
    cdef int make_needs(self) except -1
    cdef int choose(self) except -1
    cdef int keep_books(self, int status) except -1
