"""Bytes on their way to a socket.

A transport's write() puts bytes into a list before it tries the socket. Where that list is empty the socket is tried
right away, and the transport gets what is left, or everything if the socket is at fault: then it knows what to do.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

cdef extern from "http_write.h":
    Py_ssize_t http_send(int socket, const char* data, Py_ssize_t size) noexcept


cdef extern from "<sys/socket.h>" nogil:
    ssize_t recv(int fd, void* buf, size_t length, int flags)
    int MSG_PEEK
    int MSG_DONTWAIT

cdef extern from "<errno.h>" nogil:
    int errno
    int EAGAIN
    int EWOULDBLOCK


cdef bint is_silent(int socket) noexcept:
    cdef char byte
    return recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 and (errno == EAGAIN or errno == EWOULDBLOCK)


cdef int socket_of(object transport) except -2:
    cdef object socket = transport.get_extra_info("socket")
    if socket is None or transport.get_extra_info("ssl_object") is not None:
        return -1
    return socket.fileno()


cdef int write_now(object transport, int socket, bytes data) except -1:
    # `socket`: as socket_of() said, until the transport reported that its connection is lost.
    cdef Py_ssize_t sent = 0
    if socket >= 0 and not transport.is_closing() and transport.get_write_buffer_size() == 0:
        sent = http_send(socket, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
        if sent == PyBytes_GET_SIZE(data):
            return 0
    transport.write(data if sent == 0 else data[sent:])
    return 0
