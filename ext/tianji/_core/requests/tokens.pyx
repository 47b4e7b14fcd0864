"""How many tokens a text has, exactly as tiktoken counts.

A vocabulary is a table of some megabytes, made on first use in memory that was mapped before the workers fork: all of
them count with one copy, and while nobody counts there is none. Counting needs no GIL.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

cdef extern from "Python.h":
    const Py_ssize_t PY_SSIZE_T_MAX
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL

cdef enum:
    MAX_TOKENS = 1 << 20
    UTF8_MOST = 4  # bytes of a character


@cython.final
cdef class Vocabulary(SharedMemory):
    """The tokens of an encoding and its rule for cutting a text into pieces.

    rule: cl100k or o200k. tokens: how many there are, special ones not counted. load: gives them in the form that
    ext/generate/vocabulary.py describes, uncompressed; it is called on first use, perhaps on several threads at once.
    ValueError if the rule is unknown or the number out of bounds.

    Special tokens such as `<|endoftext|>` count as the text they are (tiktoken's encode_ordinary).
    """

    def __cinit__(self, str rule not None, int tokens, load not None):
        cdef bpe_rule number
        if rule == "cl100k":
            number = BPE_CL100K
        elif rule == "o200k":
            number = BPE_O200K
        else:
            raise ValueError(f"rule must be cl100k or o200k, not {rule!r}")
        if not BPE_BYTES <= tokens <= MAX_TOKENS:
            raise ValueError(f"tokens must be from {BPE_BYTES} to {MAX_TOKENS}")
        self._load = load
        bpe_lay(&self._table, number, tokens, self._map(bpe_size(tokens)))

    @property
    def ready(self):
        """Whether the table is made; the first count makes it, in about a tenth of a second."""
        return bpe_ready(&self._table)

    cpdef int prepare(self) except -1:
        """Make the table unless it is there. ValueError if what `load` gives is no such vocabulary."""
        cdef bpe own = self._table
        cdef bytes packed
        cdef const uint8_t *first
        cdef void *block
        cdef int result
        if bpe_ready(&self._table):
            return 0
        packed = self._load()
        if PyBytes_GET_SIZE(packed) != BPE_BYTES + 6 * (<Py_ssize_t>self._table.tokens - BPE_BYTES):
            raise ValueError(f"a vocabulary of {self._table.tokens} tokens is expected; this one has another length")
        # made apart and then copied: a process that is killed meanwhile leaves nothing half done, and two that do this
        # at the same time write the same bytes
        block = calloc(1, bpe_size(own.tokens))
        if block == NULL:
            raise MemoryError()
        first = <const uint8_t *>PyBytes_AS_STRING(packed)
        with nogil:
            bpe_lay(&own, own.rule, own.tokens, block)
            result = bpe_fill(&own, first)
            if result == 0:
                bpe_share(&own, &self._table)
            free(block)
        if result == -1:
            raise MemoryError()
        if result:
            raise ValueError("the vocabulary is damaged")
        return 0

    cdef const bpe *table(self) except NULL:
        """The table, made if need be."""
        self.prepare()
        return &self._table

    cdef Py_ssize_t _count(self, str text, Py_ssize_t limit) except -1:
        # The number of tokens, or some number above `limit` where there are more than that.
        cdef const bpe *table = self.table()
        cdef const uint8_t *first
        cdef bpe_work work
        cdef Py_ssize_t size
        cdef size_t count = 0
        cdef int result
        try:
            first = <const uint8_t *>PyUnicode_AsUTF8AndSize(text, &size)
        except UnicodeEncodeError:
            return self._count(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), limit)
        with nogil:
            memset(&work, 0, sizeof(work))
            result = bpe_count(table, &work, first, first + size, limit, &count)
        if result:
            raise MemoryError()
        return count

    def count(self, str text not None):
        """The number of tokens. Half a surrogate pair counts as U+FFFD, as it does in tiktoken."""
        return self._count(text, PY_SSIZE_T_MAX)

    def at_most(self, str text not None, Py_ssize_t limit):
        """Whether there are no more than `limit` tokens. Where the length of the text says it, nothing is counted."""
        cdef Py_ssize_t size = len(text)
        if size * UTF8_MOST <= limit:  # a token has at least one byte
            return True
        if size > limit * BPE_LONGEST:  # and a character too
            return False
        return self._count(text, limit) <= limit
