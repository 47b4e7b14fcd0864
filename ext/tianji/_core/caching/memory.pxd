"""Answers that were given before, in the memory of one worker."""

from libc.stdint cimport uint64_t

from tianji._core.sharing.revision cimport Revisions
from tianji._core.streams.usage cimport Usage


cdef class Answer:
    cdef readonly bytes body          # as the client got it: a whole one, or all events of a stream
    cdef readonly bytes model_json    # the name that it has, as JSON text
    cdef readonly bint streamed
    cdef readonly bint shows_usage    # of a stream: it ends with its usage, as its reader wanted
    cdef readonly double stored_at    # seconds since 1970
    cdef readonly double expires      # likewise; 0: never
    cdef readonly Usage usage         # what making it used; or None

    cdef bint fresh(self, double now) noexcept


cdef class Slot:
    cdef str key
    cdef Answer answer                # None once it was taken out
    cdef Py_ssize_t size              # bytes
    cdef int hits                     # since it was looked at last for room, 3 at the most
    cdef bint proven                  # in the queue of those that were asked for again


cdef class MemoryCache:
    cdef readonly Py_ssize_t room     # bytes
    cdef readonly Py_ssize_t size     # bytes in use
    cdef Py_ssize_t young_size        # of them: in the queue of newcomers
    cdef dict slots                   # by key
    cdef object young                 # deques of Slot, the oldest first
    cdef object old
    cdef dict ghosts                  # keys that were pushed out of `young` lately, the oldest first
    cdef Revisions revisions          # tell what another worker was told to forget
    cdef uint64_t read                # up to which of them

    cpdef Answer find(self, str key, double now)
    cpdef int put(self, str key, Answer answer) except -1
    cdef int take_out(self, Slot slot) except -1
    cdef int make_room(self) except -1
    cdef int evict_young(self) except -1
    cdef int evict_old(self) except -1
    cdef int catch_up(self) except -1
