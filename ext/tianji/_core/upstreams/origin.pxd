"""Where a request goes: host, port, TLS."""


cdef class Origin:
    cdef readonly str host
    cdef readonly int port
    cdef readonly object ssl_context
    cdef readonly str server_hostname
    cdef readonly Origin http1    # where HTTP/2 is tried first: the same without it; None: HTTP/1.1 it is
    cdef readonly object answers  # what answers calls inside this process, by their Stream; None: a connection is made
    cdef Py_hash_t hashed
