"""Where a request goes: host, port, TLS."""


cdef class Origin:
    cdef readonly str host
    cdef readonly int port
    cdef readonly object ssl_context
    cdef readonly str server_hostname
    cdef Py_hash_t hashed
