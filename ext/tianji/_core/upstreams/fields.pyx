"""Header fields of HTTP/1.1 out of bytes, for requests and answers alike.

The lines are read by ext/include/http_fields.h. Here the usual names are given out as shared objects, so that a head
costs no allocation and no lower-casing for them.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.ref cimport PyObject
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

cdef extern from "http_fields.h":
    enum:
        HTTP_SHORT
        HTTP_FOLDED
        HTTP_BAD_NAME
        HTTP_BAD_VALUE
        HTTP_BARE_LINE

# names of requests that steer nothing but what an edge itself looks at: exchanges do not note them
cdef tuple PLAIN = (
    b"accept", b"accept-encoding", b"accept-language", b"connection", b"content-encoding",
    b"content-length", b"content-type", b"date", b"expect", b"host", b"keep-alive", b"origin", b"pragma", b"priority",
    b"referer", b"sec-fetch-dest", b"sec-fetch-mode", b"sec-fetch-site", b"te", b"transfer-encoding", b"upgrade",
    b"user-agent", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip", b"x-stainless-arch",
    b"x-stainless-async", b"x-stainless-lang", b"x-stainless-os", b"x-stainless-package-version",
    b"x-stainless-raw-response", b"x-stainless-read-timeout", b"x-stainless-retry-count", b"x-stainless-runtime",
    b"x-stainless-runtime-version",
)
# what else clients and providers send; any other name works too and costs a new object
cdef tuple USUAL = (
    b"access-control-request-headers", b"access-control-request-method", b"age", b"alt-svc", b"anthropic-beta",
    b"anthropic-organization-id", b"anthropic-version", b"api-key", b"authorization", b"cache-control",
    b"cf-cache-status", b"cf-ray",
    b"content-security-policy", b"cookie", b"etag", b"forwarded", b"idempotency-key", b"last-modified", b"openai-beta",
    b"openai-organization", b"openai-processing-ms", b"openai-project", b"openai-version", b"retry-after", b"server",
    b"set-cookie", b"strict-transport-security", b"traceparent", b"tracestate", b"vary", b"via", b"x-api-key",
    b"x-content-type-options", b"x-envoy-upstream-service-time", b"x-goog-api-key", b"x-ratelimit-limit-requests",
    b"x-ratelimit-limit-tokens", b"x-ratelimit-remaining-requests", b"x-ratelimit-remaining-tokens",
    b"x-ratelimit-reset-requests", b"x-ratelimit-reset-tokens", b"x-request-id", b"x-should-retry",
)
cdef enum:
    SLOTS = 512  # a power of two, and several times the names: a search ends soon
cdef PyObject* KNOWN[SLOTS]
cdef bint IS_PLAIN[SLOTS]

cdef tuple FAULTS = (
    (HTTP_SHORT, "the header section is incomplete"),
    (HTTP_FOLDED, "a header line begins with white space"),
    (HTTP_BAD_NAME, "a header name is malformed"),
    (HTTP_BAD_VALUE, "a header value holds a control character"),
    (HTTP_BARE_LINE, "a line does not end in CR LF"),
)


cdef inline unsigned int slot_of(const char* name, Py_ssize_t size) noexcept:
    # alike for upper and lower case; a name has at least one byte
    return (
        <unsigned int>size * 37 + <unsigned int>(name[0] | 0x20) * 5 + <unsigned int>(name[size - 1] | 0x20) * 17
        + <unsigned int>(name[size // 2] | 0x20) * 101
    ) & (SLOTS - 1)


cdef bint same_text(const char* lower, const char* text, Py_ssize_t size) noexcept:
    # `lower`: text without capitals
    cdef Py_ssize_t i
    for i in range(size):
        if text[i] != lower[i] and not (c"A" <= text[i] <= c"Z" and text[i] + 32 == lower[i]):
            return False
    return True


cdef inline bint same_name(const char* known, const char* name, Py_ssize_t size) noexcept:
    # `known` is of small letters, digits and dashes, `name` a token: then no other byte of it has their bits
    cdef uint64_t mine, theirs
    cdef Py_ssize_t at = 0
    while at + 8 <= size:
        memcpy(&mine, known + at, 8)
        memcpy(&theirs, name + at, 8)
        if mine != theirs | 0x2020202020202020ULL:
            return False
        at += 8
    while at < size:
        if known[at] != name[at] | 0x20:
            return False
        at += 1
    return True


cdef void learn(bytes name, bint plain) noexcept:
    cdef unsigned int slot = slot_of(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
    while KNOWN[slot] is not NULL:
        slot = (slot + 1) & (SLOTS - 1)
    KNOWN[slot] = <PyObject*>name  # its tuple keeps it alive
    IS_PLAIN[slot] = plain


cdef int learn_all() except -1:
    for name in PLAIN:
        learn(name, True)
    for name in USUAL:
        learn(name, False)
    return 0


learn_all()


cdef int find_name(const char* name, Py_ssize_t size) noexcept:
    cdef unsigned int slot = slot_of(name, size)
    cdef bytes found
    while KNOWN[slot] is not NULL:
        found = <bytes>KNOWN[slot]
        if PyBytes_GET_SIZE(found) == size and same_name(PyBytes_AS_STRING(found), name, size):
            return <int>slot
        slot = (slot + 1) & (SLOTS - 1)
    return -1


cdef bytes known_name(int slot):
    return <bytes>KNOWN[slot]


cdef bint is_plain(int slot) noexcept:
    return IS_PLAIN[slot]


cdef bytes field_name(const char* name, Py_ssize_t size):
    cdef int slot = find_name(name, size)
    cdef bytes made
    cdef char* target
    cdef Py_ssize_t i
    if slot >= 0:
        return <bytes>KNOWN[slot]
    made = PyBytes_FromStringAndSize(NULL, size)
    target = PyBytes_AS_STRING(made)
    for i in range(size):
        target[i] = name[i] + 32 if c"A" <= name[i] <= c"Z" else name[i]
    return made


cdef str line_fault(int line):
    for number, text in FAULTS:
        if number == line:
            return text
    raise ValueError(f"{line} is no fault of a line")


cdef long long length_of(const char* digits, Py_ssize_t size) noexcept:
    # RFC 9110 section 8.6: digits and nothing else. No message is as long as 10^18 bytes
    cdef long long length = 0
    cdef Py_ssize_t i
    if not 0 < size <= 18:
        return -1
    for i in range(size):
        if not c"0" <= digits[i] <= c"9":
            return -1
        length = length * 10 + (digits[i] - c"0")
    return length


cdef bint has_token(const char* value, Py_ssize_t size, const char* token, Py_ssize_t length) noexcept:
    # whether a comma-separated list (RFC 9110 section 5.6.1) has `token`, given in lower case
    cdef Py_ssize_t start = 0, end, last
    while start < size:
        end = start
        while end < size and value[end] != c",":
            end += 1
        last = end
        while start < last and (value[start] == c" " or value[start] == c"\t"):
            start += 1
        while last > start and (value[last - 1] == c" " or value[last - 1] == c"\t"):
            last -= 1
        if last - start == length and same_text(token, value + start, length):
            return True
        start = end + 1
    return False


cdef bint is_host(const char* at, const char* end) noexcept:
    # RFC 3986 sections 3.2.2 and 3.2.3: a name, an IPv4 address or an IPv6 address in brackets, and perhaps a port.
    # Of what a name might hold by the letter, only what names do hold: no delimiters
    if at < end and at[0] == c"[":
        at += 1
        while at < end and (is_hex(at[0]) or at[0] == c":" or at[0] == c"."):
            at += 1
        if at == end or at[0] != c"]":
            return False
        at += 1
    else:
        while at < end and at[0] != c":":
            if at[0] == c"%":
                if end - at < 3 or not is_hex(at[1]) or not is_hex(at[2]):
                    return False
            elif not (c"a" <= at[0] <= c"z" or c"0" <= at[0] <= c"9" or c"A" <= at[0] <= c"Z" or at[0] in b"-._~"):
                return False
            at += 1
    if at == end:
        return True
    if at[0] != c":":
        return False
    at += 1
    while at < end and c"0" <= at[0] <= c"9":
        at += 1
    return at == end


cdef inline bint is_hex(char c) noexcept:
    return c"0" <= c <= c"9" or c"a" <= c <= c"f" or c"A" <= c <= c"F"
