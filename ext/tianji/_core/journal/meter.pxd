"""What a request costs, in integers."""

from tianji._core.journal.packer cimport Packer
from tianji._core.streams.usage cimport TIERS, Usage


cdef extern from "meter.h":
    enum:
        METER_INPUT
        METER_CACHE_READ
        METER_CACHE_READ_AUDIO
        METER_CACHE_READ_IMAGE
        METER_CACHE_WRITE
        METER_CACHE_WRITE_1H
        METER_INPUT_AUDIO
        METER_INPUT_IMAGE
        METER_INPUT_VIDEO
        METER_OUTPUT
        METER_REASONING
        METER_OUTPUT_AUDIO
        METER_OUTPUT_IMAGE
        METER_OUTPUT_VIDEO
        METER_TOKENS
        METER_REQUESTS
        METER_INPUT_CHARACTERS
        METER_OUTPUT_CHARACTERS
        METER_INPUT_PICTURES
        METER_OUTPUT_PICTURES
        METER_PIXELS
        METER_MILLISECONDS
        METER_INPUT_AUDIO_MILLISECONDS
        METER_INPUT_VIDEO_MILLISECONDS
        METER_WEB_SEARCHES
        METER_KINDS

    ctypedef unsigned long long meter_atto  # wider in C

    ctypedef struct meter_step:
        long long above
        unsigned long long price[METER_KINDS]

    ctypedef struct meter_factor:
        long long numerator
        long long denominator
        long long fixed

    const long long METER_QUANTITY
    const long long METER_FACTOR
    const long long METER_MOST
    meter_atto meter_sum(const unsigned long long *price, const long long *amount) noexcept
    long long meter_nano(meter_atto total, const meter_factor *factor) noexcept
    long long meter_take(long long *left, long long wanted) noexcept


cdef class Measures:
    cdef long long amount[METER_KINDS]


cdef class Rates:
    cdef readonly bint known             # whether there is a price at all
    cdef readonly bint believes          # the cost that a provider reports counts
    cdef readonly tuple factor           # of whole and list price: (numerator, denominator, nano-dollars on top)
    cdef public str catalogue            # which version the prices are of; "": not of one
    cdef readonly Rates off_peak         # what holds at some hours; or None
    cdef object _off_peak_at             # Callable[[int], bool], for seconds since 1970
    cdef meter_factor _factor            # all that a cost is multiplied with
    cdef meter_factor _list_factor       # without discount and margin
    cdef meter_step *_steps              # of all tiers, one after the other, ascending
    cdef Py_ssize_t _starts[<int>TIERS]       # where those of a tier begin
    cdef Py_ssize_t _ends[<int>TIERS]
    cdef bint _prices_tokens

    cdef int _keep(self, tuple steps) except -1
    cdef Rates _at(self, long long when)
    cdef const meter_step *_step(self, int tier, long long prompt_tokens) noexcept
    cdef const meter_step *_lay_out(self, Usage usage, Measures measures, int tier, long long *amount) noexcept
    cdef int _lay_out_tokens(self, const meter_step *step, Usage usage, long long *amount) noexcept
    cdef int _write_items(self, Packer packer, Usage usage, Measures measures, int tier) except -1


cpdef long long cost(Rates rates, Usage usage, long long when, Measures measures=*, int tier=*) except -1
cpdef long long estimate(
    Rates rates, long long prompt_tokens, long long completion_tokens, Measures measures=*, int tier=*
) except -1
cpdef bytes dollars(long long nano)
