"""The quick way in for known keys."""

from tianji._core.exchange cimport Exchange


cdef class KeyRing:
    cdef dict identities      # dict[bytes, Identity], by the SHA-256 of the key
    cdef dict seen            # the same by a digest of our own, of credentials that came before
    cdef bytes secret         # the key of that digest
    cdef object gate
    cdef bytes key_header     # one more header that may hold a key, or None
    cdef bint hidden          # that one is among those which an exchange does not note

    cdef object identify(self, Exchange exchange, object match)
    cdef object recognize(self, bytes value)


cpdef bytes keyed_digest(bytes secret, bytes text)
