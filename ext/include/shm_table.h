/* A table of named 64-bit counters in memory shared by processes. There is no lock, so a process may die at any
 * instruction: a name's place is claimed by one compare-and-swap of its hash, and whoever finds a claim that is not
 * finished finishes it, writing the same bytes as the claimer would have. */
#ifndef TIANJI_SHM_TABLE_H
#define TIANJI_SHM_TABLE_H

#include <stdint.h>
#include <string.h>

enum { SHM_NAME_BYTES = 224 };

typedef struct {
    int64_t value;
    uint32_t ready;   /* the name can be read */
    uint32_t length;
    uint32_t chained; /* what is shown is this value plus what the cell before shows: a cumulative bucket */
    char name[SHM_NAME_BYTES];
    char pad[12];     /* to 256 bytes: no two cells share a cache line */
} shm_cell;

typedef struct {
    uint64_t hash; /* 0: free */
    int64_t slot;  /* 0: claimed, not yet given cells */
} shm_entry;

typedef struct {
    int64_t used; /* cells given away; cell 0 belongs to the table */
    int64_t capacity;
    uint64_t mask; /* entries - 1 */
    shm_cell *cells;
    shm_entry *entries;
} shm_table; /* at the start of the segment, which is mapped at the same place in every child */

static inline uint64_t shm_entry_count(int64_t capacity)
{
    uint64_t count = 16;
    while (count < (uint64_t)capacity * 2) count *= 2;
    return count;
}

static inline size_t shm_size(int64_t capacity)
{
    return 256 + (size_t)capacity * sizeof(shm_cell) + (size_t)shm_entry_count(capacity) * sizeof(shm_entry);
}

/* Lay the table out in zeroed memory of shm_size() bytes. */
static inline shm_table *shm_init(void *memory, int64_t capacity)
{
    shm_table *t = memory;
    t->used = 1;
    t->capacity = capacity;
    t->mask = shm_entry_count(capacity) - 1;
    t->cells = (shm_cell *)((char *)memory + 256);
    t->entries = (shm_entry *)(t->cells + capacity);
    return t;
}

static inline void shm_add(shm_cell *cell, int64_t n)
{
    __atomic_fetch_add(&cell->value, n, __ATOMIC_RELAXED);
}

static inline void shm_set(shm_cell *cell, int64_t n)
{
    __atomic_store_n(&cell->value, n, __ATOMIC_RELAXED);
}

static inline void shm_maximum(shm_cell *cell, int64_t n)
{
    int64_t seen = __atomic_load_n(&cell->value, __ATOMIC_RELAXED);
    while (seen < n && !__atomic_compare_exchange_n(&cell->value, &seen, n, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

static inline int64_t shm_load(const shm_cell *cell)
{
    return __atomic_load_n(&cell->value, __ATOMIC_RELAXED);
}

static inline int shm_ready(const shm_cell *cell)
{
    return (int)__atomic_load_n(&cell->ready, __ATOMIC_ACQUIRE);
}

/* Give the cell its name. Several processes may do so at once, all with the same arguments. */
static inline void shm_name(shm_cell *cell, const char *name, uint32_t length, uint32_t chained)
{
    if (shm_ready(cell)) return;
    memcpy(cell->name, name, length);
    __atomic_store_n(&cell->length, length, __ATOMIC_RELAXED);
    __atomic_store_n(&cell->chained, chained, __ATOMIC_RELAXED);
    __atomic_store_n(&cell->ready, 1, __ATOMIC_RELEASE);
}

/* `count` new cells in a row, 0 if there are not that many. */
static inline int64_t shm_take(shm_table *t, int64_t count)
{
    int64_t used = __atomic_load_n(&t->used, __ATOMIC_RELAXED);
    do {
        if (t->capacity - used < count) return 0;
    } while (!__atomic_compare_exchange_n(&t->used, &used, used + count, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return used;
}

/* The first of the `count` cells that belong to `hash` (not 0), claimed if need be; 0 if the table is full.
 * Two processes that finish one claim at the same time both take cells; the loser's stay unused and unnamed. */
static inline int64_t shm_find(shm_table *t, uint64_t hash, int64_t count)
{
    uint64_t i, tries;
    for (i = hash & t->mask, tries = 0; tries <= t->mask; i = (i + 1) & t->mask, tries++) {
        shm_entry *entry = &t->entries[i];
        uint64_t seen = __atomic_load_n(&entry->hash, __ATOMIC_ACQUIRE);
        int64_t slot, expected = 0;
        if (seen == 0) {
            /* a name that gets no cell must not use up an entry */
            if (t->capacity - __atomic_load_n(&t->used, __ATOMIC_RELAXED) < count) return 0;
            if (__atomic_compare_exchange_n(&entry->hash, &seen, hash, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) seen = hash;
        }
        if (seen != hash) continue;
        slot = __atomic_load_n(&entry->slot, __ATOMIC_ACQUIRE);
        if (slot != 0) return slot;
        slot = shm_take(t, count);
        if (slot == 0) return __atomic_load_n(&entry->slot, __ATOMIC_ACQUIRE);
        if (__atomic_compare_exchange_n(&entry->slot, &expected, slot, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return slot;
        return expected;
    }
    return 0;
}

#endif
