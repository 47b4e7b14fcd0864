"""Where the requests of one pass-through path go, and which headers go along, there and back.

What means something on one connection only (RFC 9110 section 7.6.1) stays where it is, and so does whatever says who
calls the gateway.
"""

import cython

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_RawFree
from libc.string cimport memcmp

from tianji._core.edges.exchange cimport Exchange
from tianji._core.upstreams.fields cimport HTTP_FIELD, field_name, http_field, http_next_field, length_of
from tianji._core.edges.native cimport NativeExchange
from tianji._core.upstreams.parcel cimport Parcel
from tianji._core.edges.wire cimport JOINED

from tianji.errors import AuthenticationFailed
from tianji.protocol.headers import DROPPED as _DROPPED

cdef extern from "http_write.h":
    int http_text_add(http_text* text, const char* data, Py_ssize_t size) except -1
    int http_text_number(http_text* text, unsigned long long number, unsigned base) except -1

cdef object AuthenticationFailed_ = AuthenticationFailed
cdef enum:
    REMEMBERED = 1024      # paths, models and names of headers of a way: clients choose them
    KEPT_ROOM = 64 * 1024  # bytes; a larger head is rare, and its memory is given back
cdef object GOES = True, STAYS = False, JUDGED = "by its value"  # of a header, by its name
cdef frozenset NONE = frozenset()
# written for each connection, or for each request, by the gateway itself
cdef frozenset OWN = frozenset((
    b"accept-encoding", b"connection", b"content-length", b"expect", b"host", b"keep-alive", b"proxy-authenticate",
    b"proxy-authorization", b"proxy-connection", b"sec-websocket-extensions", b"sec-websocket-key",
    b"sec-websocket-protocol", b"sec-websocket-version", b"te", b"trailer", b"transfer-encoding", b"upgrade",
))
# where a key of the gateway's may stand, and nobody else's
cdef frozenset GATEWAY_KEYS = frozenset((b"x-litellm-api-key", b"x-tianji-api-key"))
# where a key may be the gateway's, or a vendor's
cdef frozenset KEYS = frozenset((
    b"authorization", b"api-key", b"x-api-key", b"x-goog-api-key", b"ocp-apim-subscription-key", b"xi-api-key",
))
# what says who it is that calls, and by which way
cdef frozenset IDENTITY = frozenset((
    b"cookie", b"forwarded", b"litellm_user_api_key", b"via", b"x-forwarded-for", b"x-forwarded-host",
    b"x-forwarded-proto", b"x-real-ip",
))
cdef tuple OURS = (b"x-litellm-", b"x-tianji-")
cdef bytes PASS = b"x-pass-"
cdef bytes AWS = b"x-amz-"
cdef frozenset ANSWER_DROPS = _DROPPED - {b"content-type", b"content-encoding", b"location"}
cdef frozenset BODILESS = frozenset(("GET", "HEAD", "DELETE", "OPTIONS"))


cdef inline bint is_special(bytes name) noexcept:
    # Whether a name is one of those that the gateway, or a vendor, made up: calling a method of bytes is dearer.
    return PyBytes_GET_SIZE(name) > 2 and PyBytes_AS_STRING(name)[0] == c"x" and PyBytes_AS_STRING(name)[1] == c"-"


cdef inline int add(http_text* text, bytes piece) except -1:
    return http_text_add(text, PyBytes_AS_STRING(piece), PyBytes_GET_SIZE(piece))


@cython.final
cdef class Lane:
    """Where the requests of one path go.

    target: the path at the upstream, encoded; fields: header lines with their ends; see lane.pxd for the others.
    """

    def __init__(
        self, *, Origin origin not None, bytes target not None, list headers not None, str model=None,
        object form=None, object sign=None, object awaits=None, str lacks=None, object asked=None,
    ):
        self.origin = origin
        self.target = target
        self.fields = b"".join([b"%b: %b\r\n" % pair for pair in headers])
        self.sets = frozenset([name for name, _ in headers])
        self.model = model
        self.form = form
        self.sign = sign
        self.awaits = awaits
        self.lacks = lacks
        self.asked = asked


@cython.final
cdef class Filter:
    """Which headers of clients go on, and what of their queries.

    takes: names in lower case; None for all but `drops`. known: Callable[[bytes], bool], whether a value is a key of
    the gateway's: what stands where keys stand and is none goes on; without it nothing that stands there does.
    """

    def __init__(self, *, frozenset takes=None, frozenset drops not None=NONE, object known=None):
        self.takes = takes
        self.drops = drops
        self.known = known
        self.verdicts = {}

    def __dealloc__(self):
        self.free()

    cdef void free(self) noexcept:
        PyMem_RawFree(self.text.data)
        self.text.data = NULL
        self.text.size = self.text.room = 0

    cdef object request(self, Lane lane, Exchange exchange, list headers, bytes query):
        """The request that goes on, with these headers in place of its own if there are any, as Pool.send() takes it.

        Raises AuthenticationFailed without credentials.
        """
        cdef bytes head = self.head(lane, exchange, headers, query, exchange.size), body
        if lane.sign is not None:
            target = lane.target + b"?" + query if query else lane.target
            body = exchange.body if exchange.spool is None else exchange.read(0, exchange.size)
            signature = lane.sign(exchange.method, target, body, (<object>exchange).header)
            head += b"".join([b"%b: %b\r\n" % pair for pair in signature])
        if exchange.spool is not None:
            return Parcel([head, b"\r\n", exchange.extent(0, exchange.size)])
        parts = [head, b"\r\n", exchange.body]
        return parts if PyBytes_GET_SIZE(exchange.body) > JOINED else b"".join(parts)

    cdef bytes head(self, Lane lane, Exchange exchange, list headers, bytes query, Py_ssize_t size):
        """The head of a request with a body of `size` bytes, without the signature and the blank line."""
        cdef http_text* text = &self.text
        cdef Py_ssize_t begin
        cdef bytes head
        text.size = 0
        add(text, exchange.method.encode())
        http_text_add(text, b" ", 1)
        add(text, lane.target)
        if query:
            http_text_add(text, b"?", 1)
            add(text, query)
        http_text_add(text, b" HTTP/1.1\r\n", 11)
        add(text, lane.fields)
        begin = text.size
        if headers is not None or type(exchange) is not NativeExchange or not self._copy(
                lane, (<NativeExchange>exchange).lines):
            text.size = begin
            self._write(lane, exchange.headers if headers is None else headers)
        if size or exchange.method not in BODILESS:
            http_text_add(text, b"content-length: ", 16)
            http_text_number(text, <unsigned long long>size, 10)
            http_text_add(text, b"\r\n", 2)
        head = text.data[:text.size]
        if text.room > KEPT_ROOM:
            self.free()
        return head

    cdef bint _copy(self, Lane lane, bytes lines) except -1:
        # Write the headers that go on, out of the lines as they came: no objects are made of their values. False where
        # one of them has to be looked at; what was written does not count then.
        cdef const char* at = PyBytes_AS_STRING(lines)
        cdef const char* end = at + PyBytes_GET_SIZE(lines)
        cdef http_text* text = &self.text
        cdef http_field field
        cdef bytes name
        if lane.lacks is not None:
            return False
        while http_next_field(&at, end, &field) == HTTP_FIELD:
            name = field_name(field.name, field.name_size)
            verdict = self.verdicts.get(name)
            if verdict is None:
                verdict = self._verdict(name)
            if verdict is GOES:
                if name not in lane.sets:
                    add(text, name)
                    http_text_add(text, b": ", 2)
                    http_text_add(text, field.value, field.value_size)
                    http_text_add(text, b"\r\n", 2)
            elif verdict is JUDGED and not (
                    name == b"connection" and field.value_size == 10 and memcmp(field.value, b"keep-alive", 10) == 0):
                return False
        return True

    cdef int _write(self, Lane lane, list headers) except -1:
        cdef http_text* text = &self.text
        cdef list going = self._usual(lane, headers)
        cdef tuple pair
        if going is None:
            going = self._judged(lane, headers)
        for pair in going:
            add(text, <bytes>pair[0])
            http_text_add(text, b": ", 2)
            add(text, <bytes>pair[1])
            http_text_add(text, b"\r\n", 2)
        return 0

    cdef list _usual(self, Lane lane, list headers):
        # The headers that go on; None where one of them says something of others, or its value has to be looked at.
        cdef list going = []
        cdef tuple pair
        cdef bytes name
        if lane.lacks is not None:
            return None
        for pair in headers:
            name = pair[0]
            verdict = self.verdicts.get(name)
            if verdict is None:
                verdict = self._verdict(name)
            if verdict is JUDGED:
                if name != b"connection" or pair[1] != b"keep-alive":
                    return None
            elif verdict is GOES and name not in lane.sets:
                going.append(pair)
        return going

    cdef object _verdict(self, bytes name):
        # What is known of a header by its name, whatever the path; names are the clients', so few are remembered.
        if name == b"connection" or (name in KEYS and self.known is not None) or (
                is_special(name) and (name.startswith(PASS) or name.startswith(AWS))):
            verdict = JUDGED
        else:
            verdict = GOES if self._goes_on(None, name, b"", None) else STAYS
        if len(self.verdicts) >= REMEMBERED:
            self.verdicts.clear()
        self.verdicts[name] = verdict
        return verdict

    cdef list _judged(self, Lane lane, list headers):
        # The headers that go on, each looked at for itself. Raises AuthenticationFailed without credentials.
        cdef frozenset apart = lane.sets  # names that do not go on as they came
        cdef bytes presented = None
        cdef list going = []
        cdef tuple pair
        cdef bytes name
        for pair in headers:
            name = pair[0]
            if name == b"connection":
                apart = apart | options_in(pair[1])
            elif not is_special(name):
                continue
            elif name in GATEWAY_KEYS:
                presented = presented or pair[1]
            elif name.startswith(PASS):
                apart = apart | {name[7:]}
        if lane.lacks is not None and not presented:
            raise AuthenticationFailed_(lane.lacks)
        for pair in headers:
            name = pair[0]
            if is_special(name) and name.startswith(PASS):
                name = name[7:]
                if not name or name in KEYS or name.startswith(AWS) or name in OWN or name in GATEWAY_KEYS or (
                        name in lane.sets):
                    continue
                going.append((name, pair[1]))
            elif name not in apart and self._goes_on(lane, name, pair[1], presented):
                going.append(pair)
        return going

    cdef bint _goes_on(self, Lane lane, bytes name, bytes value, bytes presented) except -1:
        # `lane`: None for one that has credentials, and does not sign
        if name in KEYS:  # the client's own, for the upstream, and wanted there
            return presented not in value if lane is not None and lane.lacks is not None else (
                self.known is not None and not self.known(value))
        if name in OWN or name in GATEWAY_KEYS:
            return False
        if self.takes is not None and name not in self.takes:
            return False
        if name in IDENTITY or name in self.drops:
            return False
        if not is_special(name):
            return True
        if name.startswith(OURS):
            return False
        return lane is None or lane.sign is None or not name.startswith(AWS)


@cython.final
cdef class Way:
    """What holds for all paths that lead to one upstream; see lane.pxd for what it is given."""

    def __init__(
        self, *, Group group not None, Filter filter not None, Timeouts timeouts not None, object find not None,
        object price not None, object wishes not None, Rates flat=None, object query=None, object grant=None,
        object confine=None, object entry=None,
    ):
        if len(group.deployments) != 1:
            raise ValueError("a way leads to one deployment")
        self.group = group
        self.deployment = group.deployments[0]
        self.filter = filter
        self.timeouts = timeouts
        self.find = find
        self.price = price
        self.wishes = wishes
        self.flat = flat
        self.query = query
        self.grant = grant
        self.confine = confine
        self.entry = entry
        self.lanes = {}
        self.prices = {}

    cdef Lane lane(self, bytes raw):
        """Where a path leads, as it was sent. Raises what is wrong with it."""
        found = self.lanes.get(raw)
        if found is None:
            found = self.find(raw)
            if len(self.lanes) >= REMEMBERED:
                self.lanes.clear()
            self.lanes[raw] = found
        return <Lane?>found

    cdef tuple priced(self, str model):
        """How a model is resolved here, and its prices."""
        found = self.prices.get(model)
        if found is None:
            found = self.price(model)
            if len(self.prices) >= REMEMBERED:
                self.prices.clear()
            self.prices[model] = found
        return <tuple?>found


cdef frozenset options_in(bytes value):
    # The names that a `connection` header says belong to that connection alone.
    return frozenset([option.strip().lower() for option in value.split(b",")])


cdef list handed_on(list headers):
    """What the client is to get of the upstream's headers, under the names that they have."""
    cdef list found = []
    cdef tuple pair
    cdef frozenset gone = ANSWER_DROPS
    for pair in headers:
        if pair[0] == b"connection":
            gone = gone | options_in(pair[1])
    for pair in headers:
        if pair[0] not in gone:
            found.append(pair)
    return found


cdef long long length_in(list headers) except -2:
    """The length that an answer says it has; -1 where it says none."""
    cdef tuple pair
    for pair in headers:
        if pair[0] == b"content-length":
            return length_of(PyBytes_AS_STRING(<bytes>pair[1]), PyBytes_GET_SIZE(<bytes>pair[1]))
    return -1
