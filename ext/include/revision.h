/* What changed last, told to all processes of a machine: a ring of 48-bit tags. There is no lock, so a process may die
 * at any instruction. An entry is one word, the tag below and the lap of its number above, so it is whole or absent;
 * a reader that finds another lap than it expects has lost something and must take it that everything changed. */
#ifndef TIANJI_REVISION_H
#define TIANJI_REVISION_H

#include <stdint.h>

enum { REVISION_ENTRIES = 4096, REVISION_TAG_BITS = 48, REVISION_JOBS = 16 };

typedef struct {
    uint64_t head; /* how many tags were ever told */
    char pad[56];  /* readers look at the head only: it shares its cache line with nothing */
    int64_t position; /* of the database's log: up to which id it was read; 0 when it never was */
    int64_t turns[REVISION_JOBS]; /* when each job was done last, milliseconds of CLOCK_MONOTONIC */
    uint64_t entries[REVISION_ENTRIES];
} revision_ring;

static inline uint64_t revision_lap(uint64_t number)
{
    return (number / REVISION_ENTRIES + 1) << REVISION_TAG_BITS;
}

static inline uint64_t revision_head(const revision_ring *ring)
{
    return __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
}

static inline void revision_publish(revision_ring *ring, uint64_t tag)
{
    uint64_t number = __atomic_fetch_add(&ring->head, 1, __ATOMIC_ACQ_REL);
    uint64_t low = tag & ((1ULL << REVISION_TAG_BITS) - 1);
    __atomic_store_n(&ring->entries[number % REVISION_ENTRIES], revision_lap(number) | low, __ATOMIC_RELEASE);
}

/* The tag of entry `number` into `tag`; 0 when it is not there: not yet, or overwritten. */
static inline int revision_read(const revision_ring *ring, uint64_t number, uint64_t *tag)
{
    uint64_t entry = __atomic_load_n(&ring->entries[number % REVISION_ENTRIES], __ATOMIC_ACQUIRE);
    *tag = entry & ((1ULL << REVISION_TAG_BITS) - 1);
    return (entry ^ *tag) == revision_lap(number);
}

/* Whether it is the caller's turn to do a job: true for one caller in `interval` milliseconds. */
static inline int revision_claim(revision_ring *ring, int job, int64_t now, int64_t interval)
{
    int64_t seen = __atomic_load_n(&ring->turns[job], __ATOMIC_RELAXED);
    return (seen == 0 || now - seen >= interval)
        && __atomic_compare_exchange_n(&ring->turns[job], &seen, now, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* Raise the position to `to`, or set it when it never was set. */
static inline void revision_advance(revision_ring *ring, int64_t to)
{
    int64_t seen = __atomic_load_n(&ring->position, __ATOMIC_RELAXED);
    while (seen < to && !__atomic_compare_exchange_n(&ring->position, &seen, to, 1, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
    }
}

static inline int64_t revision_position(const revision_ring *ring)
{
    return __atomic_load_n(&ring->position, __ATOMIC_ACQUIRE);
}

#endif
