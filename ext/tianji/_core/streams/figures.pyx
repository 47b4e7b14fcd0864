"""What answers of one shape say of usage: counted from their numbers, without a text that is then read."""

cimport cython

from tianji._core.bodies.spans cimport ObjectSpans
from tianji._core.streams.usage cimport MOST_TOKENS, Usage, read_counts, read_usage

cdef enum:
    MOST = 16  # numbers


cdef inline long long *counts(Usage usage) noexcept:
    return &usage.prompt_tokens  # the first of FIELDS that stand in a row


cdef object probed(tuple pieces, long long unit):
    # What is read where every number is another multiple of `unit`.
    cdef list text = []
    cdef long long number = 0
    for piece in pieces:
        if isinstance(piece, tuple):
            number += unit
            text.append(b"%d" % number)
        else:
            text.append(piece)
    return read_counts(ObjectSpans.scan(b"".join(text)))


@cython.final
cdef class Figures:
    """Tells usage from the numbers of an answer. output: what the answer is told to have used, in OpenAI's form.

    Which count is which number is seen in what is read of two outputs whose numbers are unlike all others.
    """

    def __init__(self, Template output not None):
        cdef Usage one, other
        cdef tuple pieces = output.pieces
        cdef int numbers = sum([isinstance(piece, tuple) for piece in pieces]), i, k
        self.output = output
        if numbers > MOST or any([piece is None or isinstance(piece, int) for piece in pieces]):
            return  # a text stands in it
        one, other = probed(pieces, 1_000_003), probed(pieces, 1_000_033)
        self.silent = one is None
        if self.silent or one.suspect:
            return  # such a number may be what cannot be believed
        self.first = one
        for i in range(FIELDS):
            self.numbers[i] = -1
            if counts(one)[i] == counts(other)[i]:
                continue
            k = <int>(counts(one)[i] // 1_000_003) - 1
            if not 0 <= k < numbers or counts(one)[i] != 1_000_003 * (k + 1) or counts(other)[i] != 1_000_033 * (k + 1):
                return  # it is not as it stands there
            self.numbers[i] = k
        self.counted = True

    cpdef Usage usage(self, Holed answer, long long now):
        """What an answer says, which is not silent; None where a number is not positive."""
        cdef long long[MOST] found
        cdef Usage usage
        cdef bytes text
        cdef int i
        if not self.counted or not answer.figures(self.output, now, found, MOST_TOKENS):
            text = answer.fill(self.output, now)
            return None if text is None else read_usage(ObjectSpans.scan(text))
        usage = Usage.__new__(Usage)
        for i in range(FIELDS):
            counts(usage)[i] = counts(self.first)[i] if self.numbers[i] < 0 else found[self.numbers[i]]
        usage.tier, usage.suspect = self.first.tier, self.first.suspect
        usage.reconcile()
        return usage
