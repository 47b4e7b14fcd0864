"""What an answer says it used, read without decoding the answer."""

from tianji._core.bodies.spans cimport ObjectSpans, json_member, json_tape


cdef enum Tier:  # what a provider gave a request: the price goes by it
    UNSAID = -1
    STANDARD
    FLEX
    PRIORITY
    BALANCED
    ULTRAFAST
    DECISIONS
    BATCH
    TIERS  # how many there are


cdef long long MOST_TOKENS  # that one count may be


cdef class Usage:
    # Tokens; -1 where the answer does not say. The whole includes its parts: cached ones the prompt's, reasoning ones
    # the completion's, and so on. `figures` counts on it that they stand in a row.
    cdef readonly long long prompt_tokens
    cdef readonly long long completion_tokens
    cdef readonly long long total_tokens
    cdef readonly long long cached_tokens
    cdef readonly long long cached_audio_tokens
    cdef readonly long long cached_image_tokens
    cdef readonly long long written_tokens           # put into the provider's cache
    cdef readonly long long written_1h_tokens        # of these: kept for an hour
    cdef readonly long long prompt_audio_tokens
    cdef readonly long long prompt_image_tokens
    cdef readonly long long prompt_video_tokens
    cdef readonly long long reasoning_tokens
    cdef readonly long long completion_audio_tokens
    cdef readonly long long completion_image_tokens
    cdef readonly long long completion_video_tokens
    cdef readonly long long web_searches
    cdef readonly long long milliseconds             # of audio, where that is what is billed; -1
    cdef readonly long long reported                 # pico-dollars that the provider says it cost; -1
    cdef readonly int tier                           # one of Tier
    cdef readonly bint suspect
    cdef readonly bint estimated                     # a count is the gateway's own
    cdef int _read(self, ObjectSpans holder) except -1
    cdef int _read_input(self, ObjectSpans holder, Py_ssize_t i, int depth) except -1
    cdef int _read_output(self, ObjectSpans holder, Py_ssize_t i, int depth) except -1
    cdef int _read_cached(self, ObjectSpans holder, Py_ssize_t i, int depth) except -1
    cdef int _read_cost(self, ObjectSpans holder, Py_ssize_t i, int depth) except -1
    cdef int reconcile(self) noexcept
    cdef int _note_tier(self, bytes source, const json_member *member) except -1
    cdef bint _repeats(self, bytes source, json_tape *tape, Py_ssize_t i, int depth) except -1
    cdef Py_ssize_t _object(self, ObjectSpans holder, Py_ssize_t i) except -2
    cdef long long _tokens(self, ObjectSpans holder, Py_ssize_t i) except -2
    cdef long long _scaled(self, ObjectSpans holder, Py_ssize_t i, int scale) except -2
    cpdef fill(self, long long prompt_tokens, long long completion_tokens)
    cpdef doubt_zeros(self)


cpdef int tier_number(str name)
cpdef Usage read_usage(ObjectSpans answer)
cdef Usage read_counts(ObjectSpans answer)
cpdef Usage estimated_usage(long long prompt_tokens, long long completion_tokens)
