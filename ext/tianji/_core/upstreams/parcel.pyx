"""A request that is sent piece by piece, because it is too large to be held in memory or in a socket's buffer."""

cimport cython
from cpython.bytes cimport PyBytes_GET_SIZE

from tianji._core.upstreams.spool cimport Extent
from tianji._core.edges.wire cimport Wire

cdef enum:
    PIECE = 128 * 1024  # bytes of one write
    TURN = 8            # writes before others have their turn


cdef long long size_of(object part) except -1:
    if type(part) is bytes:
        return PyBytes_GET_SIZE(<bytes>part)
    return (<Extent?>part).size


@cython.final
cdef class Parcel:
    """`parts`: bytes and Extents, in order; together a whole request with its head. It can be sent more than once,
    one time after another."""

    def __init__(self, list parts not None):
        self.parts = [part for part in parts if size_of(part)]  # raises TypeError for what is neither

    cdef int rewind(self) except -1:
        self.index = self.at = 0
        self.full = False
        return 0

    cdef bint pour(self, Wire wire) except -1:
        """Write until the transport is full or it is somebody else's turn; whether that was all."""
        cdef bytes piece
        cdef int _
        for _ in range(TURN):
            piece = self.next_piece()
            if piece is None:
                return True
            wire.write(piece)
            if self.full:
                break
        return self.index == len(self.parts)

    cdef bytes next_piece(self):
        cdef object part
        cdef bytes piece
        cdef Py_ssize_t size
        if self.index == len(self.parts):
            return None
        part = self.parts[self.index]
        size = <Py_ssize_t>min(size_of(part) - self.at, <long long>PIECE)
        if type(part) is bytes:
            piece = (<bytes>part)[self.at:self.at + size]
        else:
            piece = (<Extent>part).spool.read((<Extent>part).at + self.at, size)
        self.at += size
        if self.at == size_of(part):
            self.index += 1
            self.at = 0
        return piece
