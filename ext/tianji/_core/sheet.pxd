"""Entries of journals as rows of the ledger, and what they sum up to."""

from libc.stdint cimport uint64_t


cdef extern from "msgpack_walk.h":
    ctypedef struct msgpack_walk:
        const unsigned char *at
        const unsigned char *end


cdef enum:
    FIGURES = 10


cdef class Account:
    # What entries have in common: whom they are for, what served them, at what rates.
    cdef readonly object shared
    cdef public object id         # what the database calls it; whoever posts the sheet sets it
    cdef Sum latest
    cdef dict sums                # by day and end user


cdef class Sum:
    # What the entries of one account, of one day and for one end user sum up to.
    cdef readonly Account account
    cdef readonly long long day   # since 1970
    cdef readonly object end_user
    cdef long long grown[FIGURES]


cdef class Sheet:
    cdef readonly list accounts   # each once, in the order in which they came
    cdef readonly list sums
    cdef readonly list said       # entries that have a payload, encoded
    cdef list bodies
    cdef list values              # rows, with their Account in place of its id
    cdef dict by_raw
    cdef object opened
    cdef object mended
    cdef object runs
    cdef object text
    cdef object name
    cdef uint64_t longest
    cdef unsigned char *raw       # the account that is being read
    cdef Py_ssize_t room
    cdef Py_ssize_t used
    cdef int _add(self, bytes body) except -1
    cdef list _read(self, msgpack_walk *walk, long long *grown)
    cdef object _runs(self, msgpack_walk *walk, uint64_t members)
    cdef int _begin(self) except -1
    cdef int _copy(self, msgpack_walk *walk, int count) except -1
    cdef str _items(self, msgpack_walk *walk)
    cdef Account _account(self)
    cdef int _sum_up(self, Account account, long long day, object end_user, long long *grown) except -1
    cdef str _name(self, msgpack_walk *walk)
    cdef object _maybe(self, msgpack_walk *walk)
