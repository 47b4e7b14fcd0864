"""Entries of journals as rows of the ledger, and what they sum up to: read where they stand, decoded no further.

An entry is an array of msgpack, its members in the order of `tianji.ledger.entry.Entry`. What entries have in common
is copied out as it is, and looked for among what others had: so whom an entry is for is made out once for all that
are alike, and nothing of it is written into their rows.
"""

import cython
from operator import attrgetter

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_ITEM
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset

from tianji._core.journal.entry_parts cimport (
    DIGITS, belongs, bounded, counted, day_of, listed, pass_over_some, read_left, saturated_distance, saturated_sum,
    shared_of
)
from tianji._core.journal.msgpack cimport flag, integer, msgpack_array, msgpack_nil, msgpack_text, pass_over, string

cdef str SUCCESS = "success"
cdef object ZERO = 0
cdef long long NEVER = <long long>1 << 62  # microseconds: later than any entry

cdef enum:
    MEMBERS = 41          # of an entry of the first release; what was added since counts as not there where it is not
    ACCOUNT = 2           # its place in a row
    SPARE = 16            # bytes that an account may take more than its entry
    MOST_ITEMS = 64       # of one cost
    STARTED = 3
    STATUS = 7
    END_USER = 8
    IP = 10
    ERROR_CODE = 19
    ERROR_CLASS = 20
    RUNS = 22
    SPEND = 23
    DEFAULTS = 1 << 6 | 0x1F << 11 | 1 << 18  # the columns that are 0 where a row has none
    TIMED = 3             # members behind the payload; the last two are how long it waited and its upstream took
    FIRST_SHARED = 17     # members of an account; project and client are two more where there are such
    NO_RUNS = 4           # bytes at most of what guardrails did where there were none
    FIRST_MEASURES = 64


@cython.final
cdef class Account:
    """What entries have in common, which is `shared`. `id`: what the database calls it, None until that is known."""

    def __cinit__(self, object shared):
        self.shared = shared
        self.sums, self.alikes = {}, {}


@cython.final
cdef class Alike:
    """What entries that series do not tell apart have in common, beyond their account."""


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
        self.accounts, self.sums, self.alikes, self.said = [], [], [], []
        self.bodies, self.values, self.by_raw = [], [], {}
        self.opened, self.mended, self.runs = opened, mended, runs
        self.text, self.name, self.longest = text, name, longest
        self.first, self.last = NEVER, -NEVER

    def __dealloc__(self):
        PyMem_Free(self.raw)
        PyMem_Free(self.measured)

    def __len__(self):
        return self.count

    @property
    def names(self):
        """The names of all requests on it."""
        return self.values[::COLUMNS]

    def latest(self):
        """Return what entries are alike in, in the order in which the last of each came."""
        return sorted(self.alikes, key=attrgetter("last"))

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
        for body, request in zip(self.bodies, self.names):
            if request not in seen:
                seen.add(request)
                made._add(body)
        return made

    def rows(self):
        """Return all rows, in the order of `tianji.ledger.rows.COLUMNS`. Each account has its id by now."""
        cdef list numbers = self.values[:]
        cdef Py_ssize_t i
        for i in range(ACCOUNT, len(numbers), COLUMNS):
            numbers[i] = (<Account>numbers[i]).id
        return [tuple(numbers[i:i + COLUMNS]) for i in range(0, len(numbers), COLUMNS)]

    def parts(self, Py_ssize_t most):
        """Return the same for sqlite3, which takes longer for one None than for ten integers.

        Triples: columns, by their places; a number of rows, `most` or 1; and tuples of so many rows, one behind the
        other, that have these columns alone. What is not there is None, or a 0 that the column has by itself.
        """
        cdef dict found = {}
        cdef list alike, made = []
        cdef uint64_t there
        cdef Py_ssize_t row, whole
        for row in range(self.count):
            there = self._there(row * COLUMNS)
            alike = found.get(there)
            if alike is None:
                alike = found[there] = []
            alike.append(row * COLUMNS)
        for mask, alike in found.items():
            places = [place for place in range(COLUMNS) if <uint64_t>mask >> place & 1]
            whole = len(alike) // most * most
            for count, first, end in ((most, 0, whole), (1, whole, len(alike))):
                if first < end:
                    made.append((places, count, [
                        self._joined(alike, mask, count * len(places), start) for start in range(first, end, count)]))
        return made

    cdef uint64_t _there(self, Py_ssize_t start):
        """Return which columns a row has that nobody would put there for it."""
        cdef uint64_t there = 0
        cdef int i
        for i in range(COLUMNS):
            value = <object>PyList_GET_ITEM(self.values, start + i)
            if value is not None and not (value is ZERO and DEFAULTS >> i & 1):
                there |= <uint64_t>1 << i
        return there

    cdef tuple _joined(self, list starts, uint64_t there, Py_ssize_t size, Py_ssize_t which):
        """Return so many values as rows have that begin at these places, from one on, of the columns that are there."""
        cdef Py_ssize_t start, at = 0
        cdef int i
        cdef tuple made = PyTuple_New(size)
        while at < size:
            start = starts[which]
            which += 1
            for i in range(COLUMNS):
                if there >> i & 1:
                    value = <object>PyList_GET_ITEM(self.values, start + i)
                    if i == ACCOUNT:
                        value = (<Account>value).id
                    Py_INCREF(value)
                    PyTuple_SET_ITEM(made, at, value)
                    at += 1
        return made

    cdef int _add(self, bytes body) except -1:
        """Put an entry on it, unless it is merely the end of a request. Raises ValueError for what is none."""
        cdef msgpack_walk walk, place
        cdef uint64_t members
        cdef long long grown[FIGURES]
        cdef long long started
        cdef bint said, paid
        walk.at = <const unsigned char *>PyBytes_AS_STRING(body)
        walk.end = walk.at + PyBytes_GET_SIZE(body)
        if not msgpack_array(&walk, &members):
            raise ValueError("an entry is an array")
        if members < MEMBERS:
            return self._add(self.mended(body))
        self._make_room(PyBytes_GET_SIZE(body) + SPARE)
        measured = &self.measured[self.count]
        row = self._read(&walk, grown, measured)
        said = not msgpack_nil(&walk)
        if said:
            pass_over(&walk)
        place, paid, limited = walk, True, None
        if members > MEMBERS:
            paid = belongs(&place)
            limited = self._read_added(&walk, members - MEMBERS, measured, row)
        if paid:
            account = self._account()
            row[ACCOUNT] = account
            alike = self._alike(account, row, limited)
            measured.alike = <void *>alike  # `alikes` keeps it alive
            if said:
                self.said.append(body)
            self.bodies.append(body)
            self.values += row
            self.count += 1
            started = row[STARTED]
            self.first, self.last = min(self.first, started), max(self.last, started)
            self._sum_up(account, day_of(started), row[END_USER], grown)
        return 0

    cdef int _make_room(self, Py_ssize_t size) except -1:
        """See to it that there is room for an account of so many bytes, and for one more row's measures."""
        cdef Py_ssize_t measures
        if size > self.room:
            raw = <unsigned char *>PyMem_Realloc(self.raw, 2 * size)
            if raw == NULL:
                raise MemoryError
            self.raw, self.room = raw, 2 * size
        if self.count == self.measures:
            measures = max(<Py_ssize_t>FIRST_MEASURES, 2 * self.measures)
            measured = <Measured *>PyMem_Realloc(self.measured, measures * sizeof(Measured))
            if measured == NULL:
                raise MemoryError
            self.measured, self.measures = measured, measures
        return 0

    cdef list _read(self, msgpack_walk *walk, long long *grown, Measured *measured):
        """Read all members up to the payload: those of the account into `raw`, the others into a row."""
        cdef long long started, ended
        cdef int flags, i
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
        measured.reasoning, grown[0] = bounded(walk), bounded(walk)
        quantities = self._items(walk, measured)
        self._copy(walk, 3)
        measured.stream, measured.hit = flag(walk), flag(walk)
        flags = measured.stream | measured.hit << 1 | flag(walk) << 2 | flag(walk) << 3
        code, kind = self._maybe(walk), self._maybe(walk)
        message = None if msgpack_nil(walk) else self.text(string(walk))
        measured.took = saturated_distance(started, ended)
        measured.first = UNTOLD if answered is None else saturated_distance(started, answered)
        measured.cost, measured.prompt, measured.completion = grown[0], grown[1], grown[2]
        measured.cached, measured.written = grown[3], grown[4]
        measured.waited = measured.upstream = 0
        measured.tells = False
        grown[5], grown[6], grown[8] = 1, status == SUCCESS, measured.hit
        grown[7], grown[10] = 1 - grown[6], grown[2] if measured.hit else 0
        grown[9] = 0 if ended < started else (<uint64_t>ended - <uint64_t>started) // 1000
        return [
            request, call, None, started, ended, answered, attempt, status, end_user, session, ip, grown[1], grown[2],
            grown[3], grown[4], measured.reasoning, grown[0], quantities, flags, code, kind, message, None, None,
        ]

    cdef str _read_added(self, msgpack_walk *walk, uint64_t members, Measured *measured, list row):
        """Read what was added behind the payload, some of it into the row; return what is limited."""
        cdef const unsigned char *start
        cdef uint64_t parts
        if members < TIMED:
            return None
        pass_over(walk)
        measured.waited, measured.upstream = integer(walk), integer(walk)
        if members == TIMED:
            return None
        start = walk.at
        pass_over(walk)
        if walk.at - start > NO_RUNS:
            row[RUNS] = self.runs(PyBytes_FromStringAndSize(<const char *>start, walk.at - start))
        if members > TIMED + 1 and not msgpack_nil(walk):
            measured.tells = read_left(walk, &measured.left_requests, &measured.left_tokens)
        if members > TIMED + 2:
            parts = shared_of(walk[0], members - TIMED - 2)
            self.raw[2] += parts
            self._copy(walk, parts)
            pass_over_some(walk, min(members - TIMED - 2, <uint64_t>2) - parts)
        if members > TIMED + 4 and not msgpack_nil(walk):
            row[SPEND] = string(walk)
        return self._maybe(walk) if members > TIMED + 5 else None

    cdef int _begin(self) except -1:
        """Begin another account: an array, to which project and client are added where there are such."""
        memcpy(self.raw, b"\xdc\x00", 2)
        self.raw[2], self.used = FIRST_SHARED, 3
        return 0

    cdef int _copy(self, msgpack_walk *walk, int count) except -1:
        """Let so many members belong to the account."""
        cdef const unsigned char *start = walk.at
        for _ in range(count):
            pass_over(walk)
        memcpy(self.raw + self.used, start, walk.at - start)
        self.used += walk.at - start
        return 0

    cdef str _items(self, msgpack_walk *walk, Measured *measured):
        """Read what a cost comes of: kinds and rates belong to the account, the quantities are returned as JSON."""
        cdef const unsigned char *start = walk.at
        cdef uint64_t count, parts
        cdef Py_ssize_t written = 0
        cdef long long quantity
        cdef int which
        cdef char line[MOST_ITEMS * DIGITS + 2]
        if not msgpack_array(walk, &count) or count > MOST_ITEMS:
            raise ValueError("no items")
        memcpy(self.raw + self.used, start, walk.at - start)
        self.used += walk.at - start
        memset(measured.counted, 0, sizeof(measured.counted))
        measured.priced = count > 0
        line[0] = b"["
        for _ in range(count):
            if not msgpack_array(walk, &parts) or parts != 3:
                raise ValueError("no item")
            self.raw[self.used] = 0x92  # an array of two
            self.used += 1
            which = counted(walk[0])
            self._copy(walk, 1)
            quantity = integer(walk)
            if which >= 0:
                measured.counted[which] = saturated_sum(measured.counted[which], quantity)
            written += listed(quantity, line + 1 + written)
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

    cdef Alike _alike(self, Account account, list row, str limited):
        """Return what a row is alike to others in; equal ones are one."""
        cdef Alike met = account.met
        own = (row[END_USER], row[IP], row[STATUS], row[ERROR_CODE], row[ERROR_CLASS], limited)
        if met is None or own != (met.end_user, met.ip, met.status, met.error_code, met.error_class, met.limited):
            met = account.alikes.get(own)
            if met is None:
                met = account.alikes[own] = Alike.__new__(Alike)
                met.account = account
                met.end_user, met.ip, met.status, met.error_code, met.error_class, met.limited = own
                self.alikes.append(met)
            account.met = met
        met.last = self.count
        return met

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
            sums.grown[i] = saturated_sum(sums.grown[i], grown[i])
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
