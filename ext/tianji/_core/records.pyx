"""The records of a journal: how long one is, its CRC-32, and that many bytes, see tianji.ledger.journal."""

from zlib import crc32 as _crc32

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

cdef object crc32 = _crc32

cdef enum:
    HEAD = 8  # bytes before a record's body: both numbers, little endian


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
        body = PyBytes_FromStringAndSize(<const char *>start + at + HEAD, length)
        if <uint32_t>crc32(body) != checksum:
            break
        found.append(body)
        at += HEAD + length
    return found
