"""The quick way in for known keys."""

from libc.stdint cimport uint64_t

from tianji._core.edges.exchange cimport Exchange
from tianji._core.sharing.revision cimport Revisions


cdef class Known:
    cdef object identity
    cdef bint master          # every route is open to him
    cdef bint confined        # to some routes
    cdef double expires       # seconds since 1970


cdef class KeyRing:
    cdef dict identities      # dict[bytes, Identity], by the SHA-256 of the key
    cdef dict seen            # dict[bytes, Known], by a digest of our own, of credentials that came before
    cdef dict strangers       # dict[Match, Identity]: whom the gate saw in requests without a key
    cdef object anyone        # an Identity, or None
    cdef bytes sign
    cdef bytes secret         # the key of that digest
    cdef object gate
    cdef bytes key_header     # one more header that may hold a key, or None
    cdef bint guarded         # the gate judges everything
    cdef Revisions revisions  # of what identities are made of, or None
    cdef object forget
    cdef uint64_t read        # up to where the revisions were heeded

    cdef object identify(self, Exchange exchange, object match)
    cdef object stranger(self, Exchange exchange, object match)
    cdef Known recognize(self, bytes value)
    cdef int catch_up(self) except -1


cpdef bytes keyed_digest(bytes secret, bytes text)
