"""What is counted for a deployment, in counters that all workers share."""

from tianji._core.sharing.shm cimport Histogram, SharedCounters


cdef class DeploymentStats:
    cdef SharedCounters counters
    cdef str labels
    cdef dict by_status               # dict[int, int]: status -> slot, filled as statuses are seen
    cdef int in_flight
    cdef int prompt_tokens
    cdef int completion_tokens
    cdef int spend                    # nano-dollars
    cdef Histogram total
    cdef Histogram overhead
    cdef Histogram first_byte

    cdef int began(self) except -1
    cdef int ended(self, int status, double total, double overhead, double first_byte) except -1
    cdef int used(self, long long prompt, long long completion, long long nano_dollars) except -1
