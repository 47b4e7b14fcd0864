"""From a client's body to the upstream's: byte edits by a plan.

What a plan does not name is copied byte for byte, unknown members included. Only a plan with `adapt` may have the
body decoded and encoded again, and only when a member that needs it is there.
"""

import cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memchr, memcmp, memcpy

import msgspec

from tianji._core.routing.router cimport Field, Plan
from tianji._core.bodies.spans cimport ObjectSpans
from tianji._core.bodies.splice cimport Splice
from tianji._core.edges.wire cimport JOINED

from tianji.errors import MalformedJSON, UnsupportedParams

cdef extern from "http_write.h":
    bytes http_numbered(const char* head, Py_ssize_t head_size, Py_ssize_t number, Py_ssize_t room)

cdef object DECODE = msgspec.json.Decoder().decode
cdef object ENCODE = msgspec.json.Encoder().encode
cdef object RAW = msgspec.Raw
cdef object DecodeError_ = msgspec.DecodeError
cdef object MalformedJSON_ = MalformedJSON
cdef bytes USAGE_ON = b'{"include_usage":true}'


@cython.final
cdef class Shaped:
    """A body ready for the upstream."""

    @property
    def body(self):
        """The body in one piece."""
        return b"".join(self.parts)

    cdef int hold(self, list parts) except -1:
        self.parts = parts
        self.size = 0
        for part in parts:
            self.size += len(part)
        return 0

    cdef object request(self, bytes head):
        # What the transport is to send: `head`, which ends in "content-length: ", the length, and the body. One piece
        # where copying is cheaper than a second buffer.
        cdef bint joined = self.size <= JOINED
        cdef bytes begun = http_numbered(
            PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head), self.size, self.size if joined else 0)
        cdef char* at = PyBytes_AS_STRING(begun) + PyBytes_GET_SIZE(begun) - self.size
        cdef bytes part
        if not joined:
            return [begun, *self.parts]
        for part in self.parts:
            memcpy(at, PyBytes_AS_STRING(part), <size_t>PyBytes_GET_SIZE(part))
            at += PyBytes_GET_SIZE(part)
        return begun


cpdef Shaped shape_body(Plan plan, ObjectSpans spans, bytes model, bint streamed):
    """Apply `plan` to the body behind `spans`.

    model: the upstream's name as JSON text; None: it does not stand in the body. The order is that of
    `providers.upstream.Shaping`. Raises UnsupportedParams when the upstream cannot take a member.
    """
    cdef Shaped shaped = Shaped.__new__(Shaped)
    cdef Splice splice = Splice(spans)
    cdef bint adapts = apply_fields(plan, spans, splice) or plan.adapt_always or holds_needles(plan, spans.source)
    cdef bytes raw
    if plan.conditions:
        apply_conditions(plan, spans, splice)
    for name, raw in plan.defaults:
        splice.default(name, raw)
    if streamed and plan.asks_usage:
        raw = usage_options(spans)
        if raw is not None:
            splice.set(b"stream_options", raw)
            shaped.hides_usage = True
    if adapts and plan.adapt is not None:
        shaped.hold([adapted(plan, splice.build(), model)])
        return shaped
    for name, raw in plan.overrides:
        splice.set(name, raw)
    if model is not None:
        splice.set(b"model", model)
    shaped.hold(splice.parts())
    return shaped


cdef bytes adapted(Plan plan, bytes body, bytes model):
    """The slow path: decode, let the provider's rules work on the members, encode. MalformedJSON for broken text."""
    cdef dict members
    try:
        members = DECODE(body)
    except DecodeError_ as error:  # it is JSON, but half a surrogate pair is no character
        raise MalformedJSON_(f"the body cannot be read: {error}") from None
    members = plan.adapt(members)
    for name, raw in plan.overrides:
        members[(<bytes>name).decode()] = RAW(raw)
    if model is not None:
        members["model"] = RAW(model)
    return ENCODE(members)


cdef bint holds_needles(Plan plan, bytes body) except -1:
    cdef tuple group
    for group in plan.needles:
        for needle in group:
            if not holds(body, <bytes>needle):
                break
        else:
            return True
    return False


cdef bint holds(bytes body, bytes needle) noexcept:
    # From one first character to the next, which is nearly always a quote: of long texts that takes a fiftieth of what
    # bytes.find() does, which looks at every place.
    cdef const char* wanted = PyBytes_AS_STRING(needle)
    cdef Py_ssize_t length = PyBytes_GET_SIZE(needle)
    cdef const char* end = PyBytes_AS_STRING(body) + PyBytes_GET_SIZE(body)
    cdef const char* at = <const char*>memchr(PyBytes_AS_STRING(body), wanted[0], <size_t>PyBytes_GET_SIZE(body))
    while at is not NULL and end - at >= length:
        if memcmp(at, wanted, <size_t>length) == 0:
            return True
        at = <const char*>memchr(at + 1, wanted[0], <size_t>(end - at - 1))
    return False


cdef int apply_conditions(Plan plan, ObjectSpans spans, Splice splice) except -1:
    """Take out what goes upstream only beside another member that is not there, or not as it must be."""
    cdef Py_ssize_t i
    for name, other, value in plan.conditions:
        if spans.find(name) < 0:
            continue
        i = spans.find(other)
        if i >= 0 and value is None and spans.kind(i) != c"0" and spans.raw(i).strip(b"[] \t\r\n"):
            continue
        if i >= 0 and value is not None and spans.raw(i) == value:
            continue
        splice.remove(name)
    return 0


cdef bint apply_fields(Plan plan, ObjectSpans spans, Splice splice) except -1:
    """Drop, rename and refuse members; True when one of them needs `plan.adapt`."""
    cdef Py_ssize_t i
    cdef int bits
    cdef bint adapts = False
    cdef list refused = None
    cdef bytes name, other
    for i in range(spans.count()):
        name = spans.name(i)
        found = plan.fields.get(name)
        if found is None:
            continue
        bits = found
        if bits & Field.DROP:
            splice.remove(name)
        elif bits & Field.REFUSE:
            if spans.kind(i) == c"0":
                splice.remove(name)
            else:
                refused = refused or []
                refused.append(name.decode())
        elif bits & Field.RENAME:
            other = plan.renames[name]
            if spans.find(other) >= 0:
                splice.remove(name)
            else:
                splice.rename(name, other)
        adapts = adapts or bits & Field.ADAPT
    if refused:
        raise UnsupportedParams(
            f"this model cannot take: {', '.join(refused)}. Leave them out, or set drop_params: true to have them "
            "dropped",
            param=refused[0],
        )
    return adapts


cdef bytes usage_options(ObjectSpans spans):
    """The stream_options to send so that the stream ends with its usage; None when the client asks for it itself."""
    cdef Py_ssize_t i = spans.find(b"stream_options")
    cdef ObjectSpans options
    cdef Py_ssize_t asked
    cdef Splice splice
    if i < 0 or spans.kind(i) == c"0":
        return USAGE_ON
    if spans.kind(i) != c"o":
        return None  # nonsense goes on as it is, and the upstream says so
    options = ObjectSpans.scan(spans.raw(i))
    asked = options.find(b"include_usage")
    if asked >= 0 and options.kind(asked) == c"t":
        return None
    splice = Splice(options)
    splice.set(b"include_usage", b"true")
    return splice.build()
