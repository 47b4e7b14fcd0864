"""Count the tokens of a request's prompt in the request's own bytes."""

from libc.stdint cimport uint8_t

from tianji._core.bodies.spans cimport ObjectSpans
from tianji._core.requests.tokens cimport Vocabulary, bpe


cdef extern from "prompt_tools.h" nogil:
    ctypedef struct prompt_image:
        const uint8_t *url
        const uint8_t *url_end
        bint low

    ctypedef struct prompt:
        const bpe *table
        size_t count
        size_t limit
        prompt_image *images
        size_t image_count
        size_t others
        bint no_memory

    void prompt_messages(prompt *counter, const uint8_t *value, const uint8_t *end) noexcept
    void prompt_input(prompt *counter, const uint8_t *value, const uint8_t *end) noexcept
    void prompt_tools(prompt *counter, const uint8_t *value, const uint8_t *end) noexcept
    void prompt_tool_choice(prompt *counter, const uint8_t *value, const uint8_t *end) noexcept
    void prompt_free(prompt *counter) noexcept


cdef class Prompt:
    # What was counted. Immutable.
    cdef readonly Py_ssize_t tokens
    cdef readonly list images
    cdef readonly Py_ssize_t others


cpdef Prompt count_prompt(ObjectSpans body, Vocabulary vocabulary, Py_ssize_t limit=*)
