"""How conversations over WebSockets end, as RFC 6455 lets it be said."""

cpdef int sendable(int code) noexcept

cdef bytes shortened(bytes reason)
