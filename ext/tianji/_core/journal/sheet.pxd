"""Entries of journals as rows of the ledger, and what they sum up to."""

from libc.stdint cimport uint64_t

from tianji._core.journal.msgpack cimport msgpack_walk


cdef enum:
    FIGURES = 11
    QUANTITIES = 4        # sound in, sound out, pictures, milliseconds of video: the kinds that are counted apart
    UNTOLD = -1           # of a time that there was not, and of what a provider does not say
    COLUMNS = 24          # of a row
    REQUEST_ID = 0        # places in a row
    ENDED_AT = 4


cdef class Account:
    # What entries have in common: whom they are for, what served them, at what rates.
    cdef readonly object shared
    cdef public object id         # what the database calls it; whoever posts the sheet sets it
    cdef Sum latest
    cdef dict sums                # by day and end user
    cdef Alike met
    cdef dict alikes              # by what they have of their own


cdef class Alike:
    # What entries that series do not tell apart have in common, beyond their account.
    cdef readonly Account account
    cdef readonly object end_user
    cdef readonly object ip
    cdef readonly str status
    cdef readonly object error_code
    cdef readonly object error_class
    cdef readonly object limited
    cdef readonly Py_ssize_t last  # the row of the last one of them
    cdef dict cells                # used by whoever counts them, while he does


cdef class Sum:
    # What the entries of one account, of one day and for one end user sum up to.
    cdef readonly Account account
    cdef readonly long long day   # since 1970
    cdef readonly object end_user
    cdef long long grown[FIGURES]


cdef struct Measured:  # of an entry; times are microseconds
    void *alike                   # an Alike of the sheet
    long long took                # from its beginning to its end
    long long first               # from its beginning to its first byte, or UNTOLD
    long long waited
    long long upstream
    long long cost
    long long prompt
    long long completion
    long long cached
    long long written
    long long reasoning
    long long counted[QUANTITIES]
    long long left_requests       # as its provider said, or UNTOLD
    long long left_tokens
    bint tells                    # whether the provider said one of them
    bint priced
    bint stream
    bint hit


cdef class Sheet:
    cdef readonly list accounts   # each once, in the order in which they came
    cdef readonly list sums
    cdef readonly list said       # entries that have a payload, encoded
    cdef readonly list bodies     # of all entries on it, encoded
    cdef readonly long long first  # when the earliest of them began, microseconds since 1970; beyond any without one
    cdef readonly long long last  # and the latest
    cdef list alikes              # as they came
    cdef list values              # rows, one behind the other, with their Account in place of its id
    cdef Py_ssize_t count         # of rows
    cdef Measured *measured       # as many
    cdef Py_ssize_t measures      # for which there is room
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
    cdef int _make_room(self, Py_ssize_t size) except -1
    cdef list _read(self, msgpack_walk *walk, long long *grown, Measured *measured)
    cdef str _read_added(self, msgpack_walk *walk, uint64_t members, Measured *measured, list row)
    cdef int _begin(self) except -1
    cdef int _copy(self, msgpack_walk *walk, int count) except -1
    cdef str _items(self, msgpack_walk *walk, Measured *measured)
    cdef uint64_t _there(self, Py_ssize_t start)
    cdef tuple _joined(self, list starts, uint64_t there, Py_ssize_t size, Py_ssize_t which)
    cdef Account _account(self)
    cdef Alike _alike(self, Account account, list row, str limited)
    cdef int _sum_up(self, Account account, long long day, object end_user, long long *grown) except -1
    cdef str _name(self, msgpack_walk *walk)
    cdef object _maybe(self, msgpack_walk *walk)
