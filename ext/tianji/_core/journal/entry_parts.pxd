"""Parts of an entry of the ledger, read where they stand."""

from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy

from tianji._core.journal.msgpack cimport integer, msgpack_array, msgpack_nil, msgpack_text, msgpack_walk, pass_over

cdef extern from "saturate.h":
    long long saturated_sum(long long a, long long b) noexcept nogil
    long long saturated_distance(long long before, long long after) noexcept nogil

cdef extern from "meter.h":
    const long long METER_MOST

cdef enum:
    DIGITS = 22  # of an integer and what follows it, at most
    ENDED = 5  # of a Place: how many members stand before the status of a request that has ended


cdef inline long long bounded(msgpack_walk *walk) except? -1:
    """A figure that can be summed: one that no request reaches must not stop all others."""
    return min(integer(walk), METER_MOST)


cdef inline long long day_of(long long microseconds) noexcept:
    cdef long long day = 86_400_000_000
    return microseconds // day - (microseconds % day < 0)


cdef inline int counted(msgpack_walk walk) noexcept:
    """Return which of the QUANTITIES of a sheet a kind is; -1 for any other."""
    cdef const char *kind
    cdef uint64_t length
    if msgpack_text(&walk, &kind, &length):
        if length == 11 and memcmp(kind, b"input_audio", 11) == 0:
            return 0
        if length == 12 and memcmp(kind, b"output_audio", 12) == 0:
            return 1
        if length == 15 and memcmp(kind, b"output_pictures", 15) == 0:
            return 2
        if length == 25 and memcmp(kind, b"output_video_milliseconds", 25) == 0:
            return 3
    return -1


cdef inline bint belongs(msgpack_walk *walk) except -1:
    """Whether an entry with this Place belongs into the books: it is not merely the end of a request."""
    cdef uint64_t members
    if msgpack_nil(walk):
        return True
    if not msgpack_array(walk, &members):
        raise ValueError("no place")
    if members <= ENDED:
        return True
    for _ in range(ENDED):
        pass_over(walk)
    return integer(walk) == 0


cdef inline Py_ssize_t listed(long long number, char *at) noexcept:
    """Write a number and a comma there, and return how many bytes that are."""
    cdef char digits[DIGITS]
    cdef Py_ssize_t first = DIGITS - 1
    cdef uint64_t rest = -<uint64_t>number if number < 0 else <uint64_t>number
    digits[first] = c","
    while True:
        first -= 1
        digits[first] = c"0" + rest % 10
        rest //= 10
        if not rest:
            break
    if number < 0:
        first -= 1
        digits[first] = c"-"
    memcpy(at, digits + first, <size_t>(DIGITS - first))
    return DIGITS - first


cdef inline bint read_left(msgpack_walk *walk, long long *requests, long long *tokens) except -1:
    """Read what a provider says is left; how much is used, which may follow, alerts alone want to know."""
    cdef uint64_t parts
    if not msgpack_array(walk, &parts) or not 2 <= parts <= 3:
        raise ValueError("not what is left")
    requests[0], tokens[0] = integer(walk), integer(walk)
    pass_over_some(walk, parts - 2)
    return True


cdef inline uint64_t shared_of(msgpack_walk walk, uint64_t members) except? 9:
    """Return how many of these members an account has more than others: its project, and its client behind that."""
    cdef bint project = not msgpack_nil(&walk)
    if members > 1:
        if project:
            pass_over(&walk)
        if not msgpack_nil(&walk):
            return 2
    return project


cdef inline int pass_over_some(msgpack_walk *walk, uint64_t count) except -1:
    for _ in range(count):
        pass_over(walk)
    return 0
