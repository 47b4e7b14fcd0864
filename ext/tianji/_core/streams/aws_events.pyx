"""The AWS event stream: bytes in, events out.

https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html: a message is its length, the length of its
headers and a checksum of both, headers, payload, and a checksum of all of it; numbers are big-endian.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t
from libc.string cimport memcmp

from tianji.errors import UpstreamProtocolError

cdef extern from "crc32.h":
    void crc32_begin() noexcept
    uint32_t crc32_of(const unsigned char *at, size_t size) noexcept

cdef enum:
    PRELUDE = 12
    AROUND = PRELUDE + 4
    MANY = 64                  # names that are remembered

cdef uint32_t LONGEST = 25 << 20  # bytes of a message; AWS sends 24 MiB of payload at the most
cdef object UpstreamProtocolError_ = UpstreamProtocolError
crc32_begin()


cdef inline uint32_t number(const unsigned char *at) noexcept:
    return <uint32_t>at[0] << 24 | <uint32_t>at[1] << 16 | <uint32_t>at[2] << 8 | at[3]


cdef object broken(str why):
    return UpstreamProtocolError_(f"the upstream's event stream is broken: {why}")


@cython.final
cdef class AwsEvents:
    """Cuts one body into events. After an error it is of no more use.

    read: returns name and payload of a message, out of its headers and its payload; where it hands on the payload, the
    name of all messages with these headers is remembered.
    """

    def __init__(self, read not None):
        self.read = read
        self.held = b""
        self.names = {}

    @property
    def waiting(self):
        """Whether part of a message was received."""
        return self.at < PyBytes_GET_SIZE(self.held)

    def feed(self, bytes data not None):
        """Take the next bytes; return what yields name and payload of the events that are whole, all to be taken.

        What it yields raises UpstreamProtocolError at a wrong checksum or length, after the events before it.
        """
        self.held = data if self.at == PyBytes_GET_SIZE(self.held) else self.held[self.at:] + data
        self.at = 0
        return self

    def __iter__(self):
        return self

    def __next__(self):
        if not self.find():
            raise StopIteration
        return self.event()

    cdef bint find(self) except -1:
        # Cut out the next message; False where it is not whole yet.
        cdef const unsigned char *s = <const unsigned char *>PyBytes_AS_STRING(self.held) + self.at
        cdef Py_ssize_t left = PyBytes_GET_SIZE(self.held) - self.at
        cdef uint32_t total, headers
        if left < PRELUDE:
            return False
        total, headers = number(s), number(s + 4)
        if crc32_of(s, 8) != number(s + 8):
            raise broken("the checksum of a prelude is wrong")
        if total > LONGEST or <Py_ssize_t>headers + AROUND > total:
            raise broken(f"a message says that it has {total} bytes, {headers} of them headers")
        if left < <Py_ssize_t>total:
            return False
        self.at += total
        if crc32_of(s, total - 4) != number(s + total - 4):
            raise broken("the checksum of a message is wrong")
        self.head = s + PRELUDE
        self.payload = self.head + headers
        self.payload_end = s + total - 4
        return True

    cdef bytes headers(self):
        # Those of the message that was found, as long as nothing else is fed.
        return self.head[:self.payload - self.head]

    cdef bint alike(self, bytes head) noexcept:
        # Whether it has these headers.
        cdef Py_ssize_t size = self.payload - self.head
        return size == PyBytes_GET_SIZE(head) and memcmp(self.head, PyBytes_AS_STRING(head), size) == 0

    cdef tuple event(self):
        # Its name and payload.
        cdef bytes head = self.headers(), payload = self.payload[:self.payload_end - self.payload]
        name = self.names.get(head)
        if name is not None:
            return name, payload
        found = self.read(head, payload)
        if found[1] is payload and len(self.names) < MANY:
            self.names[head] = found[0]
        return found
