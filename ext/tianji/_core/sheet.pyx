"""Entries of journals as rows of the ledger, and what they sum up to: read where they stand, decoded no further.

An entry is an array of msgpack, its members in the order of `tianji.ledger.entry.Entry`. What entries have in common
is copied out as it is, and looked for among what others had: so whom an entry is for is made out once for all that
are alike, and nothing of it is written into their rows.
"""

import cython
from zlib import crc32 as _crc32

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memchr, memcmp, memcpy

cdef extern from "meter.h":
    const long long METER_MOST

cdef extern from "msgpack_walk.h":
    bint msgpack_nil(msgpack_walk *walk) nogil
    bint msgpack_flag(msgpack_walk *walk, int *value) nogil
    bint msgpack_integer(msgpack_walk *walk, long long *value) nogil
    bint msgpack_array(msgpack_walk *walk, uint64_t *count) nogil
    bint msgpack_text(msgpack_walk *walk, const char **text, uint64_t *length) nogil
    bint msgpack_skip(msgpack_walk *walk) nogil

cdef extern from *:
    """
    static inline long long sheet_sum(long long a, long long b) {
        long long sum;
        return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
    }
    """
    long long sheet_sum(long long a, long long b) noexcept nogil

cdef object crc32 = _crc32
cdef str SUCCESS = "success"
cdef long long DAY = 86_400_000_000  # microseconds

cdef enum:
    HEAD = 8              # bytes before a record: its length and its CRC-32, little endian
    MEMBERS = 41          # of an entry of the first release; what was added since counts as not there where it is not
    ACCOUNT = 2           # its place in a row
    DIGITS = 22           # of an integer and what follows it, at most
    SPARE = 16            # bytes that an account may take more than its entry
    MOST_ITEMS = 64       # of one cost
    STARTED = 3
    RUNS = 22
    ADDED = 4             # members behind the payload, the last of which is what guardrails did
    NO_RUNS = 4           # bytes that those take at most where there were none
    END_USER = 8
    ENDED = 5             # of a Place: how many members stand before the status of a request that has ended


def bodies(bytes data not None, Py_ssize_t most):
    """Return the bodies of at most `most` records, up to the first that is not there, not whole or not right."""
    cdef const unsigned char *start = <const unsigned char *>PyBytes_AS_STRING(data)
    cdef Py_ssize_t at = 0, size = PyBytes_GET_SIZE(data)
    cdef uint32_t length, checksum
    cdef list found = []
    while len(found) < most and size - at >= HEAD:
        memcpy(&length, start + at, 4)
        memcpy(&checksum, start + at + 4, 4)
        if not length or size - at - HEAD < length:
            break
        body = PyBytes_FromStringAndSize(<const char *>start + at + HEAD, length)
        if <uint32_t>crc32(body) != checksum:
            break
        found.append(body)
        at += HEAD + length
    return found


@cython.final
cdef class Account:
    """What entries have in common, which is `shared`. `id`: what the database calls it, None until that is known."""

    def __cinit__(self, object shared):
        self.shared = shared
        self.sums = {}


@cython.final
cdef class Sum:
    """What the entries of one account, of one day and for one end user sum up to."""

    @property
    def figures(self):
        """Nano-dollars, tokens, requests and so on, in the order of `tianji.ledger.rows.SUMS`."""
        return tuple([self.grown[i] for i in range(FIGURES)])


@cython.final
cdef class Sheet:
    """Rows and sums of the entries that are put on it."""

    def __cinit__(self, object opened not None, object mended not None, object runs not None,
                  object text not None, object name not None, int longest):
        """`opened` opens what entries have in common, `mended` encodes an entry of an older release anew, `runs`
        says what guardrails did, `text` shortens a message, `name` makes a name of what has more than `longest` bytes.
        They may raise ValueError.
        """
        self.accounts, self.sums, self.said, self.bodies, self.values, self.by_raw = [], [], [], [], [], {}
        self.opened, self.mended, self.runs = opened, mended, runs
        self.text, self.name, self.longest = text, name, longest

    def __dealloc__(self):
        PyMem_Free(self.raw)

    def __len__(self):
        return len(self.values)

    @property
    def names(self):
        """The names of all requests on it."""
        return [row[0] for row in self.values]

    def take(self, list encoded not None):
        """Put entries on it, as a journal has them; return how many could be read: the first that cannot ends it."""
        cdef Py_ssize_t taken = 0
        for body in encoded:
            try:
                self._add(body)
            except ValueError:
                break
            taken += 1
        return taken

    def without(self, set known not None):
        """Return a sheet without the requests that are known, and with each of the others once."""
        cdef Sheet made = Sheet(self.opened, self.mended, self.runs, self.text, self.name, self.longest)
        seen = set(known)
        for body, row in zip(self.bodies, self.values):
            if row[0] not in seen:
                seen.add(row[0])
                made._add(body)
        return made

    def rows(self):
        """Return all rows, in the order of `tianji.ledger.rows.COLUMNS`. Each account has its id by now."""
        cdef list made = []
        cdef list row
        for row in self.values:
            filled = list(row)
            filled[ACCOUNT] = (<Account>row[ACCOUNT]).id
            made.append(tuple(filled))
        return made

    def parts(self):
        """Return the same without what is None: pairs of columns, by their places, and of rows that have just these.

        sqlite3 takes longer for one None than for ten integers.
        """
        cdef dict found = {}
        cdef list row, filled
        cdef uint64_t there
        cdef int i
        for row in self.values:
            there, filled = 0, []
            for i in range(len(row)):
                if row[i] is not None:
                    there |= <uint64_t>1 << i
                    filled.append((<Account>row[i]).id if i == ACCOUNT else row[i])
            alike = found.get(there)
            if alike is None:
                alike = found[there] = ([i for i in range(len(row)) if there >> i & 1], [])
            (<list>alike[1]).append(tuple(filled))
        return list(found.values())

    cdef int _add(self, bytes body) except -1:
        """Put an entry on it, unless it is merely the end of a request. Raises ValueError for what is none."""
        cdef msgpack_walk walk, place
        cdef uint64_t members
        cdef long long grown[FIGURES]
        cdef bint said, paid
        cdef Py_ssize_t size = PyBytes_GET_SIZE(body)
        walk.at = <const unsigned char *>PyBytes_AS_STRING(body)
        walk.end = walk.at + size
        if not msgpack_array(&walk, &members):
            raise ValueError("an entry is an array")
        if members < MEMBERS:
            return self._add(self.mended(body))
        if size + SPARE > self.room:
            raw = <unsigned char *>PyMem_Realloc(self.raw, 2 * (size + SPARE))
            if raw == NULL:
                raise MemoryError
            self.raw, self.room = raw, 2 * (size + SPARE)
        row = self._read(&walk, grown)
        said = not msgpack_nil(&walk)
        if said:
            pass_over(&walk)
        place, paid = walk, True
        if members > MEMBERS:
            paid = belongs(&place)
            row[RUNS] = self._runs(&walk, members - MEMBERS)
        if paid:
            account = self._account()
            row[ACCOUNT] = account
            if said:
                self.said.append(body)
            self.bodies.append(body)
            self.values.append(row)
            self._sum_up(account, day_of(row[STARTED]), row[END_USER], grown)
        return 0

    cdef list _read(self, msgpack_walk *walk, long long *grown):
        """Read all members up to the payload: those of the account into `raw`, the others into a row."""
        cdef long long started, ended
        cdef int flag[4]
        cdef int i
        self._begin()
        request, call = self._name(walk), self._name(walk)
        started, ended = integer(walk), integer(walk)
        status = self._name(walk)
        self._copy(walk, 1)
        answered = None if msgpack_nil(walk) else integer(walk)
        attempt = bounded(walk)
        self._copy(walk, 10)
        end_user = self._maybe(walk)
        self._copy(walk, 1)
        session, ip = self._maybe(walk), self._maybe(walk)
        self._copy(walk, 1)
        for i in range(1, 5):
            grown[i] = bounded(walk)
        reasoning, grown[0] = bounded(walk), bounded(walk)
        quantities = self._items(walk)
        self._copy(walk, 3)
        for i in range(4):
            if not msgpack_flag(walk, &flag[i]):
                raise ValueError("no flag")
        code, kind = self._maybe(walk), self._maybe(walk)
        message = None if msgpack_nil(walk) else self.text(text(walk))
        grown[5], grown[6], grown[8] = 1, status == SUCCESS, flag[1]
        grown[7] = 1 - grown[6]
        grown[9] = 0 if ended < started else (<uint64_t>ended - <uint64_t>started) // 1000
        return [
            request, call, None, started, ended, answered, attempt, status, end_user, session, ip,
            grown[1], grown[2], grown[3], grown[4], reasoning, grown[0], quantities,
            flag[0] | flag[1] << 1 | flag[2] << 2 | flag[3] << 3, code, kind, message, None,
        ]

    cdef object _runs(self, msgpack_walk *walk, uint64_t members):
        """Read what guardrails did, which is the last of the members that were added since."""
        cdef const unsigned char *start
        if members < ADDED:
            return None
        for _ in range(ADDED - 1):
            pass_over(walk)
        start = walk.at
        pass_over(walk)
        if walk.at - start <= NO_RUNS:
            return None
        return self.runs(PyBytes_FromStringAndSize(<const char *>start, walk.at - start))

    cdef int _begin(self) except -1:
        """Begin another account: an array of 17 members."""
        memcpy(self.raw, b"\xdc\x00\x11", 3)
        self.used = 3
        return 0

    cdef int _copy(self, msgpack_walk *walk, int count) except -1:
        """Let so many members belong to the account."""
        cdef const unsigned char *start = walk.at
        for _ in range(count):
            pass_over(walk)
        memcpy(self.raw + self.used, start, walk.at - start)
        self.used += walk.at - start
        return 0

    cdef str _items(self, msgpack_walk *walk):
        """Read what a cost comes of: kinds and rates belong to the account, the quantities are returned as JSON."""
        cdef const unsigned char *start = walk.at
        cdef uint64_t count, parts
        cdef Py_ssize_t written = 0
        cdef char line[MOST_ITEMS * DIGITS + 2]
        if not msgpack_array(walk, &count) or count > MOST_ITEMS:
            raise ValueError("no items")
        memcpy(self.raw + self.used, start, walk.at - start)
        self.used += walk.at - start
        line[0] = b"["
        for _ in range(count):
            if not msgpack_array(walk, &parts) or parts != 3:
                raise ValueError("no item")
            self.raw[self.used] = 0x92  # an array of two
            self.used += 1
            self._copy(walk, 1)
            written += snprintf(line + 1 + written, DIGITS, b"%lld,", integer(walk))
            self._copy(walk, 1)
        line[max(1, written)] = b"]"  # in place of the last comma
        return PyUnicode_DecodeUTF8(line, max(1, written) + 1, NULL)

    cdef Account _account(self):
        """Return the account of what was read last; equal ones are one."""
        raw = PyBytes_FromStringAndSize(<const char *>self.raw, self.used)
        found = self.by_raw.get(raw)
        if found is None:
            found = self.by_raw[raw] = Account(self.opened(raw))
            self.accounts.append(found)
        return <Account>found

    cdef int _sum_up(self, Account account, long long day, object end_user, long long *grown) except -1:
        cdef Sum sums = account.latest
        cdef int i
        if sums is None or sums.day != day or sums.end_user is not end_user:
            sums = account.sums.get((day, end_user))
            if sums is None:
                sums = account.sums[day, end_user] = Sum.__new__(Sum)
                sums.account, sums.day, sums.end_user = account, day, end_user
                self.sums.append(sums)
            account.latest = sums
        for i in range(FIGURES):
            sums.grown[i] = sheet_sum(sums.grown[i], grown[i])
        return 0

    cdef str _name(self, msgpack_walk *walk):
        cdef const char *start
        cdef uint64_t length
        if not msgpack_text(walk, &start, &length):
            raise ValueError("no text")
        if length == 7 and memcmp(start, b"success", 7) == 0:
            return SUCCESS  # one for all of them
        said = PyUnicode_DecodeUTF8(start, length, NULL)
        return said if length <= self.longest and memchr(start, 0, length) == NULL else self.name(said)

    cdef object _maybe(self, msgpack_walk *walk):
        return None if msgpack_nil(walk) else self._name(walk)


cdef str text(msgpack_walk *walk):
    cdef const char *start
    cdef uint64_t length
    if not msgpack_text(walk, &start, &length):
        raise ValueError("no text")
    return PyUnicode_DecodeUTF8(start, length, NULL)


cdef long long integer(msgpack_walk *walk) except? -1:
    cdef long long value
    if not msgpack_integer(walk, &value):
        raise ValueError("no integer")
    return value


cdef long long bounded(msgpack_walk *walk) except? -1:
    """A figure that can be summed: one that no request reaches must not stop all others."""
    return min(integer(walk), METER_MOST)


cdef long long day_of(long long microseconds) noexcept:
    return microseconds // DAY - (microseconds % DAY < 0)


cdef int pass_over(msgpack_walk *walk) except -1:
    if not msgpack_skip(walk):
        raise ValueError("no value")
    return 0


cdef bint belongs(msgpack_walk *walk) except -1:
    """Whether an entry with this Place belongs into the books: it is not merely the end of a request."""
    cdef uint64_t members
    if msgpack_nil(walk):
        return True
    if not msgpack_array(walk, &members):
        raise ValueError("no place")
    if members <= ENDED:
        return True
    for _ in range(ENDED):
        pass_over(walk)
    return integer(walk) == 0
