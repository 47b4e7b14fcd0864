"""Signatures of requests to AWS."""

from libc.stdint cimport uint8_t, uint64_t


cdef extern from "sha256.h":
    enum:
        SHA256_BLOCK
        SHA256_SIZE

    ctypedef struct sha256:
        uint64_t size

    void sha256_begin(bint plain) noexcept
    void sha256_init(sha256 *h) noexcept
    void sha256_add(sha256 *h, const void *text, size_t size) noexcept
    void sha256_end(sha256 *h, uint8_t *digest) noexcept
    void sha256_hex(const uint8_t *digest, char *hex) noexcept
    void sha256_keyed(sha256 *inner, sha256 *outer, const uint8_t *key) noexcept


cdef class Seal:
    cdef bytes before                # the request that is signed, up to its moment
    cdef bytes after                 # and from there to its body's digest
    cdef bytes place                 # day, region and service, for which the key is
    cdef bytes shown                 # the header up to the signature
    cdef tuple added                 # further headers
    cdef sha256 inner                # the hashes of an HMAC that have taken the key
    cdef sha256 outer

    cdef list signing(self, bytes moment, bytes body)
    cdef bytes authorization(self, bytes moment, bytes body)


cdef class Sealer:
    cdef object now
    cdef object keys
    cdef object written
    cdef object seal
    cdef long long second  # of the last request
    cdef bytes moment      # the same, written
    cdef object held       # the keys of the last request
    cdef dict seals        # by the targets of requests

    cdef list signing(self, str target, bytes body)


cpdef object finished(bytes begun, object sign, str target, bytes body)
