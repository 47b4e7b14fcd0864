"""What answers the paths that lead one way."""

from tianji._core.edges.exchange cimport Handler
from tianji._core.requests.lane cimport Way
from tianji._core.requests.pipeline cimport Operation, Pipeline


cdef class Carriage(Handler):
    cdef readonly Pipeline pipeline
    cdef readonly Operation operation
    cdef readonly Way way             # None before the first request
    cdef object make                  # Callable[[], Way]
    cdef object upgrade               # Callable[[Carriage, Exchange, Match], None]: begins a conversation; or None

    cdef Way lead(self)
