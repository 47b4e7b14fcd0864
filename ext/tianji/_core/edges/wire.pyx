"""A connection's bytes past the loop's transport, in and out.

For each read a transport asks its protocol for a buffer and tells it what came: two calls from C into Python, each with
the interpreter's lock taken and given back. Connections that last are read here instead: their sockets stand in an
epoll of their owner, the loop watches that one descriptor, and what is ready is read in one go. For each write it puts
bytes into a list before it tries the socket; while that list is empty the socket is tried right away here, and the
transport gets what is left, or everything if the socket is at fault: then it knows what to do. It stays what it is for
opening, closing and everything else. TLS goes through it alone.

Edge-triggered, as epoll(7) has it: a read that leaves room has taken all there was, unless the event says that the
other end is closed, too.
"""

from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.errno cimport EAGAIN, errno
from libc.stdint cimport uint32_t
from posix.unistd cimport close

cdef extern from "Python.h":
    int PyBUF_WRITE

cdef extern from "http_write.h":
    Py_ssize_t http_send(int socket, const char* data, Py_ssize_t size) noexcept

cdef extern from "<sys/socket.h>":
    ssize_t recv(int fd, void* buf, size_t length, int flags)
    int MSG_PEEK
    int MSG_DONTWAIT

cdef extern from "<sys/epoll.h>":
    ctypedef union epoll_data_t:
        int fd

    struct epoll_event:
        uint32_t events
        epoll_data_t data

    enum:
        EPOLL_CLOEXEC
        EPOLL_CTL_ADD
        EPOLL_CTL_MOD
        EPOLL_CTL_DEL
        EPOLLIN
        EPOLLRDHUP
        EPOLLHUP
        EPOLLERR
        EPOLLET

    int epoll_create1(int flags)
    int epoll_ctl(int epfd, int op, int fd, epoll_event* event)
    int epoll_wait(int epfd, epoll_event* events, int maxevents, int timeout)

cdef enum:
    EVENTS = 64   # sockets looked at in one go
    READS = 8     # of one socket, before it is others' turn
    ENDED = EPOLLRDHUP | EPOLLHUP | EPOLLERR


cdef class Watch:
    """The wires of one owner that are read here, and a buffer of `size` bytes for reads. Open while there are any."""

    def __cinit__(self, loop not None, Py_ssize_t size):
        cdef bytearray buffer = bytearray(size)
        self.loop = loop
        self.epoll = -1
        self.wires = []
        self.read, self.size, self.view = PyByteArray_AS_STRING(buffer), size, memoryview(buffer)

    def __dealloc__(self):
        if self.epoll >= 0:
            close(self.epoll)

    cdef bint has(self, Wire wire) noexcept:
        return wire.socket < len(self.wires) and self.wires[wire.socket] is wire

    cdef int add(self, Wire wire) except -1:
        cdef int socket = wire.socket
        if self.has(wire):
            return 0
        if self.epoll < 0:
            self.open()
        self.control(EPOLL_CTL_ADD, socket)
        if len(self.wires) <= socket:
            self.wires.extend([None] * (socket + 1 - len(self.wires)))
        self.wires[socket] = wire
        self.watched += 1
        return 0

    cdef int drop(self, Wire wire) except -1:
        if self.has(wire):
            self.control(EPOLL_CTL_DEL, wire.socket)
            self.wires[wire.socket] = None
            self.watched -= 1
            if self.watched == 0:
                self.shut()
        return 0

    cdef int tell_again(self, Wire wire) except -1:
        # Of what was left unread, for which no new edge comes.
        return self.control(EPOLL_CTL_MOD, wire.socket)

    cdef int control(self, int what, int socket) except -1:
        cdef epoll_event event
        event.events = EPOLLIN | EPOLLRDHUP | <uint32_t>EPOLLET
        event.data.fd = socket
        if epoll_ctl(self.epoll, what, socket, &event) < 0:
            raise OSError(errno, "a socket cannot be watched")
        return 0

    cdef int open(self) except -1:
        self.epoll = epoll_create1(EPOLL_CLOEXEC)
        if self.epoll < 0:
            raise OSError(errno, "no descriptor is left to watch sockets with")
        self.loop.add_reader(self.epoll, self._ready)
        return 0

    cdef int shut(self) except -1:
        cdef int epoll = self.epoll
        self.loop.remove_reader(epoll)
        self.epoll = -1
        close(epoll)
        return 0

    def _ready(self):
        cdef epoll_event[EVENTS] events
        cdef Wire wire
        cdef int i
        cdef int found = epoll_wait(self.epoll, events, EVENTS, 0)
        for i in range(found):
            wire = self.wires[events[i].data.fd]
            if wire is not None:  # else another of these has seen to its end
                try:
                    wire.pull(events[i].events & ENDED != 0)
                except Exception as error:  # boundary: one connection's fault is no other's
                    self.blame(wire, error)

    cdef int blame(self, Wire wire, object error) except -1:
        cdef object transport = wire.transport
        self.loop.call_exception_handler({
            "message": "a connection failed at what it read", "exception": error, "transport": transport,
            "protocol": wire,
        })
        if transport is not None:
            transport.abort()
        return 0


cdef class Wire:
    """Base of a connection, as an asyncio protocol that brings its own buffer.

    The first read is the transport's: many a connection has no more.
    """

    def __cinit__(self):
        self.fd = self.socket = -1

    # ---- what the loop calls

    def get_buffer(self, hint):
        """Say where the transport's next read goes."""
        cdef Py_ssize_t size
        cdef char* at = self.room(&size)
        if at == self.watch.read:
            return self.watch.view
        return PyMemoryView_FromMemory(at, size, PyBUF_WRITE)

    def buffer_updated(self, Py_ssize_t size):
        """Take in what the transport has read."""
        self.take_in(size)
        if self.seasoned:
            self.take_over()
        self.seasoned = True

    # ---- what a connection says

    cdef char* room(self, Py_ssize_t* size) except NULL:
        raise NotImplementedError("room")

    cdef int take_in(self, Py_ssize_t size) except -1:
        raise NotImplementedError("take_in")

    # ---- coming and going

    cdef int attach(self, object transport) except -1:
        cdef object socket = transport.get_extra_info("socket")
        self.transport = transport
        self.fd = -1 if socket is None else socket.fileno()
        self.socket = self.fd if transport.get_extra_info("ssl_object") is None else -1
        return 0

    cdef int leave(self) except -1:
        # While the descriptor is open: a transport closes it after it has told its protocol.
        if self.own:
            self.own = False
            self.watch.drop(self)
            self.transport.resume_reading()  # which one that is closing does not
        self.fd = self.socket = -1
        return 0

    # ---- in

    cdef int take_over(self) except -1:
        # Not where reading is held: whoever held it would not hear of the change.
        cdef object transport = self.transport
        if self.socket >= 0 and not self.own and transport.is_reading() and not transport.is_closing():
            transport.pause_reading()
            self.own = True
            self.watch.add(self)
        return 0

    cdef int hold(self) except -1:
        if self.own:
            self.watch.drop(self)
        else:
            self.transport.pause_reading()
        return 0

    cdef int read_on(self) except -1:
        if self.own:
            self.watch.add(self)
        else:
            self.transport.resume_reading()
        return 0

    cdef int pull(self, bint ended) except -1:
        # Read what there is. `ended`: the other end has closed its side, or the connection broke.
        cdef Py_ssize_t size
        cdef ssize_t got
        cdef char* at
        cdef int _
        for _ in range(READS):
            at = self.room(&size)
            got = recv(self.socket, at, <size_t>size, MSG_DONTWAIT)
            if got <= 0:
                return self.at_end(got == 0)
            self.take_in(got)
            if not self.own or not self.watch.has(self) or (got < size and not ended):
                return 0
        return self.watch.tell_again(self)

    cdef int at_end(self, bint closed) except -1:
        cdef object transport = self.transport
        if not closed and errno == EAGAIN:
            return 0
        self.watch.drop(self)
        if not closed:
            transport.abort()
        elif not self.eof_received():
            transport.close()
        return 0

    cdef bint is_silent(self) noexcept:
        cdef char byte
        return self.fd < 0 or recv(self.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 and errno == EAGAIN

    # ---- out

    cdef int write(self, bytes data) except -1:
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        cdef Py_ssize_t sent = 0
        if self.socket >= 0 and not self.is_laden():
            sent = http_send(self.socket, PyBytes_AS_STRING(data), size)
            if sent == size:
                return 0
        self.laden = True
        self.transport.write(data if sent == 0 else data[sent:])
        return 0

    cdef int write_all(self, list pieces) except -1:
        self.laden = True
        self.transport.writelines(pieces)
        return 0

    cdef bint is_laden(self) except -1:
        # A transport that fails or is closed with bytes left stays so: what comes behind them has no way.
        if self.laden:
            self.laden = self.transport.get_write_buffer_size() != 0 or self.transport.is_closing()
        return self.laden
