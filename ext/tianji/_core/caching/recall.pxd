"""The cache of answers, as a request meets it."""

from tianji._core.requests.asked cimport Asked
from tianji._core.caching.memory cimport Answer, MemoryCache
from tianji._core.caching.recipe cimport Recipe
from tianji._core.routing.router cimport Group
from tianji._core.bodies.spans cimport ObjectSpans


cdef class Kind:
    cdef readonly bytes turns         # the member whose elements `max_messages` counts; or None
    cdef readonly bytes content       # the member of an answer that must hold something
    cdef readonly bytes variant       # the header that an answer's form depends on; or None
    cdef readonly bint hides_usage    # a stream ends with its usage only where that is asked for
    cdef readonly bint owned          # unless `store` is false, the answer belongs to whom it was given
    cdef readonly object codec        # tianji.cache.codec.Codec: makes streams of whole answers, and back
    cdef readonly object divide       # Callable[[Lookup, ObjectSpans], Division]: where each part of a request is kept


cdef class Cache:
    cdef readonly dict kinds          # Kind by operation
    cdef readonly Recipe recipe
    cdef readonly MemoryCache memory  # or None
    cdef readonly object far          # tianji.cache.far.Far; or None
    cdef readonly object wishes       # Callable[[Asked, Lookup], bool]: what a request says of caching; whether it is
    cdef readonly object tally        # Callable[[bool], None]: hears of each look, and whether it found something
    cdef readonly object meaning      # Callable[[str, bytes], object]: what requests are compared by; or None
    cdef readonly str scope           # shared, team, key or end_user
    cdef readonly str namespace       # before keys, with its colon; or ""
    cdef readonly dict models         # names of groups that share answers: the one that stands for all
    cdef readonly double ttl          # seconds; 0: for ever
    cdef readonly bint opt_in
    cdef readonly long long most_turns   # -1: any number
    cdef readonly long long largest   # bytes of an answer
    cdef readonly dict flights        # Flight by key, where requests share a call; or None

    cdef Lookup begin(self, Asked asked)
    cdef bint speaks(self, Asked asked) except -1
    cdef tuple circle(self, Asked asked, Kind kind)


cdef class Lookup:
    cdef readonly Cache cache
    cdef readonly Kind kind
    cdef readonly Group group         # which the answer has to come from
    cdef readonly tuple circle        # among whom, and for what model, answers are shared
    cdef readonly str key             # None where parts have keys of their own
    cdef readonly object meaning      # what is compared by meaning, among answers of one key; or None
    cdef public object similarity     # of what was found by meaning, from 0 to 1; or None
    cdef readonly bytes model_json    # as the answer has it
    cdef readonly bint shows_usage    # a stream is to end with its usage
    cdef public bint looks            # an answer may come out of the cache
    cdef public bint stores           # one may go into it
    cdef public double ttl            # seconds; 0: for ever
    cdef public double oldest         # seconds since an answer was stored that it may be old; -1: any
    cdef public str namespace         # before the key, with its colon; or ""
    cdef object flight                # Flight that it leads; or None
    cdef object division              # of a request in parts; or None
    cdef list events                  # of a stream, to be stored
    cdef long long size               # of them, bytes
    cdef Answer answer                # that was stored

    cpdef str key_of(self, ObjectSpans spans, bytes name=*, bytes value=*)
    cdef bint takes(self, Answer answer, double now) except -1
    cdef int collect(self, bytes events) except -1
