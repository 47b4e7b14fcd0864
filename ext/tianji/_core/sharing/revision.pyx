"""What changed last, told to all workers of a machine.

Whoever changed something publishes its tag when the change is in the database; whoever remembers something compares
`head` with the one that it read last, and asks since() what to forget when they differ.
"""

cimport cython
from libc.stdint cimport int64_t, uint64_t

cdef extern from "revision.h":
    enum:
        REVISION_ENTRIES
        REVISION_TAG_BITS
        REVISION_JOBS

    void revision_publish(revision_ring *ring, uint64_t tag) noexcept
    bint revision_read(const revision_ring *ring, uint64_t number, uint64_t *tag) noexcept
    bint revision_claim(revision_ring *ring, int job, int64_t now, int64_t interval) noexcept
    void revision_advance(revision_ring *ring, int64_t to) noexcept
    int64_t revision_position(const revision_ring *ring) noexcept

EVERYTHING = 0           # the tag of a change that leaves nothing to rely on
TAG_BITS = REVISION_TAG_BITS
MEMORY = REVISION_ENTRIES  # so many changes are remembered
JOBS = REVISION_JOBS       # so many jobs have turns, numbered from 0


@cython.final
cdef class Revisions(SharedMemory):
    """A ring of tags in shared memory. Make it before the fork; a process may be killed at any moment."""

    def __cinit__(self):
        self._ring = <revision_ring*>self._map(sizeof(revision_ring))

    @property
    def head(self):
        """How many tags were ever published."""
        return self._head()

    @property
    def position(self):
        """Up to which id the database's own log of changes was read; 0 when it never was."""
        return revision_position(self._ring)

    cpdef int publish(self, int64_t tag) except -1:
        """Tell that what `tag` stands for has changed; ValueError for a tag of more than TAG_BITS bits."""
        if not 0 <= tag < <int64_t>1 << REVISION_TAG_BITS:
            raise ValueError(f"a tag has {REVISION_TAG_BITS} bits")
        revision_publish(self._ring, tag)
        return 0

    cpdef tuple since(self, uint64_t seen):
        """(head, tags published since the head was `seen`); None for the tags when some of them are lost."""
        cdef uint64_t head = self._head()
        cdef uint64_t tag
        cdef list tags = []
        if head - seen > REVISION_ENTRIES:
            return head, None
        while seen != head:
            if not revision_read(self._ring, seen, &tag):
                return head, None
            if tag == 0:
                return head, None
            tags.append(tag)
            seen += 1
        return head, tags

    cpdef bint claim(self, int job, int64_t now, int64_t interval) except -1:
        """Whether it is the caller's turn to do `job`: True for one of all processes in `interval` milliseconds.

        `now`: milliseconds of CLOCK_MONOTONIC, which all processes of a machine share. IndexError for another job.
        """
        if not 0 <= job < REVISION_JOBS:
            raise IndexError(f"no job {job}")
        return revision_claim(self._ring, job, now, interval)

    cpdef int advance(self, int64_t position) except -1:
        """Note that the database's log was read up to `position`; it never goes back."""
        revision_advance(self._ring, position)
        return 0
