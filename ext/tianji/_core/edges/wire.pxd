"""A connection's bytes past the loop's transport, in and out."""

cdef enum:
    JOINED = 16 * 1024  # bytes; up to here copying a body behind its head is cheaper than a second buffer


cdef class Watch:
    # The sockets of one owner that are read here, in an epoll that the loop sees as one descriptor; and what
    # all are read into, by the transports, too.
    cdef object loop
    cdef int epoll             # or -1: nothing is watched
    cdef int watched
    cdef list wires            # by descriptor
    cdef char* read            # every read that has no better place goes here
    cdef Py_ssize_t size       # bytes of it
    cdef object view           # of it

    cdef int add(self, Wire wire) except -1
    cdef int drop(self, Wire wire) except -1
    cdef bint has(self, Wire wire) noexcept
    cdef int tell_again(self, Wire wire) except -1
    cdef int control(self, int what, int socket) except -1
    cdef int open(self) except -1
    cdef int shut(self) except -1
    cdef int blame(self, Wire wire, object error) except -1


cdef class Wire:
    # One connection, as an asyncio protocol that brings its own buffer.
    cdef object transport
    cdef int fd                # its descriptor, or -1
    cdef int socket            # the same, where bytes may go past the transport; or -1
    cdef Watch watch           # of its owner
    cdef bint seasoned         # the transport has read for it
    cdef bint own              # the transport does not read for it any more
    cdef bint laden            # the transport may have bytes to write

    cdef char* room(self, Py_ssize_t* size) except NULL    # where the next read goes, and how much of it
    cdef int take_in(self, Py_ssize_t size) except -1      # that much was read

    cdef int attach(self, object transport) except -1
    cdef int leave(self) except -1                         # the transport is all: it reads again, or is lost
    cdef int hold(self) except -1                          # read no more for now
    cdef int read_on(self) except -1
    cdef int write(self, bytes data) except -1
    cdef int write_all(self, list pieces) except -1
    cdef bint is_laden(self) except -1                     # bytes that were written have not all gone out
    cdef bint is_silent(self) noexcept                     # nothing came, and the other end has not closed
    cdef int take_over(self) except -1
    cdef int pull(self, bint ended) except -1
    cdef int at_end(self, bint closed) except -1
