"""On what terms a caller is let in to a model group: what his request is held against, and what it may use at most.

Tokens of a prompt are its bytes divided by four, as LiteLLM's proxy reckons; those of an answer are what the request
allows, else what its caller is known for, else as many as the prompt's, and some. Money is reckoned for more: an answer
that nobody bounds may have 16,384 tokens, or as many as the model can write.
"""

import cython

from tianji._core.limits.admission cimport Admission
from tianji._core.limits.limiter cimport LimitSet
from tianji._core.journal.meter cimport Measures, Rates, estimate
from tianji._core.bodies.spans cimport ObjectSpans

cdef enum:
    BYTES_OF_TOKEN = 4

BYTES_A_TOKEN = BYTES_OF_TOKEN
UNBOUND = 16384            # tokens of an answer that nobody bounds
FLOOR = 1024               # tokens that an answer is thought to have at least
cdef long long MOST = <long long>1 << 36  # tokens of a request


cdef long long number(ObjectSpans body, bytes name) except -1:
    # A member that is a whole number above zero, else 0: what is none is for the upstream to refuse.
    cdef long long value = 0
    cdef Py_ssize_t i = body.find(name)
    if i < 0 or not body.whole(i, &value) or value <= 0:
        return 0
    return min(value, MOST)


cpdef long long bounded(ObjectSpans body) except -1:
    """How many tokens a request allows one answer; 0 where it says nothing."""
    cdef long long value
    for name in (b"max_completion_tokens", b"max_tokens", b"max_output_tokens"):
        value = number(body, name)
        if value:
            return value
    return 0


@cython.final
cdef class Terms:
    """What a caller's requests to a model group are held against, and how it is reckoned what they may use.

    limits: LimitSet; smallest: the smallest limit of tokens a minute among them, None for none
    table, model: the Table that the group is of, and the name by which the client asked
    until: monotonic seconds when these terms are over; None: when somebody makes others
    rates: the prices of the group's deployments; free: all are known, and nothing
    most_output: tokens that the models write at most; expected: what this caller's answers have, 0: nobody knows
    silent: answers have no tokens; reserves: money is set aside, and not only looked at
    measures: what a request's body asks for besides tokens, (body) -> Measures; None: nothing
    """

    def __init__(
        self, LimitSet limits not None, *, object table, str model not None, until, tuple rates not None, bint free,
        bint silent, bint reserves, long long most_output, long long expected, smallest, object measures=None,
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
        self.most_output = min(most_output, <long long>UNBOUND)
        self.expected = expected
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
        cdef long long bound = bounded(body), answer = bound, most = bound, nano = -1
        cdef Rates rates
        cdef Measures made = None
        cdef Admission admission = Admission.__new__(Admission)
        if self.silent:
            answer = most = 0
        elif not bound:
            answer = self.expected if self.expected else max(prompt, self.floor)
            most = self.most_output
        if not self.free:
            nano = 0
            if self.reserves:
                most = min(most, self.most_output)
                if self.measures is not None:
                    made = self.measures(body.source)
                for rates in self.rates:
                    nano = max(nano, estimate(rates, prompt, min(most * times, MOST), made))
        admission.prepare(self.limits, prompt, min(answer * min(times, MOST // max(answer, 1)), MOST), nano, 1)
        return admission
