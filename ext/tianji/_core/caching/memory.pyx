"""Answers that were given before, in the memory of one worker: so many bytes, and what is asked for again stays.

S3-FIFO (Yang and others, "FIFO queues are all you need for cache eviction", SOSP 2023): newcomers have a tenth of the
room and leave it soon unless they are asked for again; those that are go to a second queue, which gives each another
turn for a hit. Who comes back soon after he left goes there at once. A flood of requests that nobody repeats costs
nobody his place.
"""

import cython
from collections import deque
from hashlib import sha256

from tianji._core.sharing.revision cimport Revisions
from tianji._core.streams.usage cimport estimated_usage

cdef object DEQUE = deque
cdef enum:
    SLOT_BYTES = 512   # what an entry takes besides its texts
    MOST_HITS = 3
    YOUNG_SHARE = 10   # newcomers have one part in so many of the room
    MOST_GHOSTS = 16384
    SPARE = 64


cpdef int tag_of(str key) except -1:
    """What stands for a key among workers: 1 to 2^30, so two keys may share one, and are then forgotten together."""
    cdef bytes digest = sha256(key.encode("utf-8", "surrogatepass")).digest()
    return <int>(int.from_bytes(digest[:4], "little") % ((1 << 30) - 1)) + 1


@cython.final
cdef class Answer:
    """An answer that was given. Times are seconds since 1970; `expires` is 0 where it never does."""

    def __init__(
        self, bytes body not None, bytes model_json not None, *, bint streamed, bint shows_usage, double stored_at,
        double expires, Usage usage=None,
    ):
        self.body = body
        self.model_json = model_json
        self.streamed = streamed
        self.shows_usage = shows_usage
        self.stored_at = stored_at
        self.expires = expires
        self.usage = usage

    cdef bint fresh(self, double now) noexcept:
        return self.expires == 0 or now < self.expires


cpdef Usage counted_usage(long long prompt, long long completion, long long cached, long long reasoning):
    """Return what an upstream once said it used, in tokens; -1 where it did not."""
    cdef Usage usage = estimated_usage(prompt, completion)
    usage.estimated = False
    usage.cached_tokens = cached
    usage.reasoning_tokens = reasoning
    return usage


@cython.final
cdef class Slot:
    """An answer's place."""


@cython.final
cdef class MemoryCache:
    """Answers by key, within `room` bytes. `revisions`: through which workers tell each other what to forget."""

    def __init__(self, Py_ssize_t room, Revisions revisions not None):
        self.room = room
        self.revisions = revisions
        self.read = revisions._head()
        self.clear()

    def __len__(self):
        return len(self.slots)

    def clear(self):
        """Forget all, in this worker."""
        self.slots, self.ghosts = {}, {}
        self.young, self.old = DEQUE(), DEQUE()
        self.size = self.young_size = 0

    cpdef Answer find(self, str key, double now):
        """The answer by this key, None for none that is fresh. `now`: seconds since 1970."""
        cdef Slot slot
        if self.revisions._head() != self.read:
            self.catch_up()
        slot = self.slots.get(key)
        if slot is None or not slot.answer.fresh(now):
            return None
        if slot.hits < MOST_HITS:
            slot.hits += 1
        return slot.answer

    cpdef int put(self, str key, Answer answer) except -1:
        """Keep an answer; one that takes more than the newcomers' room is not kept."""
        cdef Py_ssize_t size = len(answer.body) + len(key) + SLOT_BYTES
        cdef Slot slot
        if self.revisions._head() != self.read:
            self.catch_up()  # what was forgotten before this answer came must not take it along
        slot = self.slots.get(key)
        if slot is not None:
            self.take_out(slot)
        if size > self.room // YOUNG_SHARE:
            return 0
        slot = Slot.__new__(Slot)
        slot.key, slot.answer, slot.size = key, answer, size
        slot.proven = key in self.ghosts
        if slot.proven:
            del self.ghosts[key]
        self.slots[key] = slot
        self.size += size
        if slot.proven:
            self.old.append(slot)
        else:
            self.young.append(slot)
            self.young_size += size
        return self.make_room()

    def forget(self, tags):
        """Take out what these tags stand for."""
        cdef Slot slot
        wanted = frozenset(tags)
        for slot in list(self.slots.values()):
            if tag_of(slot.key) in wanted:
                self.take_out(slot)

    cdef int catch_up(self) except -1:
        self.read, tags = self.revisions.since(self.read)
        if tags is None:
            self.clear()
        else:
            self.forget(tags)
        return 0

    cdef int take_out(self, Slot slot) except -1:
        # It leaves its queue when that comes to it.
        del self.slots[slot.key]
        self.size -= slot.size
        if not slot.proven:
            self.young_size -= slot.size
        slot.answer = None
        return 0

    cdef int make_room(self) except -1:
        while self.size > self.room:
            if self.young_size * YOUNG_SHARE > self.room or not self.old:
                self.evict_young()
            else:
                self.evict_old()
        if len(self.young) + len(self.old) > 2 * len(self.slots) + SPARE:  # places that nobody has any more
            self.young = DEQUE([slot for slot in self.young if (<Slot>slot).answer is not None])
            self.old = DEQUE([slot for slot in self.old if (<Slot>slot).answer is not None])
        return 0

    cdef int evict_young(self) except -1:
        cdef Slot slot = self.young.popleft()
        if slot.answer is None:
            return 0
        if slot.hits:
            slot.hits, slot.proven = 0, True
            self.young_size -= slot.size
            self.old.append(slot)
            return 0
        self.take_out(slot)
        self.ghosts[slot.key] = None
        if len(self.ghosts) > MOST_GHOSTS:
            del self.ghosts[next(iter(self.ghosts))]
        return 0

    cdef int evict_old(self) except -1:
        cdef Slot slot = self.old.popleft()
        if slot.answer is None:
            return 0
        if slot.hits:
            slot.hits -= 1
            self.old.append(slot)
            return 0
        return self.take_out(slot)
