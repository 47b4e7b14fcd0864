"""Header fields of HTTP/1.1 out of bytes, for requests and answers alike."""

cdef extern from "http_fields.h":
    enum:
        HTTP_TOKEN
        HTTP_TARGET
        HTTP_VALUE
        HTTP_FIELD
        HTTP_LAST
    ctypedef struct http_field:
        const char* name
        const char* value
        Py_ssize_t name_size
        Py_ssize_t value_size
    int http_next_field(const char** at, const char* end, http_field* field) noexcept
    Py_ssize_t http_head_end(const char* data, Py_ssize_t size, Py_ssize_t* seen) noexcept
    const char* http_span(const char* at, const char* end, int kind) noexcept

cdef extern from "http_chunks.h":
    enum:
        CHUNKS_MORE
        CHUNKS_DATA
        CHUNKS_END
        CHUNKS_FAULT
    ctypedef struct http_chunks:
        pass
    void http_chunks_start(http_chunks* chunks) noexcept
    int http_chunks_next(
        http_chunks* chunks, const char** at, const char* end, const char** data, Py_ssize_t* size) noexcept


cdef tuple PLAIN   # names that an exchange does not note

cdef int find_name(const char* name, Py_ssize_t size) noexcept   # for the next two, or -1: not one of the usual names
cdef bytes known_name(int slot)
cdef bint is_plain(int slot) noexcept
cdef bytes field_name(const char* name, Py_ssize_t size)   # in lower case
cdef str line_fault(int line)                              # what http_next_field found wrong
cdef long long length_of(const char* digits, Py_ssize_t size) noexcept  # of a content-length; -1: not one
cdef bint same_text(const char* lower, const char* text, Py_ssize_t size) noexcept  # letters in any case
cdef bint is_host(const char* at, const char* end) noexcept
cdef bint has_token(const char* value, Py_ssize_t size, const char* token, Py_ssize_t length) noexcept
