"""How many tokens a text has, exactly as tiktoken counts."""

from libc.stdint cimport uint8_t, uint32_t

from tianji._core.sharing.shm cimport SharedMemory


cdef extern from "bpe.h" nogil:
    enum:
        BPE_BYTES
        BPE_LONGEST

    ctypedef enum bpe_rule:
        BPE_CL100K
        BPE_O200K

    ctypedef struct bpe:
        bpe_rule rule
        uint32_t tokens

    ctypedef struct bpe_work:
        pass

    size_t bpe_size(uint32_t tokens) noexcept
    void bpe_lay(bpe *table, bpe_rule rule, uint32_t tokens, void *block) noexcept
    int bpe_fill(bpe *table, const uint8_t *packed) noexcept
    void bpe_share(const bpe *filled, bpe *table) noexcept
    bint bpe_ready(const bpe *table) noexcept
    int bpe_count(
        const bpe *table, bpe_work *work, const uint8_t *text, const uint8_t *end, size_t limit, size_t *count
    ) noexcept


cdef class Vocabulary(SharedMemory):
    # Immutable but for the block of `_table`, which is filled on first use.
    cdef bpe _table
    cdef object _load

    cpdef int prepare(self) except -1
    cdef const bpe *table(self) except NULL
    cdef Py_ssize_t _count(self, str text, Py_ssize_t limit) except -1
