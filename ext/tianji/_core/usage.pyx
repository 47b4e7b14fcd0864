"""What an answer says it used, read without decoding the answer.

The `usage` object of OpenAI's chat completions, completions and embeddings. The figures become money, and they come
from outside: what is not a plausible token count is left out and the whole is marked, never guessed.
"""

cimport cython

from tianji.errors import MalformedJSON

cdef object MalformedJSON_ = MalformedJSON
cdef long long MAX_TOKENS = 1LL << 53  # beyond it a double, which most programs keep numbers in, is not exact


@cython.final
@cython.freelist(32)
cdef class Usage:
    """Token counts; -1 where the answer does not say.

    suspect: a count was negative, fractional, above 2^53 or no number, or the object was not one; such a count is -1.
    """

    def __cinit__(self):
        self.prompt_tokens = self.completion_tokens = self.total_tokens = -1
        self.cached_tokens = self.reasoning_tokens = -1
        self.prompt_audio_tokens = self.completion_audio_tokens = -1

    def __init__(self):
        raise TypeError("Usage comes from read_usage()")

    def __repr__(self):
        return (
            f"Usage(prompt={self.prompt_tokens}, completion={self.completion_tokens}, total={self.total_tokens}, "
            f"cached={self.cached_tokens}, reasoning={self.reasoning_tokens}, suspect={bool(self.suspect)})"
        )

    cdef int _read(self, ObjectSpans usage, Py_ssize_t i) except -1:
        cdef ObjectSpans counts = self._object(usage, i)
        cdef ObjectSpans details
        if counts is None:
            return 0
        self.prompt_tokens = self._tokens(counts, b"prompt_tokens")
        self.completion_tokens = self._tokens(counts, b"completion_tokens")
        self.total_tokens = self._tokens(counts, b"total_tokens")
        details = self._object(counts, counts.find(b"prompt_tokens_details"))
        if details is not None:
            self.cached_tokens = self._tokens(details, b"cached_tokens")
            self.prompt_audio_tokens = self._tokens(details, b"audio_tokens")
        details = self._object(counts, counts.find(b"completion_tokens_details"))
        if details is not None:
            self.reasoning_tokens = self._tokens(details, b"reasoning_tokens")
            self.completion_audio_tokens = self._tokens(details, b"audio_tokens")
        return 0

    cdef ObjectSpans _object(self, ObjectSpans holder, Py_ssize_t i):
        # Member `i` as an object; None if it is absent or null, and also if it is unusable.
        cdef ObjectSpans found = None
        if i < 0 or holder.kind(i) == c"0":
            return None
        try:
            found = holder.child(i)
        except MalformedJSON_:  # its names repeat
            pass
        if found is None:
            self.suspect = True
        return found

    cdef long long _tokens(self, ObjectSpans counts, bytes name) except -2:
        cdef long long tokens = -1
        cdef Py_ssize_t i = counts.find(name)
        if i < 0 or counts.kind(i) == c"0":
            return -1
        if not counts.whole(i, &tokens) or not 0 <= tokens <= MAX_TOKENS:
            self.suspect = True
            return -1
        return tokens


cpdef Usage read_usage(ObjectSpans answer):
    """The usage of an answer or of a chunk of one, None if it has none.

    Looks at `usage`, and where that is absent or null at `x_groq.usage`, where Groq's streams put it
    (https://console.groq.com/docs/api-reference#chat-create).
    """
    cdef Usage usage
    cdef ObjectSpans holder = answer
    cdef Py_ssize_t i
    if answer is None:
        raise TypeError("answer must be ObjectSpans")
    i = answer.find(b"usage")
    if i < 0 or answer.kind(i) == c"0":
        i = answer.find(b"x_groq")
        if i < 0:
            return None
        try:
            holder = answer.child(i)
        except MalformedJSON_:
            return None
        if holder is None:
            return None
        i = holder.find(b"usage")
        if i < 0 or holder.kind(i) == c"0":
            return None
    usage = Usage.__new__(Usage)
    usage._read(holder, i)
    return usage
