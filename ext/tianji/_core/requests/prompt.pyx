"""Count the tokens of a request's prompt in the request's own bytes.

No Python object is made for a message, and counting needs no GIL.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t
from libc.string cimport memset

from tianji._core.bodies.spans cimport ObjectSpans
from tianji._core.requests.tokens cimport Vocabulary

from tianji.errors import InvalidRequest

cdef extern from "Python.h":
    const Py_ssize_t PY_SSIZE_T_MAX


cdef object InvalidRequest_ = InvalidRequest

cdef enum:
    URL_BYTES = 1 << 18  # of an image's address; its size stands near the beginning


@cython.final
cdef class Prompt:
    """What was counted. Get one from `count_prompt`.

    tokens: of all text, with the overheads of messages and tools; images: of each the address (as JSON has it between
    the quotes, up to 256 KiB) and whether low detail was asked for; they are not in `tokens`. others: how many parts of
    other media there are, likewise.
    """

    def __init__(self):
        raise TypeError("a Prompt comes from count_prompt()")


cdef struct place:
    const uint8_t *value  # NULL when there is no such member
    const uint8_t *end


cdef int _find(ObjectSpans body, bytes name, char kind, place *found) except -1:
    # The value of a member; InvalidRequest unless it is of `kind` (0 for any) or absent or null.
    cdef const uint8_t *s = <const uint8_t *>PyBytes_AS_STRING(body.source)
    cdef Py_ssize_t i = body.find(name)
    found.value = found.end = NULL
    if i < 0 or body.kind(i) == c"0":
        return 0
    if kind and body.kind(i) != kind:
        raise InvalidRequest_(f"{name.decode()} must be a list", param=name.decode())
    found.value = s + body.tape.items[i].start
    found.end = s + body.tape.items[i].end
    return 0


cpdef Prompt count_prompt(ObjectSpans body, Vocabulary vocabulary, Py_ssize_t limit=PY_SSIZE_T_MAX):
    """Count `messages` (or `contents`), `prompt`, `input`, `tools` (or `functions`) and `tool_choice`.

    vocabulary: None counts bytes in the place of tokens, which gives at least as many. It stops early, with some number
    above `limit`, when there are more than that. InvalidRequest when a member that must be a list is something else.
    """
    cdef prompt counter
    cdef Prompt found
    cdef place messages, contents, text, given, tools, functions, choice
    if body is None:
        raise TypeError("body must be ObjectSpans")
    _find(body, b"messages", c"a", &messages)
    _find(body, b"contents", c"a", &contents)
    _find(body, b"prompt", 0, &text)
    _find(body, b"input", 0, &given)
    _find(body, b"tools", c"a", &tools)
    _find(body, b"functions", c"a", &functions)
    _find(body, b"tool_choice", 0, &choice)
    memset(&counter, 0, sizeof(counter))
    counter.limit = max(limit, 0)
    if vocabulary is not None:
        counter.table = vocabulary.table()
    with nogil:
        if messages.value != NULL:
            prompt_messages(&counter, messages.value, messages.end)
        if contents.value != NULL:
            prompt_messages(&counter, contents.value, contents.end)
        if text.value != NULL:
            prompt_input(&counter, text.value, text.end)
        if given.value != NULL:
            prompt_input(&counter, given.value, given.end)
        if tools.value != NULL:
            prompt_tools(&counter, tools.value, tools.end)
        if functions.value != NULL:
            prompt_tools(&counter, functions.value, functions.end)
        if choice.value != NULL:
            prompt_tool_choice(&counter, choice.value, choice.end)
    try:
        if counter.no_memory:
            raise MemoryError()
        found = Prompt.__new__(Prompt)
        found.tokens = counter.count
        found.others = counter.others
        found.images = [_image(&counter.images[i]) for i in range(counter.image_count)]
        return found
    finally:
        prompt_free(&counter)


cdef tuple _image(const prompt_image *image):
    cdef Py_ssize_t size = min(image.url_end - image.url, URL_BYTES)
    return PyBytes_FromStringAndSize(<const char *>image.url, size), image.low
