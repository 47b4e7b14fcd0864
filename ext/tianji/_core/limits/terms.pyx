"""On what terms a caller is let in to a model group: what his request is held against, and what it may use at most.

Tokens of a prompt are its bytes divided by four, as LiteLLM's proxy reckons; those of an answer are what the request
allows, else what its caller is known for, else as many as the prompt's, and some. Money is reckoned for more: an answer
that nobody bounds may have 16,384 tokens, or as many as the model can write.

Clients may say twice how long an answer may be, and upstreams differ in what they heed: the largest counts. Some read
"5" or 5.0 as 5, so that is what it is here.
"""

import cython
from cpython.bytes cimport PyBytes_AS_STRING

from tianji._core.limits.admission cimport Admission
from tianji._core.limits.limiter cimport LimitSet
from tianji._core.journal.meter cimport Measures, Rates, estimate
from tianji._core.bodies.spans cimport ObjectSpans
from tianji._core.streams.usage cimport STANDARD, tier_number

from math import ceil

cdef extern from "json_compact.h":
    Py_ssize_t json_elements(const char* text, Py_ssize_t size) noexcept

cdef object rounded_up = ceil
cdef enum:
    BYTES_OF_TOKEN = 4
    UNREADABLE = -1

BYTES_A_TOKEN = BYTES_OF_TOKEN
UNBOUND = 16384            # tokens of an answer that nobody bounds
FLOOR = 1024               # tokens that an answer is thought to have at least
cdef long long MOST = <long long>1 << 36  # tokens of a request


cdef long long number(ObjectSpans body, bytes name) except -2:
    # A member that some upstream reads as a number; 0 where it is absent or null, and what is none is UNREADABLE.
    cdef long long value = 0
    cdef Py_ssize_t i = body.find(name)
    cdef char kind = c"0" if i < 0 else body.kind(i)
    if kind == c"0":
        return 0
    if body.whole(i, &value):
        return min(value, MOST) if value >= 0 else UNREADABLE
    if kind != c"n" and kind != c"s":
        return UNREADABLE
    try:
        value = min(rounded_up(float(body.text(i) if kind == c"s" else body.raw(i))), MOST)
    except (ValueError, OverflowError):
        return UNREADABLE
    return value if value >= 0 else UNREADABLE


cpdef long long bounded(ObjectSpans body, tuple names) except -1:
    """How many tokens a request allows one answer by the members `names`; 0 where it does not say."""
    cdef long long value, most = 0
    for name in names:
        value = number(body, name)
        if value == UNREADABLE:
            return 0
        most = max(most, value)
    return most


cdef long long texts(ObjectSpans body, bytes name) except -1:
    # How many prompts a member holds: an array of numbers is one, whose tokens they are.
    cdef Py_ssize_t i = body.find(name)
    cdef bytes raw
    if i < 0 or body.kind(i) != c"a":
        return 1
    raw = body.raw(i)
    return 1 if raw[1:].lstrip()[:1].isdigit() else max(<Py_ssize_t>1, json_elements(PyBytes_AS_STRING(raw), len(raw)))


@cython.final
cdef class Terms:
    """What a caller's requests of one operation to a model group are held against, and how their use is reckoned.

    limits: LimitSet; smallest: the smallest limit of tokens a minute among them, None for none
    table, model: the Table that the group is of, and the name by which the client asked
    until: monotonic seconds when these terms are over; None: when somebody makes others
    rates: the prices of the group's deployments; free: all are known, and nothing
    most_output: tokens that the models write at most; expected: what this caller's answers have; 0: nobody knows
    bounds: the members that say how many tokens an answer may have; prompts: the one that may hold several, or None
    silent: answers have no tokens; reserves: money is set aside, and not only looked at
    measures: what a request's body asks for besides tokens, (body) -> Measures; None: nothing
    """

    def __init__(
        self, LimitSet limits not None, *, object table, str model not None, until, tuple rates not None, bint free,
        bint silent, bint reserves, long long most_output, long long expected, smallest, tuple bounds not None,
        bytes prompts=None, object measures=None,
    ):
        cdef Rates one
        for one in rates:
            if one is None:
                raise TypeError("rates must be Rates")
        self.limits = limits
        self.table = table
        self.model = model
        self.until = 0 if until is None else until
        self.rates = rates
        self.free = free
        self.silent = silent
        self.reserves = reserves
        self.most_output = most_output
        self.expected = expected
        self.bounds = bounds
        self.prompts = prompts
        self.measures = measures
        self.floor = FLOOR if smallest is None else min(<long long>FLOOR, <long long>smallest // 4)

    cdef bint hold(self, object table, str model, double now) except -1:
        """Whether they are still those of a request."""
        return self.table is table and self.model == model and (self.until == 0 or now < self.until)

    cpdef Admission ask(self, ObjectSpans body, double now):
        """Hold a request with this body against the limits. Who was refused is in the Admission's `refused_by`."""
        cdef Admission admission
        if body is None:
            raise TypeError("body must not be None")
        admission = self.reckon(body)
        admission.admit(now)
        return admission

    cdef Admission reckon(self, ObjectSpans body):
        cdef long long prompt = max(<Py_ssize_t>1, len(body.source) // BYTES_OF_TOKEN)
        cdef long long times = max(<long long>1, number(body, b"n"), number(body, b"best_of"))
        cdef long long bound = bounded(body, self.bounds), answer = bound, most = bound, nano = -1
        cdef Admission admission = Admission.__new__(Admission)
        if self.prompts is not None:
            times = min(times * texts(body, self.prompts), MOST)
        if self.silent:
            answer = most = 0
        elif not bound:
            answer = self.expected if self.expected else max(prompt, self.floor)
            most = UNBOUND
        if self.most_output:
            most = min(most, self.most_output)
        if not self.free and self.reserves:
            nano = self.dearest(body, prompt, min(most * min(times, MOST // max(most, 1)), MOST))
        elif not self.free:
            nano = 0
        admission.prepare(self.limits, prompt, min(answer * min(times, MOST // max(answer, 1)), MOST), nano, 1)
        return admission

    cdef long long dearest(self, ObjectSpans body, long long prompt, long long output) except -1:
        """The most that any deployment would take for so many tokens and whatever else the body asks for."""
        cdef Rates rates
        cdef Measures made = None if self.measures is None else self.measures(body.source)
        cdef Py_ssize_t i = body.find(b"service_tier")
        cdef int tier = tier_number(body.text(i)) if i >= 0 and body.kind(i) == c"s" else STANDARD
        cdef long long nano = 0
        for rates in self.rates:
            nano = max(nano, estimate(rates, prompt, output, made, tier))
        return nano
