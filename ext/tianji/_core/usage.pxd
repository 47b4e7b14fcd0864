"""What an answer says it used, read without decoding the answer."""

from tianji._core.spans cimport ObjectSpans


cdef class Usage:
    # Tokens; -1 where the answer does not say.
    cdef readonly long long prompt_tokens
    cdef readonly long long completion_tokens
    cdef readonly long long total_tokens
    cdef readonly long long cached_tokens
    cdef readonly long long reasoning_tokens
    cdef readonly long long prompt_audio_tokens
    cdef readonly long long completion_audio_tokens
    cdef readonly bint suspect
    cdef int _read(self, ObjectSpans usage, Py_ssize_t i) except -1
    cdef long long _tokens(self, ObjectSpans counts, bytes name) except -2
    cdef ObjectSpans _object(self, ObjectSpans holder, Py_ssize_t i)


cpdef Usage read_usage(ObjectSpans answer)
