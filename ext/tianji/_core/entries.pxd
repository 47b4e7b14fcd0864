"""What the ledger gets to know of requests."""

from tianji._core.asked cimport Asked
from tianji._core.attempt cimport Attempt
from tianji._core.usage cimport Usage


cdef class Entries:
    cdef object prepare               # called when there will be an entry for the first time; None afterwards
    cdef object keep                  # Callable[[list], None]: takes an entry; see tianji.ledger.entry
    cdef object party                 # Callable[[Asked], Party]: whom a request is for besides its caller
    cdef object said                  # Callable[[object, bytes], tuple]: what is kept of what was said
    cdef dict call_types              # dict[str, str]: operations as the ledger calls them
    cdef public bint says             # what was said is kept, too
    cdef public bint reads_limits     # what providers say is left of their limits is kept, too
    cdef double refusals              # how many more refused requests get an entry at `refilled_at`
    cdef double refilled_at           # monotonic seconds

    cdef int meet(self, Asked asked) except -1
    cdef int attempted(self, Asked asked, Attempt attempt, int status) except -1
    cdef int refused(self, Asked asked, int status) except -1
    cdef int ended(self, Asked asked, int status) except -1
    cdef int recalled(self, Asked asked, Usage usage, object answer) except -1
    cdef int _keep(
        self, Asked asked, Attempt attempt, Usage usage, object answer, int status, double now) except -1
