"""Signatures of requests to AWS: what all requests of a day to one target have in common is kept.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from hashlib import sha256 as openssl_sha256

cdef enum:
    HEX = 64
    LARGE = 16 * 1024  # bytes of a body from which on OpenSSL is the quicker one, whatever the processor

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

    def authorization(self, bytes moment not None, bytes body not None):
        """Return the header's value for a request of this body. moment: as x-amz-date says it."""
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
