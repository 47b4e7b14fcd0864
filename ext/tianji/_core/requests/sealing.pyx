"""Requests with a signature; of those to AWS, what all requests of a day to one target have in common is kept.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.string cimport memchr, memcmp, memcpy

from tianji._core.edges.wire cimport JOINED

from hashlib import sha256 as openssl_sha256

cdef enum:
    HEX = 64
    DAY = 8  # bytes of a moment that say its day
    MANY = 64  # seals that are kept
    LARGE = 16 * 1024  # bytes of a body from which on OpenSSL is the quicker one, whatever the processor

cdef extern from "http_write.h":
    bytes http_numbered(const char* head, Py_ssize_t head_size, Py_ssize_t number, Py_ssize_t room)

cdef bytes ALGORITHM = b"AWS4-HMAC-SHA256\n"
sha256_begin(False)


cdef inline void add(sha256 *h, bytes text) noexcept:
    sha256_add(h, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))


cdef inline void finish(sha256 *h, char *hex) noexcept:
    cdef uint8_t[SHA256_SIZE] digest
    sha256_end(h, digest)
    sha256_hex(digest, hex)


cdef int hash_body(bytes body, char *hex) except -1:
    cdef sha256 h
    if PyBytes_GET_SIZE(body) >= LARGE:
        memcpy(hex, PyBytes_AS_STRING(openssl_sha256(body).hexdigest().encode()), HEX)
        return 0
    sha256_init(&h)
    add(&h, body)
    finish(&h, hex)
    return 0


def digest_of(bytes text not None, *, bint plain=False):
    """Return the SHA-256 of a text in hexadecimal digits. plain: without instructions that not every processor has."""
    cdef bytes hex = PyBytes_FromStringAndSize(NULL, HEX)
    sha256_begin(plain)
    hash_body(text, PyBytes_AS_STRING(hex))
    sha256_begin(False)
    return hex


cdef bint stands_in(list headers, const char *line, Py_ssize_t size) except -1:
    # Whether a line of a head is a field of one of these names.
    cdef bytes name
    cdef Py_ssize_t length
    for name, _ in headers:
        length = PyBytes_GET_SIZE(name)
        if size > length and line[length] == c":" and memcmp(line, PyBytes_AS_STRING(name), length) == 0:
            return True
    return False


cdef list signed(object sign, str target, bytes body):
    # The headers that change by the request.
    if sign is None:
        return None
    if type(sign) is Sealer:
        return (<Sealer>sign).signing(target, body)
    return list(sign(target, body))


cdef char *put(char *at, const char *text, Py_ssize_t size) noexcept:
    memcpy(at, text, size)
    return at + size


cpdef object finished(bytes begun, object sign, str target, bytes body):
    """Return a request: one piece, or head and body where that is large.

    begun: its head, up to the number of its length; sign: gives for target and body (lower-case name, value)s, which
    take the place of those that are there by these names; None where nothing changes.
    """
    cdef list headers = signed(sign, target, body)
    cdef const char *at = PyBytes_AS_STRING(begun)
    cdef const char *end = at + PyBytes_GET_SIZE(begun)
    cdef const char *next
    cdef Py_ssize_t size = PyBytes_GET_SIZE(begun), length = PyBytes_GET_SIZE(body)
    cdef bytes name, value, head, request
    cdef char *to
    cdef bint joined = length <= JOINED
    if headers:
        for name, value in headers:
            size += PyBytes_GET_SIZE(name) + PyBytes_GET_SIZE(value) + 4
        head = PyBytes_FromStringAndSize(NULL, size)
        to = PyBytes_AS_STRING(head)
        while True:
            next = <const char *>memchr(at, c"\n", end - at)
            if next is NULL:
                break
            next += 1
            if not stands_in(headers, at, next - at):
                to = put(to, at, next - at)
            at = next
        for name, value in headers:
            to = put(to, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
            to = put(to, b": ", 2)
            to = put(to, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
            to = put(to, b"\r\n", 2)
        to = put(to, at, end - at)
        size = to - PyBytes_AS_STRING(head)
    else:
        head = begun
    request = http_numbered(PyBytes_AS_STRING(head), size, length, length if joined else 0)
    if not joined:
        return [request, body]
    memcpy(PyBytes_AS_STRING(request) + PyBytes_GET_SIZE(request) - length, PyBytes_AS_STRING(body), length)
    return request


@cython.final
cdef class Seal:
    """Signs the requests of a day.

    before, after: the canonical request around its moment, up to the body's digest; place: day, region, service and
    what ends it; key: the signing key of that, 32 bytes; shown: the header up to the signature; added: further headers.
    """

    def __init__(
        self, bytes before not None, bytes after not None, bytes place not None, bytes key not None,
        bytes shown not None, tuple added not None,
    ):
        cdef bytes block = key.ljust(SHA256_BLOCK, b"\0")
        if PyBytes_GET_SIZE(block) != SHA256_BLOCK:
            raise ValueError("a key is one block at most")
        self.before, self.after, self.place, self.shown, self.added = before, after, place, shown, added
        sha256_keyed(&self.inner, &self.outer, <const uint8_t *>PyBytes_AS_STRING(block))

    def headers(self, bytes moment not None, bytes body not None):
        """Return what signs a request of this body. moment: as x-amz-date says it."""
        return self.signing(moment, body)

    cdef list signing(self, bytes moment, bytes body):
        return [(b"authorization", self.authorization(moment, body)), (b"x-amz-date", moment), *self.added]

    cdef bytes authorization(self, bytes moment, bytes body):
        cdef sha256 h, sealed = self.inner
        cdef uint8_t[SHA256_SIZE] digest
        cdef char[HEX] hex
        cdef Py_ssize_t shown = PyBytes_GET_SIZE(self.shown)
        cdef bytes found = PyBytes_FromStringAndSize(NULL, shown + HEX)
        hash_body(body, hex)
        sha256_init(&h)
        add(&h, self.before)
        add(&h, moment)
        add(&h, self.after)
        sha256_add(&h, hex, HEX)
        finish(&h, hex)
        add(&sealed, ALGORITHM)
        add(&sealed, moment)
        sha256_add(&sealed, b"\n", 1)
        add(&sealed, self.place)
        sha256_add(&sealed, b"\n", 1)
        sha256_add(&sealed, hex, HEX)
        sha256_end(&sealed, digest)
        h = self.outer
        sha256_add(&h, digest, SHA256_SIZE)
        memcpy(PyBytes_AS_STRING(found), PyBytes_AS_STRING(self.shown), shown)
        finish(&h, PyBytes_AS_STRING(found) + shown)
        return found


@cython.final
cdef class Sealer:
    """Signs requests: called with target and body it returns what is to stand in the head.

    now: returns the time in seconds since 1970; keys: those that hold now; written: a second as x-amz-date says it;
    seal: makes the seal of (keys, target, day), which is kept as long as keys and day stay.
    """

    def __init__(self, object now, object keys, object written, object seal):
        self.now, self.keys, self.written, self.seal = now, keys, written, seal
        self.second = -1
        self.moment = b""
        self.seals = {}

    def __call__(self, str target not None, bytes body not None):
        return self.signing(target, body)

    cdef list signing(self, str target, bytes body):
        # What signs a request.
        cdef long long second = <long long><double>self.now()
        cdef object keys = self.keys()
        cdef bytes moment
        cdef Seal seal
        if second != self.second:
            moment = self.written(second)
            if moment[:DAY] != self.moment[:DAY]:
                self.seals.clear()
            self.second, self.moment = second, moment
        if keys is not self.held:
            self.seals.clear()
            self.held = keys
        seal = self.seals.get(target)
        if seal is None:
            if len(self.seals) >= MANY:
                self.seals.clear()
            seal = self.seals[target] = self.seal(keys, target, self.moment[:DAY])
        return seal.signing(self.moment, body)
