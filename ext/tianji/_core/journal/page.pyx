"""The memory of a journal's file: records are copied into it. `tianji.ledger.journal` says what a file consists of."""

import cython

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

cdef extern from "fault_in.h":
    void fault_in(void* start, size_t size) noexcept nogil
    void let_go(void* start, size_t size) noexcept nogil

cdef extern from "crc32.h":
    void crc32_begin() noexcept
    uint32_t crc32_of(const unsigned char* at, size_t size) noexcept

cdef enum:
    HEAD = 8  # bytes before a record: its length and its CRC-32, little endian

crc32_begin()


@cython.final
cdef class Page:
    """`memory`: a writable buffer, which stays open until this is closed; `at`: where the first record will stand."""

    def __init__(self, memory not None, Py_ssize_t at):
        if self.start != NULL:
            raise TypeError("a page is opened once")
        PyObject_GetBuffer(memory, &self.view, PyBUF_WRITABLE)
        self.start = <char*>self.view.buf
        self.end = self.view.len
        self.move(at)

    def __dealloc__(self):
        self.close()

    def close(self):
        """Let go of the memory; nothing is written any more."""
        if self.start != NULL:
            self.start = NULL
            PyBuffer_Release(&self.view)

    def move(self, Py_ssize_t at):
        """Have the next record stand there. Raises ValueError for a place that is not in the memory."""
        if not 0 <= at <= self.end:
            raise ValueError(f"{at} is not between 0 and {self.end}")
        self.at = at

    def warm(self, Py_ssize_t start, Py_ssize_t end):
        """Have the kernel give the memory between two places, so that copying there waits for no disk.

        It may be called by a thread while another one writes: it changes nothing and lets others run. The memory cannot
        be unmapped meanwhile, even if this is closed. Raises ValueError for places that are not in it, or when closed.
        """
        cdef Py_buffer held
        if not 0 <= start <= end <= self.end or self.start == NULL:
            raise ValueError(f"{start} to {end} is not in the memory")
        PyObject_GetBuffer(<object>self.view.obj, &held, PyBUF_WRITABLE)
        try:
            with nogil:
                fault_in(<char*>held.buf + start, <size_t>(end - start))
        finally:
            PyBuffer_Release(&held)

    def leave(self):
        """Have the kernel take back what it gave, bit by bit, and write nothing any more.

        The memory has to be a mapped file's, which keeps what was written. Unmapping all at once would hold up whoever
        wakes up on the same core.
        """
        if self.start != NULL:
            with nogil:
                let_go(self.start, <size_t>self.end)
            self.close()

    def write(self, bytes body not None):
        """Copy a record in; False when there is no room for it."""
        return self._copy(<const unsigned char*>PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body), self.end)

    cdef bint put(self, const unsigned char* body, Py_ssize_t size) noexcept:
        """Copy a record in; False where it would end behind the mark."""
        return self._copy(body, size, self.mark)

    cdef bint _copy(self, const unsigned char* body, Py_ssize_t size, Py_ssize_t most) noexcept:
        cdef uint32_t head[2]
        if self.start == NULL or size > min(most, self.end) - self.at - HEAD:
            return False
        head[0], head[1] = <uint32_t>size, crc32_of(body, <size_t>size)
        memcpy(self.start + self.at, head, HEAD)
        memcpy(self.start + self.at + HEAD, body, <size_t>size)
        self.at += HEAD + size
        return True
