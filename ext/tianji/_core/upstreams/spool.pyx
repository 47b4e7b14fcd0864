"""Bytes that are kept in a file without a name, so that they need no memory.

The file lies in the system's folder for temporary files (`TMPDIR`). It has no name from its beginning on, so the kernel
frees it with the last reference to it, whatever ends the request or the process. What is written goes into the page
cache, as it does where nginx keeps a body: the loop waits for a disk only where the kernel holds back all who write.
"""

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

import errno
import os

from tianji.errors import InsufficientStorage, TianjiError

cdef extern from "<unistd.h>" nogil:
    ssize_t pwrite(int fd, const void* data, size_t size, long long at)
    ssize_t pread(int fd, void* data, size_t size, long long at)
    int close(int fd)

    int unlink(const char* path)

cdef extern from "<stdlib.h>" nogil:
    int mkostemp(char* template, int flags)

cdef extern from "<fcntl.h>" nogil:
    int O_CLOEXEC

cdef extern from "<errno.h>" nogil:
    int last_error "errno"

cdef frozenset NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


cdef object fault(int number):
    # What a client hears of an error of the system's.
    if number in NO_ROOM:
        return InsufficientStorage("there is no room left to keep a body of this size; try again later")
    return TianjiError(f"the temporary file of a body cannot be used: {os.strerror(number)}")


@cython.final
cdef class Spool:
    """A file without a name that grows at its end. Raises InsufficientStorage for a full disk, here and in `write`."""

    def __cinit__(self):
        self.descriptor = -1

    def __init__(self):
        cdef bytearray path = bytearray(os.fsencode(os.environ.get("TMPDIR") or "/tmp") + b"/tianji-XXXXXX")
        cdef char* name = PyByteArray_AS_STRING(path)
        self.descriptor = mkostemp(name, O_CLOEXEC)
        if self.descriptor < 0:
            raise fault(last_error)
        unlink(name)

    def __dealloc__(self):
        self.close()

    cdef int append(self, const char* data, Py_ssize_t size) except -1:
        # `data` must stay where it is until this returns; other threads run meanwhile.
        cdef Py_ssize_t done = 0
        cdef ssize_t wrote
        cdef int number = 0
        cdef int descriptor = self.descriptor
        cdef long long at = self.size
        if descriptor < 0:
            raise fault(errno.EBADF)
        with nogil:
            while done < size:
                wrote = pwrite(descriptor, data + done, <size_t>(size - done), at + done)
                if wrote < 0:
                    number = last_error
                    break
                done += wrote
        if number:
            raise fault(number)
        self.size += size
        return 0

    def write(self, bytes data not None):
        """Append `data`."""
        self.append(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    cpdef bytes read(self, long long at, Py_ssize_t size):
        """Return `size` bytes from `at` on, fewer at the end of the file."""
        cdef bytes data
        cdef char* place
        cdef Py_ssize_t done = 0
        cdef ssize_t got
        cdef int number = 0
        cdef int descriptor = self.descriptor
        if descriptor < 0:
            raise fault(errno.EBADF)
        if at < 0 or size < 0:
            raise ValueError("a place in a file is a number from 0 on")
        size = <Py_ssize_t>max(0, min(<long long>size, self.size - at))
        data = PyBytes_FromStringAndSize(NULL, size)
        place = PyBytes_AS_STRING(data)
        with nogil:
            while done < size:
                got = pread(descriptor, place + done, <size_t>(size - done), at + done)
                if got <= 0:
                    number = last_error if got < 0 else 5  # EIO: it has shrunk
                    break
                done += got
        if number:
            raise fault(number)
        return data

    def close(self):
        """Free what it holds now, whoever still refers to it."""
        if self.descriptor >= 0:
            close(self.descriptor)
            self.descriptor = -1


@cython.final
cdef class Extent:
    """`size` bytes of a spool from `at` on. Raises ValueError for a part that is not there."""

    def __init__(self, Spool spool not None, long long at, long long size):
        if at < 0 or size < 0 or at > spool.size - size:
            raise ValueError(f"the spool has {spool.size} bytes, not {size} from {at} on")
        self.spool = spool
        self.at = at
        self.size = size
