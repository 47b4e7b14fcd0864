"""What a request costs, in integers.

Prices stand ready for every service tier and every length of prompt, so that a request finds its list and adds up.
Between atto-dollars of a price and nano-dollars of a cost nothing is rounded but the end: to the nearest, halves up.
"""

cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.string cimport memset

from tianji._core.streams.usage cimport STANDARD, TIERS, UNSAID, Usage

MOST = METER_MOST
KINDS = (
    "input", "cache_read", "cache_read_audio", "cache_read_image", "cache_write", "cache_write_1h", "input_audio",
    "input_image", "input_video", "output", "reasoning", "output_audio", "output_image", "output_video", "requests",
    "queries", "input_characters", "output_characters", "input_pictures", "output_pictures", "pixels", "milliseconds",
    "input_audio_milliseconds", "input_video_milliseconds", "output_video_milliseconds", "pages", "annotated_pages",
    "credits", "text_messages", "web_searches_low", "web_searches", "web_searches_high",
)
UNITS = KINDS[METER_TOKENS:]
cdef tuple KIND_NAMES = KINDS
cdef dict NUMBERS = {kind: number for number, kind in enumerate(KINDS)}


@cython.final
cdef class Measures:
    """What a request comes to besides tokens: counts by the names in UNITS. Only an answer's own usage has tokens.

    ValueError for a name that is none of them, or a count below 0; one above 2^56 counts as that.
    """

    def __init__(self, **counts):
        for name, count in counts.items():
            if NUMBERS.get(name, 0) < METER_TOKENS or count < 0:
                raise ValueError(f"{name} = {count}: expected a count of 0 or more of one of {', '.join(UNITS)}")
            self.amount[<int>NUMBERS[name]] = min(count, METER_QUANTITY)


@cython.final
cdef class Rates:
    """The prices of one deployment.

    steps: by service tier, as usage.Tier numbers them, the price lists of it: (prompt tokens above which it holds,
    ascending from -1; atto-dollars for one of each of KINDS). An empty tuple: the tier's are the standard ones.
    factor, list_factor: numerator and denominator of what a cost is multiplied with, and of that without discount and
    margin. fixed: nano-dollars on top. believes: a cost that the provider reports counts. off_peak, off_peak_at: what
    holds instead at the times for which `off_peak_at` is true, and whether that is so at a second since 1970.

    ValueError if a figure is out of its bounds: prices below 2^64, the parts of a factor from 0 to 2^40.
    """

    def __init__(
        self, tuple steps not None, *, tuple factor not None=(1, 1), tuple list_factor not None=(1, 1),
        long long fixed=0, bint believes=False, bint known=True, Rates off_peak=None, object off_peak_at=None,
    ):
        if self._steps != NULL:
            raise TypeError("Rates are made once")
        if len(steps) != TIERS or not steps[STANDARD]:
            raise ValueError(f"expected the steps of {TIERS} tiers, and some of the standard one")
        self._factor = _factor(factor, fixed)
        self._list_factor = _factor(list_factor, 0)
        self.believes = believes
        self.known = known
        self.factor = (
            (self._factor.numerator, self._factor.denominator, self._factor.fixed),
            (self._list_factor.numerator, self._list_factor.denominator, 0),
        )
        self.catalogue = ""
        self.off_peak = off_peak
        self._off_peak_at = off_peak_at
        self._keep(steps)

    def __dealloc__(self):
        PyMem_Free(self._steps)

    cdef int _keep(self, tuple steps) except -1:
        cdef Py_ssize_t at = 0, kind
        cdef int tier
        cdef meter_step *step
        self._steps = <meter_step *>PyMem_Malloc(sum(map(len, steps)) * sizeof(meter_step))
        if self._steps == NULL:
            raise MemoryError()
        for tier in range(TIERS):
            self._starts[tier] = at
            for above, prices in steps[tier]:
                step = &self._steps[at]
                step.above = above
                if len(prices) != METER_KINDS or (step.above < 0 if at > self._starts[tier] else step.above != -1):
                    raise ValueError(f"expected {METER_KINDS} prices for each step, the first of them above -1")
                if at > self._starts[tier] and step.above <= self._steps[at - 1].above:
                    raise ValueError("steps must ascend")
                for kind in range(METER_KINDS):
                    try:
                        step.price[kind] = prices[kind]
                    except OverflowError:
                        raise ValueError(f"a price must be from 0 to 2^64 atto-dollars, not {prices[kind]}") from None
                    if kind < METER_TOKENS and step.price[kind]:
                        self._prices_tokens = True
                at += 1
            self._ends[tier] = at
            if at == self._starts[tier]:
                self._starts[tier] = self._starts[<int>STANDARD]
                self._ends[tier] = self._ends[<int>STANDARD]
        return 0

    cdef Rates _at(self, long long when):
        if self.off_peak is not None and self._off_peak_at(when):
            return self.off_peak
        return self

    cdef const meter_step *_step(self, int tier, long long prompt_tokens) noexcept:
        cdef Py_ssize_t first, at
        if not 0 <= tier < TIERS:
            tier = STANDARD
        first = self._starts[tier]
        at = self._ends[tier] - 1
        while at > first and prompt_tokens <= self._steps[at].above:
            at -= 1
        return &self._steps[at]

    cdef const meter_step *_lay_out(self, Usage usage, Measures measures, int tier, long long *amount) noexcept:
        # Find the list of a request's prices and say how much there is of what.
        cdef long long tokens = 0, milliseconds = 0
        cdef int kind
        cdef const meter_step *step
        memset(amount, 0, METER_KINDS * sizeof(long long))
        if usage is not None:
            tokens = max(0, usage.prompt_tokens)
            if usage.tier != UNSAID:
                tier = usage.tier
        step = self._step(tier, tokens)
        if measures is not None:
            for kind in range(METER_TOKENS, METER_KINDS):
                amount[kind] = measures.amount[kind]
        amount[METER_REQUESTS] = amount[METER_REQUESTS] or 1
        if amount[METER_OUTPUT_PICTURES] and step.price[METER_OUTPUT_PICTURES]:
            amount[METER_PIXELS] = 0
        if usage is not None:
            self._lay_out_tokens(step, usage, amount)
            tokens += max(0, usage.completion_tokens)
            milliseconds = usage.milliseconds
            if not amount[METER_WEB_SEARCHES] and usage.web_searches > 0:
                amount[METER_WEB_SEARCHES] = usage.web_searches
        if milliseconds > 0:
            amount[METER_MILLISECONDS] = milliseconds
        if tokens and self._prices_tokens:  # time and pictures are not billed beside the tokens that they were made of
            amount[METER_MILLISECONDS] = amount[METER_OUTPUT_PICTURES] = amount[METER_PIXELS] = 0
        return step

    cdef int _lay_out_tokens(self, const meter_step *step, Usage usage, long long *amount) noexcept:
        # Each token counts once: parts that are larger than their whole are cut down to it.
        cdef long long left = max(0, usage.prompt_tokens), read, written
        read = meter_take(&left, usage.cached_tokens)
        written = meter_take(&left, usage.written_tokens)
        amount[METER_CACHE_READ_AUDIO] = meter_take(&read, usage.cached_audio_tokens)
        amount[METER_CACHE_READ_IMAGE] = meter_take(&read, usage.cached_image_tokens)
        amount[METER_CACHE_READ] = read
        amount[METER_CACHE_WRITE_1H] = meter_take(&written, usage.written_1h_tokens)
        amount[METER_CACHE_WRITE] = written
        amount[METER_INPUT_AUDIO] = meter_take(&left, usage.prompt_audio_tokens - amount[METER_CACHE_READ_AUDIO])
        amount[METER_INPUT_IMAGE] = meter_take(&left, usage.prompt_image_tokens - amount[METER_CACHE_READ_IMAGE])
        amount[METER_INPUT_VIDEO] = meter_take(&left, usage.prompt_video_tokens)
        amount[METER_INPUT] = left
        left = max(0, usage.completion_tokens)
        amount[METER_REASONING] = meter_take(&left, usage.reasoning_tokens)
        amount[METER_OUTPUT_AUDIO] = meter_take(&left, usage.completion_audio_tokens)
        amount[METER_OUTPUT_IMAGE] = meter_take(&left, usage.completion_image_tokens)
        amount[METER_OUTPUT_VIDEO] = meter_take(&left, usage.completion_video_tokens)
        amount[METER_OUTPUT] = left
        # what is billed by another unit is not billed by its tokens
        if amount[METER_INPUT_CHARACTERS] and step.price[METER_INPUT_CHARACTERS]:
            amount[METER_INPUT] = 0
        if amount[METER_OUTPUT_CHARACTERS] and step.price[METER_OUTPUT_CHARACTERS]:
            amount[METER_OUTPUT] = 0
        if amount[METER_INPUT_PICTURES] and step.price[METER_INPUT_PICTURES]:
            amount[METER_INPUT_IMAGE] = 0
        if amount[METER_INPUT_AUDIO_MILLISECONDS] and step.price[METER_INPUT_AUDIO_MILLISECONDS]:
            amount[METER_INPUT_AUDIO] = 0
        if amount[METER_INPUT_VIDEO_MILLISECONDS] and step.price[METER_INPUT_VIDEO_MILLISECONDS]:
            amount[METER_INPUT_VIDEO] = 0
        return 0

    def itemized(self, Usage usage, long long when, Measures measures=None, int tier=STANDARD):
        """What `cost` adds up: (kind, how many, atto-dollars for one) of everything that there is any of.

        Where a cost that the provider reports counts, that is all: ("reported", pico-dollars, a million).
        """
        cdef long long amount[METER_KINDS]
        cdef Rates rates = self._at(when)
        cdef const meter_step *step
        if usage is not None and usage.reported >= 0 and rates.believes:
            return [("reported", usage.reported, 1_000_000)]
        step = rates._lay_out(usage, measures, tier, amount)
        return [(KINDS[kind], amount[kind], step.price[kind]) for kind in range(METER_KINDS) if amount[kind]]

    cdef int _write_items(self, Packer packer, Usage usage, Measures measures, int tier) except -1:
        # What `itemized` says of these very rates, as msgpack.
        cdef long long amount[METER_KINDS]
        cdef const meter_step *step
        cdef int kind, count = 0
        if usage is not None and usage.reported >= 0 and self.believes:
            return packer.value((("reported", usage.reported, 1_000_000),))
        step = self._lay_out(usage, measures, tier, amount)
        for kind in range(METER_KINDS):
            count += amount[kind] != 0
        packer.array(count)
        for kind in range(METER_KINDS):
            if amount[kind]:
                packer.array(3)
                packer.text(KIND_NAMES[kind])
                packer.integer(amount[kind])
                packer.natural(step.price[kind])
        return 0


cdef meter_factor _factor(tuple parts, long long fixed) except *:
    cdef meter_factor factor
    if not 0 <= parts[0] <= METER_FACTOR or not 0 < parts[1] <= METER_FACTOR or not 0 <= fixed <= METER_MOST:
        raise ValueError(f"a factor of {parts[0]} / {parts[1]} and {fixed} nano-dollars is out of bounds")
    factor.numerator, factor.denominator, factor.fixed = parts[0], parts[1], fixed
    return factor


cpdef long long cost(Rates rates, Usage usage, long long when, Measures measures=None, int tier=STANDARD) except -1:
    """What a request costs, in nano-dollars: 0 to MOST, which stands for everything above it.

    usage: what the answer says; None: nothing, as for a call that is billed by other units. when: seconds since 1970.
    tier: the service tier that was asked for; what the answer names goes first.
    """
    cdef long long amount[METER_KINDS]
    cdef const meter_step *step
    if rates is None:
        raise TypeError("rates must be Rates")
    rates = rates._at(when)
    if usage is not None and usage.reported >= 0 and rates.believes:
        return meter_nano(<meter_atto>usage.reported * 1_000_000, &rates._factor)
    step = rates._lay_out(usage, measures, tier, amount)
    return meter_nano(meter_sum(step.price, amount), &rates._factor)


def list_cost(Rates rates not None, Usage usage, long long when, Measures measures=None, int tier=STANDARD):
    """What `cost` would be without discount and margin."""
    cdef long long amount[METER_KINDS]
    cdef const meter_step *step
    rates = rates._at(when)
    if usage is not None and usage.reported >= 0 and rates.believes:
        return meter_nano(<meter_atto>usage.reported * 1_000_000, &rates._list_factor)
    step = rates._lay_out(usage, measures, tier, amount)
    return meter_nano(meter_sum(step.price, amount), &rates._list_factor)


cdef long long _dearest(
    Rates rates, long long prompt_tokens, long long completion_tokens, Measures measures, int tier
) noexcept:
    # Every token at the highest price that any of its kind can have in a request that is not longer.
    cdef long long amount[METER_KINDS]
    cdef meter_step most
    cdef Py_ssize_t at
    cdef int kind
    memset(amount, 0, sizeof(amount))
    memset(&most, 0, sizeof(most))
    if not 0 <= tier < TIERS:
        tier = STANDARD
    for at in range(rates._starts[tier], rates._ends[tier]):
        if rates._steps[at].above >= prompt_tokens and at > rates._starts[tier]:
            break
        for kind in range(METER_KINDS):
            most.price[kind] = max(most.price[kind], rates._steps[at].price[kind])
    for kind in range(METER_INPUT, METER_OUTPUT):
        most.price[METER_INPUT] = max(most.price[METER_INPUT], most.price[kind])
    for kind in range(METER_OUTPUT, METER_TOKENS):
        most.price[METER_OUTPUT] = max(most.price[METER_OUTPUT], most.price[kind])
    if measures is not None:
        for kind in range(METER_TOKENS, METER_KINDS):
            amount[kind] = measures.amount[kind]
    amount[METER_REQUESTS] = amount[METER_REQUESTS] or 1
    amount[METER_INPUT] = min(max(0, prompt_tokens), METER_QUANTITY)
    amount[METER_OUTPUT] = min(max(0, completion_tokens), METER_QUANTITY)
    return meter_nano(meter_sum(most.price, amount), &rates._factor)


cpdef long long estimate(
    Rates rates, long long prompt_tokens, long long completion_tokens, Measures measures=None, int tier=STANDARD
) except -1:
    """The most that a request can cost, in nano-dollars, if neither count is exceeded: what to reserve for it.

    Whatever the tokens turn out to be (cached, reasoning, audio) and whenever it ends. It holds for the tier that is
    given, for the prices of the catalogue and not for costs that a provider reports.
    """
    cdef long long most
    if rates is None:
        raise TypeError("rates must be Rates")
    most = _dearest(rates, prompt_tokens, completion_tokens, measures, tier)
    if rates.off_peak is not None:
        most = max(most, _dearest(rates.off_peak, prompt_tokens, completion_tokens, measures, tier))
    return most


cpdef bytes dollars(long long nano):
    """Nano-dollars as US dollars in decimal notation, exactly and without trailing zeros: b"0.00002625"."""
    cdef char text[24]
    cdef int at = 24, place = 0
    cdef unsigned long long left = -<unsigned long long>nano if nano < 0 else nano
    while left or place < 10:
        if place == 9 and at < 24:
            at -= 1
            text[at] = c"."
        if at < 24 or place >= 9 or left % 10:
            at -= 1
            text[at] = c"0" + left % 10
        left //= 10
        place += 1
    if nano < 0:
        at -= 1
        text[at] = c"-"
    return text[at:24]
