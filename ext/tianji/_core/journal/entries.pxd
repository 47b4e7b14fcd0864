"""What the ledger gets to know of requests."""

from tianji._core.edges.exchange cimport Exchange
from tianji._core.requests.asked cimport Asked
from tianji._core.requests.attempt cimport Attempt
from tianji._core.journal.packer cimport Packer
from tianji._core.journal.page cimport Page
from tianji._core.streams.usage cimport Usage


cdef class Caller:
    cdef object identity              # an Identity; None: nobody
    cdef bytes names                  # its members of an entry, as msgpack: from the key to the organization
    cdef bytes agent                  # and the agent
    cdef bytes project                # and the project; None: it has none
    cdef bint noted                   # its entries say more than a key's usually do
    cdef bint owned                   # callbacks of its own are told
    cdef bint words                   # it has a word on who is told of its requests, or of what


cdef class Agent:
    cdef bytes tags                   # those of its requests, as msgpack
    cdef bytes name                   # what it calls itself, likewise


cdef class Entries:
    cdef object journal               # tianji.ledger.journal.Journal; made with the first entry
    cdef bint prepared                # and that it will be
    cdef Page page                    # where entries are copied to; None: the journal has to be asked
    cdef object party                 # Callable[[Asked], Party]: whom a request is for besides its caller
    cdef object agent                 # Callable[[bytes], tuple[str, tuple]]: what a User-Agent comes to, and its tags
    cdef dict agents                  # dict[bytes, Agent]: those that were met
    cdef object words                 # Callable[[Identity], bool]: whether he has a word on who is told
    cdef object said                  # Callable[[object, bytes], tuple]: what is kept of what was said
    cdef object confided              # Callable[[Asked, str], str]: an error's message, as it may be told
    cdef dict call_types              # dict[str, str]: operations as the ledger calls them
    cdef Packer packer
    cdef list callers                 # list[Caller | None], by where their identities lie
    cdef public bint says             # what was said is kept, too
    cdef public Py_ssize_t whole      # as it came, up to so many bytes of each side; 0: as `said` makes of it
    cdef Py_ssize_t large             # bytes; of an entry without that which has more, names are cut
    cdef public bint hides_peers      # no address of a client is kept
    cdef public bint reads_limits     # what providers say is left of their limits is kept, too
    cdef public object used           # Callable[[list], int]: how much of a limit, < 0: not said; None: nobody asks
    cdef double refusals              # how many more refused requests get an entry at `refilled_at`
    cdef double refilled_at           # monotonic seconds

    cdef Caller caller(self, object identity)
    cdef Agent agent_of(self, Exchange exchange)
    cdef int meet(self, Asked asked) except -1
    cdef int attempted(self, Asked asked, Attempt attempt, int status) except -1
    cdef int refused(self, Asked asked, int status) except -1
    cdef int ended(self, Asked asked, int status) except -1
    cdef int recalled(self, Asked asked, Usage usage, object answer) except -1
    cdef int _keep(
        self, Asked asked, Attempt attempt, Usage usage, object answer, int status, double now) except -1
    cdef int _write_times(self, Asked asked, Attempt attempt, int status, double now) except -1
    cdef int _write_names(self, Asked asked, Attempt attempt, Caller caller, Agent agent) except -1
    cdef int _write_cost(self, Asked asked, Attempt attempt, Usage usage) except -1
    cdef int _write_end(self, Asked asked, Attempt attempt, Usage usage, int status, bint over) except -1
    cdef int _write_said(self, Asked asked, object answer, bint over) except -1
    cdef int _write_rare(
        self, int members, tuple left, Caller caller, Agent agent, str spend, str limited) except -1
