"""Values written as msgpack, one behind the other."""


cdef class Packer:
    cdef unsigned char* start
    cdef unsigned char* at
    cdef unsigned char* end

    cdef int begin(self) except -1
    cdef Py_ssize_t size(self) noexcept
    cdef bytes written(self)
    cdef int array(self, Py_ssize_t count) except -1
    cdef int nil(self) except -1
    cdef int flag(self, bint value) except -1
    cdef int integer(self, long long value) except -1
    cdef int natural(self, unsigned long long value) except -1
    cdef int text(self, str value) except -1
    cdef int binary(self, bytes value) except -1
    cdef int raw(self, bytes value) except -1
    cdef int value(self, object value) except -1
    cdef int _reserve(self, Py_ssize_t size) except -1
