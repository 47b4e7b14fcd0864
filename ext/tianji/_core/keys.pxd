"""The quick way in for known keys."""


cdef class KeyRing:
    cdef dict identities      # dict[bytes, Identity]
    cdef object gate
    cdef bytes key_header     # one more header that may hold a key, or None
