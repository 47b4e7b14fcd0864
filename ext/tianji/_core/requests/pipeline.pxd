"""What the requests of a worker share, and what a family of routes asks of an upstream."""

from tianji._core.upstreams.pool cimport Pool
from tianji._core.routing.router cimport Table
from tianji._core.requests.tracing cimport Tracing


cdef class Operation:
    cdef readonly str name            # key of Deployment.plans
    cdef readonly unsigned long long bit   # of Needs
    cdef readonly tuple members       # tuple[(name, bytes that its value may begin with, required), ...]
    cdef readonly object complain     # (first bytes by name, model_in_path): raises the error for a body that fails
    cdef readonly str default_model   # when the request names none; or None
    cdef readonly bint streams        # `stream: true` means something
    cdef readonly bint streamed       # every answer is a stream, whatever the body says
    cdef readonly bint media          # an answer may be of any type, and costs by what was made
    cdef readonly bytes answers       # the member with what was asked for, an array in every answer; or None
    cdef readonly object errors       # says an error as the client's dialect does; None: the pipeline's failures


cdef class Pipeline:
    cdef public Table table           # swapped by a reload; a request keeps the one it began with
    cdef public bint limits_all       # there are limits that do not depend on the caller's key
    cdef public int counted           # which tokens limits count, a place in limiter.KIND_NAMES
    cdef public object cache          # recall.Cache, of answers; or None
    cdef public Tracing tracing       # what is done about traces; None: nothing
    cdef public object guards         # Callable[[Asked], guard or None]: who watches a request; None: nobody any
    cdef public object prompts        # Callable[[Asked], Task[bytes or None] or None]: makes a body; None: of none
    cdef public object searches       # Callable[[Asked, deliver], Task or None]: answers what has tools; None: nothing
    cdef readonly Pool pool
    cdef object failures              # these five: see pipeline.pyi
    cdef object steering
    cdef object canned
    cdef object courses
    cdef object admissions
    cdef object entries               # Entries: what the ledger gets to know; or None
    cdef bytes call_prefix            # of the ids of calls, this worker's own
    cdef long long calls

    cdef bytes new_call_id(self)
