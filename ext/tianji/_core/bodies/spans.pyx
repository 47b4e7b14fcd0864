"""Top-level JSON spans: read a few fields, never decode the rest.

A body that passes through is looked at once: the whole text is checked against RFC 8259 and the places of the
outermost object's members are kept. Fields are decoded when somebody asks; tianji._core.bodies.splice edits them.
Member names are given and compared as UTF-8 bytes without quotes, after unescaping.
"""

from json import dumps as _dumps
from json.decoder import scanstring as _scanstring

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.ref cimport PyObject
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint8_t
from libc.string cimport memchr, memcmp, memcpy

from tianji.errors import MalformedJSON

cdef object MalformedJSON_ = MalformedJSON
cdef object scanstring = _scanstring
cdef object dumps = _dumps

cdef enum:
    PAIRWISE_MEMBERS = 64  # up to here names are compared with each other, above through a set


cdef str _reason(json_fault fault, int max_depth):
    if fault == JSON_NOT_OBJECT:
        return "expected a JSON object"
    if fault == JSON_MARK:
        return "expected a JSON object without a byte order mark"
    if fault == JSON_NAME:
        return "expected a member name in double quotes"
    if fault == JSON_FIRST_NAME:
        return "expected a member name in double quotes or '}'"
    if fault == JSON_COLON:
        return "expected ':'"
    if fault == JSON_NEXT_MEMBER:
        return "expected ',' or '}'"
    if fault == JSON_NEXT_ELEMENT:
        return "expected ',' or ']'"
    if fault == JSON_QUOTE:
        return "expected '\"' to end the string"
    if fault == JSON_CONTROL:
        return "a control character in a string must be escaped"
    if fault == JSON_ESCAPE:
        return "unknown escape in a string"
    if fault == JSON_UTF8:
        return "the text is not valid UTF-8"
    if fault == JSON_DIGIT:
        return "expected a digit"
    if fault == JSON_DEEP:
        return f"nested deeper than {max_depth} levels"
    if fault == JSON_MANY:
        return f"more than {JSON_MEMBER_LIMIT} members"
    if fault == JSON_TRAILING:
        return "expected nothing after the JSON object"
    return "expected a value"


cdef object _malformed(bytes text, Py_ssize_t at, str reason):
    # Columns count characters, as an editor does; the byte offset is for programs.
    cdef Py_ssize_t line = text.count(b"\n", 0, at) + 1
    cdef Py_ssize_t begin = text.rfind(b"\n", 0, at) + 1
    cdef Py_ssize_t column = len(text[begin:at].decode("utf-8", "replace")) + 1
    cdef str end = ""
    if at == len(text):
        end = "the text ends too early: " if text.strip() else "the text is empty: "
    return MalformedJSON_(f"{end}{reason} at byte {at} (line {line}, column {column})", at)


cdef str _shown(bytes name):
    # A member name in a message: short, and without anything that could break a log line.
    cdef str shown = name[:64].decode("utf-8", "replace")
    return dumps(shown if len(name) <= 64 else shown + "...")


# the members of most requests: their names are given out as shared objects, whose hash is known
cdef tuple USUAL = (
    b"frequency_penalty", b"input", b"instructions", b"logit_bias", b"logprobs", b"max_completion_tokens",
    b"max_output_tokens", b"max_tokens", b"messages", b"metadata", b"model", b"n", b"parallel_tool_calls",
    b"presence_penalty", b"prompt", b"reasoning_effort", b"response_format", b"seed", b"service_tier", b"stop",
    b"store", b"stream", b"stream_options", b"system", b"temperature", b"tool_choice", b"tools", b"top_logprobs",
    b"top_p", b"user",
)
cdef enum:
    SLOTS = 256  # a power of two, and several times the names: a search ends soon
cdef PyObject *KNOWN[SLOTS]


cdef inline unsigned int slot_of(const char *name, Py_ssize_t size) noexcept:
    return (<unsigned int>size * 37 + <unsigned int>name[0] * 5 + <unsigned int>name[size - 1] * 17) & (SLOTS - 1)


cdef int learn_all() except -1:
    cdef unsigned int slot
    cdef bytes name
    for name in USUAL:
        slot = slot_of(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
        while KNOWN[slot] is not NULL:
            slot = (slot + 1) & (SLOTS - 1)
        KNOWN[slot] = <PyObject *>name  # its tuple keeps it alive
    return 0


learn_all()


cdef bytes shared_name(const char *name, Py_ssize_t size):
    """The shared object of a usual name, None for any other."""
    cdef unsigned int slot
    cdef bytes found
    if size == 0:
        return None
    slot = slot_of(name, size)
    while KNOWN[slot] is not NULL:
        found = <bytes>KNOWN[slot]
        if PyBytes_GET_SIZE(found) == size and memcmp(PyBytes_AS_STRING(found), name, size) == 0:
            return found
        slot = (slot + 1) & (SLOTS - 1)
    return None


cdef bytes member_name(const char *s, const json_member *member):
    """A member's name, unescaped. A lone surrogate stays one, in the same three bytes everywhere."""
    cdef bytes raw = shared_name(s + member.name, member.name_end - member.name)
    if raw is not None:
        return raw
    raw = PyBytes_FromStringAndSize(s + member.name, member.name_end - member.name)
    if not member.name_escaped:
        return raw
    return scanstring(raw.decode() + '"', 0)[0].encode("utf-8", "surrogatepass")


cdef str member_text(bytes source, const json_member *member):
    """A member's decoded string. MalformedJSON if it is no string, or holds half a surrogate pair."""
    cdef const char *s = PyBytes_AS_STRING(source)
    cdef str found
    if member.kind != c"s":
        raise _malformed(source, member.start, f"member {_shown(member_name(s, member))} must be a string,")
    found = PyUnicode_DecodeUTF8(s + member.start + 1, member.end - member.start - 2, NULL)
    if not member.value_escaped:
        return found
    found = scanstring(found + '"', 0)[0]
    try:
        found.encode()
    except UnicodeEncodeError:
        raise _malformed(
            source, member.start, f"member {_shown(member_name(s, member))} holds half a surrogate pair,"
        ) from None
    return found


cdef bint member_whole(const char *s, const json_member *member, long long *value) noexcept:
    """Put the integer that a member is into `value`. False unless it is one of at most 18 digits."""
    cdef const char *p = s + member.start
    cdef const char *end = s + member.end
    cdef bint negative = member.kind == c"n" and p[0] == c"-"
    cdef long long total = 0
    p += negative
    if member.kind != c"n" or end - p > 18:
        return False
    while p < end:
        if not c"0" <= p[0] <= c"9":
            return False
        total = total * 10 + (p[0] - c"0")
        p += 1
    value[0] = -total if negative else total
    return True


@cython.final
@cython.freelist(32)
cdef class ObjectSpans:
    """A checked JSON object and the places of its members. Get one from `scan`."""

    def __cinit__(self):
        json_tape_init(&self.tape)
        json_tape_init(&self.usage)

    def __init__(self):
        raise TypeError("ObjectSpans come from scan()")

    def __dealloc__(self):
        json_tape_free(&self.tape)
        json_tape_free(&self.usage)

    @staticmethod
    cdef ObjectSpans scan(bytes text, int max_depth=128):
        """Check `text` and find its members. MalformedJSON if it is not one JSON object with distinct member names."""
        cdef ObjectSpans spans
        if text is None:
            raise TypeError("text must be bytes")
        if not 1 <= max_depth <= JSON_DEPTH_LIMIT:
            raise ValueError(f"max_depth must be from 1 to {JSON_DEPTH_LIMIT}")
        spans = ObjectSpans.__new__(ObjectSpans)
        spans.source = text
        spans._check(0, PyBytes_GET_SIZE(text), max_depth)
        return spans

    cdef int _check(self, Py_ssize_t start, Py_ssize_t end, int max_depth) except -1:
        cdef json_fault fault = json_scan(
            &self.tape, <const uint8_t *>PyBytes_AS_STRING(self.source), start, end, max_depth, 1,
            &self.usage
        )
        if fault == JSON_NO_MEMORY:
            raise MemoryError()
        if fault != JSON_FINE:
            raise _malformed(self.source, self.tape.fault_at, _reason(fault, max_depth))
        return self._check_names()

    cdef int _check_names(self) except -1:
        # Two readers that pick different twins would disagree on what was asked, and on who may ask it.
        cdef const char *s = PyBytes_AS_STRING(self.source)
        cdef json_member *member
        cdef Py_ssize_t i
        cdef unsigned long long seen = 0, bit
        cdef set names = None
        cdef bytes name
        for i in range(self.tape.count):
            member = &self.tape.items[i]
            if member.name_escaped or i >= PAIRWISE_MEMBERS:
                break
            # most names differ in length or at an end: only a bit that is taken leads to a comparison
            bit = 1ULL << (member.name_end - member.name + (s[member.name] ^ s[member.name_end - 1]) * 7 & 63)
            if seen & bit and _stands_before(s, self.tape.items, i):
                break
            seen |= bit
        else:
            return 0
        names = set()
        for i in range(self.tape.count):
            name = self.name(i)
            if name in names:
                raise _malformed(self.source, self.tape.items[i].name - 1, f"member {_shown(name)} stands twice,")
            names.add(name)
        return 0

    cdef Py_ssize_t count(self) noexcept:
        return self.tape.count

    cdef bytes name(self, Py_ssize_t i):
        """The name of member `i`, unescaped."""
        return member_name(PyBytes_AS_STRING(self.source), &self.tape.items[i])

    cdef Py_ssize_t find(self, bytes name) except -2:
        """The index of the member `name`, -1 if there is none."""
        cdef const char *s = PyBytes_AS_STRING(self.source)
        cdef Py_ssize_t i, length = PyBytes_GET_SIZE(name)
        cdef json_member *member
        for i in range(self.tape.count):
            member = &self.tape.items[i]
            if member.name_escaped:
                if self.name(i) == name:
                    return i
            elif member.name_end - member.name == length and memcmp(
                s + member.name, PyBytes_AS_STRING(name), length
            ) == 0:
                return i
        return -1

    cdef char kind(self, Py_ssize_t i) noexcept:
        """s string, n number, t true, f false, 0 null, o object, a array."""
        return self.tape.items[i].kind

    cdef int first_byte(self, Py_ssize_t i) noexcept:
        """The byte that the value of member `i` begins with: a quote, a bracket, a digit or a letter."""
        return (<const unsigned char*><const char*>self.source)[self.tape.items[i].start]

    cdef bytes raw(self, Py_ssize_t i):
        """The value of member `i` as it stands."""
        cdef json_member *member = &self.tape.items[i]
        return PyBytes_FromStringAndSize(PyBytes_AS_STRING(self.source) + member.start, member.end - member.start)

    cdef str text(self, Py_ssize_t i):
        """The decoded string of member `i`. MalformedJSON if it is no string, or holds half a surrogate pair."""
        return member_text(self.source, &self.tape.items[i])

    cdef bint whole(self, Py_ssize_t i, long long *value) noexcept:
        """Put the integer of member `i` into `value`. False unless it is one of at most 18 digits."""
        return member_whole(PyBytes_AS_STRING(self.source), &self.tape.items[i], value)

    cdef ObjectSpans child(self, Py_ssize_t i):
        """Member `i` as spans over the same text, None if it is no object. MalformedJSON if its names repeat."""
        cdef json_member *member = &self.tape.items[i]
        cdef ObjectSpans spans
        if member.kind != c"o":
            return None
        spans = ObjectSpans.__new__(ObjectSpans)
        spans.source = self.source
        spans._check(member.start, member.end, JSON_DEPTH_LIMIT)
        return spans

    cdef Py_ssize_t _typed(self, bytes name, const char *kinds, str wanted) except -2:
        # The index of a member whose value is of one of `kinds`; -1 if it is absent or null.
        cdef Py_ssize_t i = self.find(name)
        cdef char kind
        if i < 0:
            return -1
        kind = self.tape.items[i].kind
        if kind == c"0":
            return -1
        if memchr(kinds, kind, 2) == NULL:
            raise _malformed(self.source, self.tape.items[i].start, f"member {_shown(name)} must be {wanted},")
        return i

    def __len__(self):
        return self.tape.count

    def __contains__(self, bytes name not None):
        return self.find(name) >= 0

    def names(self):
        """The names of the members, in order."""
        return [self.name(i) for i in range(self.tape.count)]

    def get(self, bytes name not None):
        """The raw bytes of a value, None if there is no such member."""
        cdef Py_ssize_t i = self.find(name)
        return None if i < 0 else self.raw(i)

    def string(self, bytes name not None):
        """A string, None if it is absent or null. MalformedJSON if it is anything else."""
        cdef Py_ssize_t i = self._typed(name, b"ss", "a string")
        return None if i < 0 else self.text(i)

    def integer(self, bytes name not None):
        """An integer of at most 18 digits, None if it is absent or null. MalformedJSON if it is anything else."""
        cdef long long value = 0
        cdef Py_ssize_t i = self._typed(name, b"nn", "an integer")
        if i < 0:
            return None
        if not self.whole(i, &value):
            raise _malformed(
                self.source, self.tape.items[i].start, f"member {_shown(name)} must be an integer of up to 18 digits,"
            )
        return value

    def boolean(self, bytes name not None):
        """True or false, None if it is absent or null. MalformedJSON if it is anything else."""
        cdef Py_ssize_t i = self._typed(name, b"tf", "true or false")
        return None if i < 0 else self.tape.items[i].kind == c"t"

    def nested(self, bytes name not None):
        """The spans of an object, None if it is absent or null. MalformedJSON if it is anything else."""
        cdef Py_ssize_t i = self._typed(name, b"oo", "an object")
        return None if i < 0 else self.child(i)


cdef bint _stands_before(const char *s, const json_member *members, Py_ssize_t i) noexcept:
    # Whether the unescaped name of member i is also that of one before it.
    cdef Py_ssize_t k, length = members[i].name_end - members[i].name
    for k in range(i):
        if members[k].name_end - members[k].name == length and memcmp(
            s + members[k].name, s + members[i].name, length
        ) == 0:
            return True
    return False


def scan(bytes text not None, int max_depth=128):
    """Check `text` and find the members of its object.

    max_depth: levels of nesting allowed, 1 to 1024. MalformedJSON, with the place, if `text` is not exactly one JSON
    object in UTF-8 (RFC 8259) or its outermost object repeats a name.
    """
    return ObjectSpans.scan(text, max_depth)


cpdef bytes replace_value(ObjectSpans spans, Py_ssize_t i, bytes raw):
    """The text with `raw` in the place of the value of member `i`. IndexError if there is no such member."""
    cdef Py_ssize_t size, head, tail
    cdef const char *s
    cdef char *out
    cdef bytes built
    if spans is None or raw is None:
        raise TypeError("spans and raw must not be None")
    if not 0 <= i < spans.tape.count:
        raise IndexError(f"no member {i}")
    s = PyBytes_AS_STRING(spans.source)
    size = PyBytes_GET_SIZE(raw)
    head = spans.tape.items[i].start
    tail = PyBytes_GET_SIZE(spans.source) - spans.tape.items[i].end
    built = PyBytes_FromStringAndSize(NULL, head + size + tail)
    out = PyBytes_AS_STRING(built)
    memcpy(out, s, head)
    memcpy(out + head, PyBytes_AS_STRING(raw), size)
    memcpy(out + head + size, s + spans.tape.items[i].end, tail)
    return built
