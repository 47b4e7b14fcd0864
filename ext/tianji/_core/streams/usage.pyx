"""What an answer says it used, read without decoding the answer: its members were noted when the answer was checked.

The `usage` object of OpenAI's chat completions, completions, embeddings and responses, of Anthropic's messages, and
what others add to them. The figures become money, and they come from outside: what is not a plausible count is left out
and the whole is marked, never guessed.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcmp

from tianji._core.bodies.spans cimport ObjectSpans, json_member, json_tape, member_name, member_text, member_whole

from tianji.errors import MalformedJSON

cdef extern from "decimal.h":
    bint decimal_scaled(const char *p, const char *end, int scale, long long *out) noexcept

cdef extern from "usage_names.h":
    ctypedef enum usage_member:
        USAGE_PROMPT
        USAGE_INPUT
        USAGE_COMPLETION
        USAGE_OUTPUT
        USAGE_TOTAL
        USAGE_INPUT_DETAILS
        USAGE_OUTPUT_DETAILS
        USAGE_CACHED
        USAGE_CACHE_READ
        USAGE_CACHE_CREATION
        USAGE_WRITTEN
        USAGE_WRITE_TIMES
        USAGE_WRITTEN_1H
        USAGE_CACHED_DETAILS
        USAGE_AUDIO
        USAGE_IMAGE
        USAGE_VIDEO
        USAGE_REASONING
        USAGE_COST
        USAGE_COST_SUM
        USAGE_TICKS
        USAGE_TIER
        USAGE_TOOLS
        USAGE_SEARCHES
        USAGE_SECONDS
    usage_member usage_name(const char *name, Py_ssize_t size) noexcept

cdef object MalformedJSON_ = MalformedJSON
MOST_TOKENS = 1LL << 53  # beyond it a double, which most programs keep numbers in, is not exact
TIERS_BY_NUMBER = ("standard", "flex", "priority", "balanced", "ultrafast", "decisions", "batch")
cdef dict TIER_NUMBERS = {name: number for number, name in enumerate(TIERS_BY_NUMBER)}
TIER_NUMBERS["fast"] = PRIORITY


cpdef int tier_number(str name):
    """The number of a service tier by its name in requests and answers; that of the standard one for every other."""
    return TIER_NUMBERS.get(name, STANDARD)


cdef usage_member _member(bytes source, const json_member *member) except *:
    cdef const char *s = PyBytes_AS_STRING(source)
    cdef bytes name
    if member.name_escaped:
        name = member_name(s, member)
        return usage_name(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
    return usage_name(s + member.name, member.name_end - member.name)


cdef bint _same_name(bytes source, const json_member *one, const json_member *other) except -1:
    cdef const char *s = PyBytes_AS_STRING(source)
    if one.name_escaped or other.name_escaped:
        return member_name(s, one) == member_name(s, other)
    return one.name_end - one.name == other.name_end - other.name and memcmp(
        s + one.name, s + other.name, <size_t>(one.name_end - one.name)) == 0


cdef bint _more(json_tape *tape, Py_ssize_t i, int depth) noexcept:
    # Whether `i` is a member of the object whose members have this depth.
    return i < tape.count and tape.items[i].depth == depth


cdef Py_ssize_t _behind(json_tape *tape, Py_ssize_t i) noexcept:
    # The place behind member `i` and whatever lies within it.
    cdef int depth = tape.items[i].depth
    i += 1
    while i < tape.count and tape.items[i].depth > depth:
        i += 1
    return i


@cython.final
@cython.freelist(32)
cdef class Usage:
    """Token counts, -1 where the answer does not say; what the provider says it cost; the service tier.

    suspect: a count was negative, fractional, above 2^53 or no number, or the object was not one; such a count is -1.
    Or parts are larger than their whole.
    """

    def __cinit__(self):
        self.prompt_tokens = self.completion_tokens = self.total_tokens = -1
        self.cached_tokens = self.cached_audio_tokens = self.cached_image_tokens = -1
        self.written_tokens = self.written_1h_tokens = -1
        self.prompt_audio_tokens = self.prompt_image_tokens = self.prompt_video_tokens = -1
        self.reasoning_tokens = -1
        self.completion_audio_tokens = self.completion_image_tokens = self.completion_video_tokens = -1
        self.web_searches = self.milliseconds = self.reported = -1
        self.tier = UNSAID

    def __init__(self):
        raise TypeError("Usage comes from read_usage() or estimated_usage()")

    def __repr__(self):
        return (
            f"Usage(prompt={self.prompt_tokens}, completion={self.completion_tokens}, total={self.total_tokens}, "
            f"cached={self.cached_tokens}, reasoning={self.reasoning_tokens}, suspect={bool(self.suspect)})"
        )

    cpdef fill(self, long long prompt_tokens, long long completion_tokens):
        """Put the gateway's own counts where the answer gave none that can be believed; `estimated` says so."""
        if self.prompt_tokens < 0:
            self.prompt_tokens = max(0, prompt_tokens)
            self.estimated = True
        if self.completion_tokens < 0:
            self.completion_tokens = max(0, completion_tokens)
            self.estimated = True

    cpdef doubt_zeros(self):
        """Take counts of nothing as none: an upstream that counts at its end says 0 until then."""
        if self.prompt_tokens == 0:
            self.prompt_tokens = -1
        if self.completion_tokens == 0:
            self.completion_tokens = -1

    cdef int _read(self, ObjectSpans holder) except -1:
        cdef json_tape *tape = &holder.usage
        cdef Py_ssize_t i = 0, first
        cdef int depth = 0 if tape.count == 0 else tape.items[0].depth
        cdef usage_member member
        cdef long long input_tokens = -1, output_tokens = -1, read = -1, created = -1
        if self._repeats(holder.source, tape, 0, depth):
            self.suspect = True
            return 0
        while _more(tape, i, depth):
            member = _member(holder.source, &tape.items[i])
            if member == USAGE_PROMPT:
                self.prompt_tokens = self._tokens(holder, i)
            elif member == USAGE_COMPLETION:
                self.completion_tokens = self._tokens(holder, i)
            elif member == USAGE_TOTAL:
                self.total_tokens = self._tokens(holder, i)
            elif member == USAGE_INPUT_DETAILS or member == USAGE_WRITE_TIMES or member == USAGE_TOOLS:
                first = self._object(holder, i)
                if first >= 0:
                    self._read_input(holder, first, depth + 1)
            elif member == USAGE_OUTPUT_DETAILS:
                first = self._object(holder, i)
                if first >= 0:
                    self._read_output(holder, first, depth + 1)
            elif member == USAGE_INPUT:
                input_tokens = self._tokens(holder, i)
            elif member == USAGE_OUTPUT:
                output_tokens = self._tokens(holder, i)
            elif member == USAGE_CACHE_READ:
                read = self._tokens(holder, i)
            elif member == USAGE_CACHE_CREATION:
                created = self._tokens(holder, i)
            elif member == USAGE_CACHED and self.cached_tokens < 0:
                self.cached_tokens = self._tokens(holder, i)
            elif member == USAGE_TIER:
                self._note_tier(holder.source, &tape.items[i])
            elif member == USAGE_COST:
                self._read_cost(holder, i, depth + 1)
            elif member == USAGE_TICKS:  # ten thousand million are a dollar: https://docs.x.ai/docs/key-information
                self.reported = self._scaled(holder, i, 2)
            elif member == USAGE_SECONDS:
                self.milliseconds = self._scaled(holder, i, 3)
            i = _behind(tape, i)
        if self.cached_tokens < 0:
            self.cached_tokens = read
        if self.written_tokens < 0:
            self.written_tokens = created
        if self.prompt_tokens < 0 and input_tokens >= 0:
            self.prompt_tokens = input_tokens
            # Anthropic counts what its cache took beside the input, everybody else inside:
            # https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching
            if read >= 0 or created >= 0:
                self.prompt_tokens += max(0, read) + max(0, created)
        if self.completion_tokens < 0:
            self.completion_tokens = output_tokens
        if self.prompt_tokens < 0 and self.completion_tokens < 0:
            self.prompt_tokens = self.total_tokens  # embeddings: https://docs.voyageai.com/reference/embeddings-api
        return 0

    cdef int _read_input(self, ObjectSpans holder, Py_ssize_t i, int depth) except -1:
        # Parts of the prompt; also those of the parts, and tools.
        cdef json_tape *tape = &holder.usage
        cdef Py_ssize_t first
        cdef usage_member member
        while _more(tape, i, depth):
            member = _member(holder.source, &tape.items[i])
            if member == USAGE_CACHED:
                self.cached_tokens = self._tokens(holder, i)
            elif member == USAGE_AUDIO:
                self.prompt_audio_tokens = self._tokens(holder, i)
            elif member == USAGE_IMAGE:
                self.prompt_image_tokens = self._tokens(holder, i)
            elif member == USAGE_VIDEO:
                self.prompt_video_tokens = self._tokens(holder, i)
            elif member == USAGE_WRITTEN:
                self.written_tokens = self._tokens(holder, i)
            elif member == USAGE_WRITTEN_1H:
                self.written_1h_tokens = self._tokens(holder, i)
            elif member == USAGE_SEARCHES:
                self.web_searches = self._tokens(holder, i)
            elif member == USAGE_WRITE_TIMES:
                first = self._object(holder, i)
                if first >= 0:
                    self._read_input(holder, first, depth + 1)
            elif member == USAGE_CACHED_DETAILS:
                first = self._object(holder, i)
                if first >= 0:
                    self._read_cached(holder, first, depth + 1)
            i = _behind(tape, i)
        return 0

    cdef int _read_output(self, ObjectSpans holder, Py_ssize_t i, int depth) except -1:
        cdef json_tape *tape = &holder.usage
        cdef usage_member member
        while _more(tape, i, depth):
            member = _member(holder.source, &tape.items[i])
            if member == USAGE_REASONING:
                self.reasoning_tokens = self._tokens(holder, i)
            elif member == USAGE_AUDIO:
                self.completion_audio_tokens = self._tokens(holder, i)
            elif member == USAGE_IMAGE:
                self.completion_image_tokens = self._tokens(holder, i)
            elif member == USAGE_VIDEO:
                self.completion_video_tokens = self._tokens(holder, i)
            i = _behind(tape, i)
        return 0

    cdef int _read_cached(self, ObjectSpans holder, Py_ssize_t i, int depth) except -1:
        cdef json_tape *tape = &holder.usage
        cdef usage_member member
        while _more(tape, i, depth):
            member = _member(holder.source, &tape.items[i])
            if member == USAGE_AUDIO:
                self.cached_audio_tokens = self._tokens(holder, i)
            elif member == USAGE_IMAGE:
                self.cached_image_tokens = self._tokens(holder, i)
            i = _behind(tape, i)
        return 0

    cdef int _read_cost(self, ObjectSpans holder, Py_ssize_t i, int depth) except -1:
        # A number of dollars (OpenRouter), or an object with the sum of several (Perplexity).
        cdef json_tape *tape = &holder.usage
        if tape.items[i].kind != c"o":
            self.reported = self._scaled(holder, i, 12)
            return 0
        i = self._object(holder, i)
        while i >= 0 and _more(tape, i, depth):
            if _member(holder.source, &tape.items[i]) == USAGE_COST_SUM:
                self.reported = self._scaled(holder, i, 12)
            i = _behind(tape, i)
        return 0

    cdef int reconcile(self) noexcept:
        """Put counts right that others tell more of, and mark what cannot be."""
        cdef long long parts
        # xAI counts reasoning beside the completion; the sum shows it: https://docs.x.ai/docs/guides/reasoning
        if self.reasoning_tokens > 0 and self.prompt_tokens >= 0 and self.completion_tokens >= 0:
            if self.total_tokens == self.prompt_tokens + self.completion_tokens + self.reasoning_tokens:
                self.completion_tokens += self.reasoning_tokens
        parts = max(0, self.cached_tokens) + max(0, self.written_tokens)
        if parts and self.prompt_tokens >= 0 and parts > self.prompt_tokens:
            self.suspect = True
        if self.completion_tokens >= 0 and self.reasoning_tokens > self.completion_tokens:
            self.suspect = True
        return 0

    cdef int _note_tier(self, bytes source, const json_member *member) except -1:
        if member.kind == c"s":
            try:
                self.tier = tier_number(member_text(source, member))
            except MalformedJSON_:  # half a surrogate pair
                pass
        return 0

    cdef bint _repeats(self, bytes source, json_tape *tape, Py_ssize_t i, int depth) except -1:
        # Whether a member that is read stands twice: nobody knows which of them counts. Some have several names.
        cdef Py_ssize_t first = i, other
        cdef unsigned long long seen = 0, bit
        while _more(tape, i, depth):
            bit = 1ULL << <int>_member(source, &tape.items[i])
            if bit & seen:
                other = first
                while other < i:
                    if _same_name(source, &tape.items[other], &tape.items[i]):
                        return True
                    other = _behind(tape, other)
            seen |= bit & ~1ULL  # whatever else there is
            i = _behind(tape, i)
        return False

    cdef Py_ssize_t _object(self, ObjectSpans holder, Py_ssize_t i) except -2:
        # Where the members of the object `i` begin; -1 if it is null, and also if it is unusable.
        cdef json_member *member = &holder.usage.items[i]
        if member.kind == c"0":
            return -1
        if member.kind != c"o" or self._repeats(holder.source, &holder.usage, i + 1, member.depth + 1):
            self.suspect = True
            return -1
        return i + 1

    cdef long long _tokens(self, ObjectSpans holder, Py_ssize_t i) except -2:
        cdef json_member *member = &holder.usage.items[i]
        cdef long long tokens = -1
        if member.kind == c"0":
            return -1
        if not member_whole(PyBytes_AS_STRING(holder.source), member, &tokens) or not 0 <= tokens <= MOST_TOKENS:
            self.suspect = True
            return -1
        return tokens

    cdef long long _scaled(self, ObjectSpans holder, Py_ssize_t i, int scale) except -2:
        # A number of 0 or more, in units of 10^-scale.
        cdef json_member *member = &holder.usage.items[i]
        cdef const char *s = PyBytes_AS_STRING(holder.source)
        cdef long long found = -1
        if member.kind == c"0":
            return -1
        if member.kind != c"n" or not decimal_scaled(s + member.start, s + member.end, scale, &found):
            self.suspect = True
            return -1
        return found


cpdef Usage read_usage(ObjectSpans answer):
    """The usage of an answer or of a chunk of one, None if it has none.

    Looks at `usage`, and where that is absent or null at `x_groq.usage`, where Groq's streams put it
    (https://console.groq.com/docs/api-reference#chat-create). The service tier may also stand beside it.
    """
    cdef Usage usage = read_counts(answer)
    if usage is not None:
        usage.reconcile()
    return usage


cdef Usage read_counts(ObjectSpans answer):
    """The same as it stands there."""
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
    if holder.kind(i) == c"o" and not holder.tape.items[i].name_escaped:
        usage._read(holder)
    else:
        usage.suspect = True
    i = answer.find(b"service_tier")
    if i >= 0 and usage.tier == UNSAID:
        usage._note_tier(answer.source, &answer.tape.items[i])
    return usage


cpdef Usage estimated_usage(long long prompt_tokens, long long completion_tokens):
    """The usage of an answer that said nothing, by the gateway's own counts."""
    cdef Usage usage = Usage.__new__(Usage)
    usage.fill(prompt_tokens, completion_tokens)
    return usage
