"""The records of a journal: how long one is, its CRC-32, and that many bytes, see tianji.ledger.journal."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

cdef extern from "crc32.h":
    void crc32_begin() noexcept
    uint32_t crc32_of(const unsigned char* at, size_t size) noexcept

cdef enum:
    HEAD = 8  # bytes before a record's body: both numbers, little endian

crc32_begin()


def bodies(bytes data not None, Py_ssize_t most):
    """Return the bodies of at most `most` records, up to the first that is not there, not whole or not right."""
    cdef const unsigned char *start = <const unsigned char *>PyBytes_AS_STRING(data)
    cdef Py_ssize_t at = 0, size = PyBytes_GET_SIZE(data)
    cdef uint32_t length, checksum
    cdef list found = []
    while len(found) < most and size - at >= HEAD:
        memcpy(&length, start + at, 4)
        memcpy(&checksum, start + at + 4, 4)
        if not length or size - at - HEAD < length:
            break
        if crc32_of(start + at + HEAD, length) != checksum:
            break
        found.append(PyBytes_FromStringAndSize(<const char *>start + at + HEAD, length))
        at += HEAD + length
    return found
