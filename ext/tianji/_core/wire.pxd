"""Bytes on their way to a socket."""

cdef enum:
    JOINED = 16 * 1024  # bytes; up to here copying a body behind its head is cheaper than a second buffer

cdef int socket_of(object transport) except -2                      # of a plain TCP transport; -1: of no other
cdef bint is_silent(int socket) noexcept                            # nothing came, and the other end has not closed
cdef int write_now(object transport, int socket, bytes data) except -1
