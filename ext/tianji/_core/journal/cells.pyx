"""Cells: what entries that are alike sum up to, figure by figure, read off the sheets that make rows of them.

A cell is an array of 64-bit integers: `SUMS`, then for each of `TIMES` its buckets, the one above them, and the sum.
A figure that would be too large stays at the largest.
"""

from array import array as _array
from itertools import accumulate

import cython
from cpython cimport array
from cpython.mem cimport PyMem_Free, PyMem_Malloc

from tianji._core.journal.sheet cimport COLUMNS, ENDED_AT, QUANTITIES, REQUEST_ID, UNTOLD, Alike, Measured, Sheet

cdef extern from "saturate.h":
    long long saturated_sum(long long a, long long b) noexcept nogil
    long long saturated_distance(long long before, long long after) noexcept nogil

SUMS = (
    "requests", "served", "cost", "tokens", "prompt", "completion", "cached", "written", "reasoning", "audio_in",
    "audio_out", "images", "video", "unpriced", "hits", "misses", "hit_tokens",
)
TIMES = ("total", "upstream", "first_token", "overhead", "waited", "per_token")

cdef enum:  # places, in the order of SUMS
    REQUESTS
    SERVED
    COST
    TOKENS
    PROMPT
    COMPLETION
    CACHED
    WRITTEN
    REASONING
    COUNTED               # as many as there are QUANTITIES, in their order
    UNPRICED = COUNTED + QUANTITIES
    HITS
    MISSES
    HIT_TOKENS
    PLAIN

cdef enum:  # in the order of TIMES
    TOTAL
    UPSTREAM
    FIRST_TOKEN
    OVERHEAD
    WAITED
    PER_TOKEN


@cython.final
cdef class _Held:
    """A cell, and what is alike in all that is in it."""
    cdef object facts
    cdef array.array cell
    cdef bint well    # it was answered as it should
    cdef bint served  # a deployment was asked


@cython.final
cdef class Form:
    """How cells are laid out. `bounds`: for each of TIMES the upper ends of its buckets, microseconds."""

    def __cinit__(self, tuple bounds not None):
        cdef Py_ssize_t at = 0
        starts = [*accumulate([len(one) + 2 for one in bounds], initial=PLAIN)]
        if len(bounds) != len(TIMES):
            raise ValueError(f"{len(TIMES)} times have bounds, not {len(bounds)}")
        self.bounds, self.size = bounds, starts[len(bounds)]
        self.ends = <long long *>PyMem_Malloc(self.size * sizeof(long long))
        self.starts = <Py_ssize_t *>PyMem_Malloc(len(starts) * sizeof(Py_ssize_t))
        if self.ends == NULL or self.starts == NULL:
            raise MemoryError
        for which, start in enumerate(starts):
            self.starts[which] = start
        for one in bounds:
            for end in one:
                self.ends[at] = end
                at += 1

    def __dealloc__(self):
        PyMem_Free(self.ends)
        PyMem_Free(self.starts)

    def empty(self):
        """Return a new cell."""
        return _array("q", bytes(8 * self.size))

    def place(self, str name not None):
        """Return where a figure stands in a cell."""
        if name in SUMS:
            return slice(SUMS.index(name), SUMS.index(name) + 1)
        which = TIMES.index(name)
        return slice(self.starts[which], self.starts[which + 1])

    def take(self, Sheet sheet not None, found not None, judge not None, dict failures not None, *,
             tuple sizes not None, bint streams, bint caches):
        """Add all entries of a sheet to cells, and return what their providers say is left, the latest last, by facts.

        found: gives facts and cell of entries that are alike, of the tokens of a prompt and whether it was streamed
        judge: is told the id of a request, when it ended and its facts, where counting it needs thought: of one that
        failed, and of one that follows a failure; failures: those, by the ids of their calls
        sizes: of prompts, below which they are told apart; streams: whether streams are
        caches: whether whatever was no hit of a cache was a miss
        """
        cdef dict left = {}
        cdef Py_ssize_t i
        cdef Measured *row
        cdef Alike alike
        cdef _Held held
        cdef long long *figures
        for alike in sheet.alikes:
            alike.cells = {}
        for i in range(sheet.count):
            row = &sheet.measured[i]
            alike = <Alike>row.alike
            held = self._cell(alike, row, found, sizes, streams)
            figures = held.cell.data.as_longlongs
            if row.tells:
                left.pop(held, None)
                left[held] = row.left_requests, row.left_tokens
            self._sum_up(row, held.well, held.served, caches, figures)
            if held.well:
                self._time(row, held.served, figures)
            request = <str>sheet.values[i * COLUMNS + REQUEST_ID]
            if held.well and (not failures or request.rpartition("-")[0] not in failures):
                figures[REQUESTS] = saturated_sum(figures[REQUESTS], 1)
            else:
                judge(request, sheet.values[i * COLUMNS + ENDED_AT], held.facts)
        return latest([((<_Held>one).facts, told) for one, told in left.items()])

    cdef object _cell(self, Alike alike, Measured *row, object found, tuple sizes, bint streams):
        """Return the cell that an entry belongs into."""
        cdef int which = row.stream if streams else 0
        cdef _Held held
        for size in sizes:
            which += 2 * (row.prompt >= <long long>size)
        held = alike.cells.get(which)
        if held is None:
            held = _Held.__new__(_Held)
            held.facts, held.cell = found(alike, row.prompt, row.stream)
            if len(held.cell) != self.size:
                raise ValueError("a cell of another form")
            held.well, held.served = alike.status == "success", bool(alike.account.shared.terms.deployment_id)
            alike.cells[which] = held
        return held

    cdef void _sum_up(self, Measured *row, bint well, bint served, bint caches, long long *figures) noexcept:
        cdef long long tokens = saturated_sum(row.prompt, row.completion)
        cdef int i
        add(figures, COST, row.cost)
        if row.hit:
            add(figures, HITS, 1)
            add(figures, HIT_TOKENS, tokens)
            return
        add(figures, TOKENS, tokens)
        add(figures, PROMPT, row.prompt)
        add(figures, COMPLETION, row.completion)
        add(figures, CACHED, row.cached)
        add(figures, WRITTEN, row.written)
        add(figures, REASONING, row.reasoning)
        for i in range(QUANTITIES):
            add(figures, COUNTED + i, row.counted[i])
        add(figures, SERVED, served)
        add(figures, UNPRICED, well and not row.priced and tokens > 0)
        add(figures, MISSES, well and caches)

    cdef void _time(self, Measured *row, bint served, long long *figures) noexcept:
        self._observe(figures, TOTAL, saturated_sum(row.took, row.waited))
        if not served:
            return
        self._observe(figures, WAITED, row.waited)
        if row.upstream:
            self._observe(figures, UPSTREAM, row.upstream)
            self._observe(figures, OVERHEAD, saturated_distance(row.upstream, row.took))
        if row.stream and row.first != UNTOLD:
            self._observe(figures, FIRST_TOKEN, row.first)
        if row.completion:
            self._observe(figures, PER_TOKEN, row.took // row.completion)

    cdef void _observe(self, long long *figures, int which, long long microseconds) noexcept:
        cdef Py_ssize_t start = self.starts[which], last = self.starts[which + 1] - 1
        cdef long long *ends = self.ends + start - PLAIN - 2 * which  # a cell has two figures more than a time has ends
        cdef Py_ssize_t bucket = 0
        while bucket < last - start - 1 and ends[bucket] < microseconds:
            bucket += 1
        add(figures, start + bucket, 1)
        add(figures, last, microseconds)


cdef inline void add(long long *figures, Py_ssize_t place, long long amount) noexcept:
    figures[place] = saturated_sum(figures[place], amount)


cdef dict latest(list pairs):
    """Return what was said last of each, the latest last."""
    cdef dict found = {}
    for facts, told in pairs:
        found.pop(facts, None)  # cells of one are held once for each account
        found[facts] = told
    return found
