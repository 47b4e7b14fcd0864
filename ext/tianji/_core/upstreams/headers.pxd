"""Header lists of requests and answers on the hot path."""


cdef class ClientHeaders:
    cdef readonly bytes call_id       # a usable id the client chose, or None
    cdef readonly bint steers         # a header asks for something special


cpdef ClientHeaders read_client_headers(list headers)
cpdef int add_upstream_headers(list answer, list upstream) except -1
cpdef bytes milliseconds(double seconds)
cpdef list begin_answer(bint streamed, bytes call_id, bint compat)
cpdef str name_request(list headers, bytes call_id)
cpdef int add_times(list answer, double whole, double upstream, bint compat) except -1
