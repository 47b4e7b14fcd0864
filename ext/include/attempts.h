/* How often somebody tried and failed, for all processes of a machine. There is no lock, so a process may die at any
 * instruction: a row is two words, whose attempts they are and what became of them, each changed by one instruction.
 * The state is the second at which the row began, the count, and whether it rests because there were too many. */
#ifndef TIANJI_ATTEMPTS_H
#define TIANJI_ATTEMPTS_H

#include <stdint.h>

enum { ATTEMPT_ROWS = 8192, ATTEMPT_WAYS = 8, ATTEMPT_MOST = 0x7fff };

typedef struct {
    uint64_t name;
    uint64_t state; /* second << 16 | rests << 15 | count; 0 for a row that nobody has */
} attempt_row;

typedef struct {
    attempt_row rows[ATTEMPT_ROWS];
} attempt_table;

static inline uint64_t attempt_began(uint64_t state) { return state >> 16; }
static inline int attempt_rests(uint64_t state) { return (state >> 15) & 1; }
static inline uint64_t attempt_count(uint64_t state) { return state & ATTEMPT_MOST; }

/* The row of a name; where it has none, one that is empty or else the oldest of those that it may have. */
static inline attempt_row *attempt_find(attempt_table *table, uint64_t name)
{
    attempt_row *set = &table->rows[name % (ATTEMPT_ROWS / ATTEMPT_WAYS) * ATTEMPT_WAYS];
    attempt_row *oldest = set;
    uint64_t age = UINT64_MAX;
    for (int way = 0; way < ATTEMPT_WAYS; way++) {
        uint64_t owner = __atomic_load_n(&set[way].name, __ATOMIC_ACQUIRE);
        uint64_t state = __atomic_load_n(&set[way].state, __ATOMIC_ACQUIRE);
        if (owner == name)
            return &set[way];
        if (state < age) {
            age = state;
            oldest = &set[way];
        }
    }
    uint64_t owner = __atomic_load_n(&oldest->name, __ATOMIC_RELAXED);
    if (__atomic_compare_exchange_n(&oldest->name, &owner, name, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        __atomic_store_n(&oldest->state, 0, __ATOMIC_RELEASE);
    return oldest;
}

/* The row that a name has, NULL where it has none. */
static inline attempt_row *attempt_known(attempt_table *table, uint64_t name)
{
    attempt_row *set = &table->rows[name % (ATTEMPT_ROWS / ATTEMPT_WAYS) * ATTEMPT_WAYS];
    for (int way = 0; way < ATTEMPT_WAYS; way++) {
        if (__atomic_load_n(&set[way].name, __ATOMIC_ACQUIRE) == name)
            return &set[way];
    }
    return 0;
}

/* Whether a row rests at `now`, in seconds. */
static inline int attempt_resting(attempt_row *row, uint64_t now, uint64_t rest)
{
    uint64_t seen = __atomic_load_n(&row->state, __ATOMIC_ACQUIRE);
    return attempt_rests(seen) && now < attempt_began(seen) + rest;
}

/* Let a row rest from `now` on, whatever was counted. */
static inline void attempt_rest(attempt_row *row, uint64_t now)
{
    __atomic_store_n(&row->state, now << 16 | 1 << 15, __ATOMIC_RELEASE);
}

/* Count an attempt at `now`, in seconds: 0, or the seconds until there may be another one. */
static inline uint64_t attempt_take(attempt_row *row, uint64_t now, uint64_t most, uint64_t window, uint64_t rest)
{
    uint64_t seen = __atomic_load_n(&row->state, __ATOMIC_ACQUIRE), next, wait;
    do {
        uint64_t began = attempt_began(seen);
        uint64_t ends = began + (attempt_rests(seen) ? rest : window);
        wait = 0;
        if (seen == 0 || now >= ends)
            next = now << 16 | 1;
        else if (attempt_rests(seen))
            return ends - now;
        else if (attempt_count(seen) < most)
            next = seen + 1;
        else {
            next = now << 16 | 1 << 15;
            wait = rest;
        }
    } while (!__atomic_compare_exchange_n(&row->state, &seen, next, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    return wait;
}

/* Take an attempt back that did not fail. */
static inline void attempt_give_back(attempt_row *row)
{
    uint64_t seen = __atomic_load_n(&row->state, __ATOMIC_ACQUIRE);
    while (!attempt_rests(seen) && attempt_count(seen) > 0
           && !__atomic_compare_exchange_n(&row->state, &seen, seen - 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    }
}

#endif
