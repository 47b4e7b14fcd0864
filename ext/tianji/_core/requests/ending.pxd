"""How every request ends, whoever serves it."""

from tianji._core.requests.asked cimport Asked


cdef object errors_of(Asked request)
cdef int answer_error(Asked request, object error, list headers) except -1
cdef object owned(Asked request, object error)
cdef bint finish_up(Asked request, int status) except -1
cdef int let_go(Asked request) except -1
