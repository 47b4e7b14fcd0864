"""Header lists of requests and answers on the hot path."""

import cython

from tianji.protocol.headers import response_headers

cdef frozenset STEERING = frozenset(
    prefix + name
    for prefix in (b"x-tianji-", b"x-litellm-")
    for name in (
        b"timeout", b"stream-timeout", b"num-retries", b"tags", b"trail", b"keepalive-seconds",
        b"end-user-id", b"customer-id", b"session-id", b"trace-id", b"include-cost-in-streaming-usage",
    )
)
cdef frozenset CALL_ID = frozenset((b"x-tianji-call-id", b"x-litellm-call-id"))
cdef dict ANSWER_NAMES = {}     # upstream header name -> the names it goes on under
cdef int KNOWN_NAMES = 1024     # an upstream that invents names must not grow the table for ever
cdef int LONGEST_CALL_ID = 128
cdef tuple JSON_TYPE = (b"content-type", b"application/json")
cdef tuple STREAM_TYPE = (b"content-type", b"text/event-stream; charset=utf-8")
# a proxy in between must neither keep nor hold back what belongs to one client now
cdef list STREAM_HEADERS = [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]


@cython.final
cdef class ClientHeaders:
    """What a request's own headers ask of the gateway."""


cpdef ClientHeaders read_client_headers(list headers):
    """One pass over the request headers."""
    cdef ClientHeaders found = ClientHeaders.__new__(ClientHeaders)
    cdef tuple pair
    cdef bytes name
    for pair in headers:
        name = pair[0]
        if len(name) < 12 or name[0] != c"x" or name[1] != c"-":
            continue
        if name in CALL_ID:
            if usable_call_id(pair[1]):
                found.call_id = pair[1]
        elif name in STEERING:
            found.steers = True
    return found


cdef bint usable_call_id(bytes value):
    """Whether an id may be echoed and logged: printable ASCII without spaces or quotes, and not long."""
    cdef unsigned char c
    if not 0 < len(value) <= LONGEST_CALL_ID:
        return False
    for c in value:
        if c <= 0x20 or c >= 0x7F or c == c'"' or c == c"\\":
            return False
    return True


cpdef list begin_answer(bint streamed, bytes call_id, bint compat):
    """The head that every answer has; `compat` adds the names of LiteLLM. OpenAI's clients know x-request-id."""
    cdef list headers = [
        STREAM_TYPE if streamed else JSON_TYPE, (b"x-tianji-call-id", call_id), (b"x-request-id", call_id)]
    if compat:
        headers.append((b"x-litellm-call-id", call_id))
    if streamed:
        headers.extend(STREAM_HEADERS)
    return headers


cpdef str name_request(list headers, bytes call_id):
    """Return the id by which an error names its request, and have the head say it as Anthropic's clients look for it.

    That is what the upstream called the request, where it answered.
    """
    cdef tuple pair
    for pair in headers:
        if pair[0] == b"request-id":
            return (<bytes>pair[1]).decode("latin-1")
    headers.append((b"request-id", call_id))
    return call_id.decode()


cpdef int add_times(list answer, double whole, double upstream, bint compat) except -1:
    """Append how long the request took so far, and how much of that was the gateway's own. Times in seconds."""
    cdef bytes overhead = milliseconds(whole - upstream)
    answer.append((b"x-tianji-overhead-duration-ms", overhead))
    if compat:
        answer.append((b"x-litellm-overhead-duration-ms", overhead))
        answer.append((b"x-litellm-response-duration-ms", milliseconds(whole)))
    else:
        answer.append((b"x-tianji-response-duration-ms", milliseconds(whole)))
    return 0


cpdef int add_upstream_headers(list answer, list upstream) except -1:
    """Append the upstream's headers under the names clients get them by (`llm_provider-*` and a few as they are)."""
    cdef tuple pair
    cdef bytes name
    for pair in upstream:
        names = ANSWER_NAMES.get(pair[0])
        if names is None:
            names = tuple([found[0] for found in response_headers([pair])])
            if len(ANSWER_NAMES) < KNOWN_NAMES:
                ANSWER_NAMES[pair[0]] = names
        for name in <tuple>names:
            answer.append((name, pair[1]))
    return 0


cpdef bytes milliseconds(double seconds):
    """A duration as text in milliseconds with three decimals."""
    cdef char text[24]
    cdef int at = 24
    cdef int digits = 0
    cdef unsigned long long micros = <unsigned long long>(seconds * 1e6) if seconds > 0 else 0
    while micros or digits < 4:
        if digits == 3:
            at -= 1
            text[at] = c"."
        at -= 1
        text[at] = <char>(c"0" + micros % 10)
        micros //= 10
        digits += 1
    return text[at:24]
