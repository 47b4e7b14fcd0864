/* The limits of a machine's callers: a row each, found by the keyed hash of its name among the sixteen places of a set.
 *
 * Looking up needs no lock, nor does anything that a request does with its row. Who makes a row locks its set; a lock
 * whose owner is dead belongs to the next one who wants it. A row that nobody uses gives way to a new one: its owner
 * word becomes LIMITER_MOVING, and only when nobody entered meanwhile, another row's. Whoever uses a row enters it first
 * and looks at the owner word then, so one of the two always sees the other. */
#ifndef TIANJI_LIMITER_H
#define TIANJI_LIMITER_H

#include "lease.h"

#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

enum {
    LIMITER_WINDOWS = 4, /* requests, tokens, input tokens, output tokens */
    LIMITER_WAYS = 16,
    LIMITER_NAME_BYTES = 240,
    LIMITER_IDLE_MS = 120000, /* after which a row may give way; more than a window */
    LIMITER_YIELDS = 100,    /* times that a lock is tried without a pause, */
    LIMITER_PATIENCE = 2000, /* and in all: about 200 ms */
    LIMITER_MOVING = 1        /* an owner word that is no hash */
};

typedef struct {
    int64_t touched_ms;
    int64_t in_flight;
    window windows[LIMITER_WINDOWS];
    window_lease leases[LIMITER_WINDOWS];
    place_lease places;
    money_lease loan;
    int64_t changed; /* whether the store that machines share has to be told of it */
    purse money;
    int32_t shares[SEATS]; /* of in_flight, by seat */
    uint32_t name_length;
    char name[LIMITER_NAME_BYTES];
} limiter_row;

typedef struct {
    seat_row seats;
    int64_t capacity;
    int64_t refused; /* rows that found no place */
    int64_t moved;   /* rows that gave way */
    lease_state sharing;
    uint64_t *owners; /* hash by place; 0: free */
    int32_t *locks;   /* process id by set; 0: open */
    limiter_row *rows;
} limiter_table; /* at the start of the segment, which is mapped at the same place in every child */

static inline size_t limiter_head_size(void) { return (sizeof(limiter_table) + 63) / 64 * 64; }

static inline size_t limiter_size(int64_t capacity)
{
    return limiter_head_size() + (size_t)capacity * (sizeof(uint64_t) + sizeof(limiter_row))
        + (size_t)(capacity / LIMITER_WAYS) * sizeof(int32_t);
}

/* Lay the table out in zeroed memory of limiter_size() bytes; the capacity is a multiple of LIMITER_WAYS. */
static inline limiter_table *limiter_init(void *memory, int64_t capacity)
{
    limiter_table *t = memory;
    t->capacity = capacity;
    t->owners = (uint64_t *)((char *)memory + limiter_head_size());
    t->rows = (limiter_row *)(t->owners + capacity);
    t->locks = (int32_t *)(t->rows + capacity);
    return t;
}

static inline uint64_t limiter_owner(const limiter_table *t, int64_t place)
{
    return __atomic_load_n(&t->owners[place], __ATOMIC_SEQ_CST);
}

/* The row that belongs to `hash` among those from `first` on, or -1. */
static inline int64_t limiter_look(const limiter_table *t, int64_t first, uint64_t hash)
{
    int64_t place;
    for (place = first; place < first + LIMITER_WAYS; place++)
        if (limiter_owner(t, place) == hash) return place;
    return -1;
}

/* Whether it is locked now. Its owner holds it for a microsecond, unless another process has his core. */
static inline int limiter_lock(int32_t *lock, int32_t self)
{
    const struct timespec nap = {0, 100000};
    int turn;
    for (turn = 0; turn < LIMITER_PATIENCE; turn++) {
        int32_t owner = __atomic_load_n(lock, __ATOMIC_ACQUIRE);
        if ((owner == 0 || owner == self || seat_gone(owner))
            && __atomic_compare_exchange_n(lock, &owner, self, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            return 1;
        if (turn < LIMITER_YIELDS) sched_yield();
        else nanosleep(&nap, NULL);
    }
    return 0;
}

static inline int limiter_idle(const limiter_row *row, int64_t now_ms)
{
    return now_ms - purse_load(&row->touched_ms) > LIMITER_IDLE_MS && __atomic_load_n(&row->in_flight, __ATOMIC_SEQ_CST) == 0
        && purse_load(&row->money.unsaved) == 0 && purse_load(&row->money.committed) == purse_load(&row->money.spent);
}

/* A place without an owner, made so if need be; -1 if all are in use. The set is locked. */
static inline int64_t limiter_vacant(limiter_table *t, int64_t first, int64_t now_ms)
{
    int64_t place;
    for (place = first; place < first + LIMITER_WAYS; place++)
        if (limiter_owner(t, place) <= LIMITER_MOVING) return place; /* who moved it was killed */
    for (place = first; place < first + LIMITER_WAYS; place++) {
        uint64_t owner = limiter_owner(t, place);
        if (!limiter_idle(&t->rows[place], now_ms)) continue;
        __atomic_store_n(&t->owners[place], LIMITER_MOVING, __ATOMIC_SEQ_CST);
        if (limiter_idle(&t->rows[place], now_ms)) {
            __atomic_fetch_add(&t->moved, 1, __ATOMIC_RELAXED);
            return place;
        }
        __atomic_store_n(&t->owners[place], owner, __ATOMIC_SEQ_CST);
    }
    return -1;
}

static inline void limiter_make(limiter_row *row, const char *name, uint32_t length, int64_t now_ms)
{
    memset(row->windows, 0, offsetof(limiter_row, money) - offsetof(limiter_row, windows));
    memset(&row->money, 0, offsetof(purse, shares));
    memcpy(row->name, name, length);
    row->name_length = length;
    __atomic_store_n(&row->touched_ms, now_ms, __ATOMIC_RELEASE);
}

static inline int64_t limiter_first(const limiter_table *t, uint64_t hash)
{
    return (int64_t)(hash % (uint64_t)(t->capacity / LIMITER_WAYS)) * LIMITER_WAYS;
}

/* The place of `hash`, -1 where it has none. */
static inline int64_t limiter_seek(const limiter_table *t, uint64_t hash)
{
    return limiter_look(t, limiter_first(t, hash), hash);
}

/* The place of `hash` (above LIMITER_MOVING), made if need be; -1 if there is no room. */
static inline int64_t limiter_find(
    limiter_table *t, uint64_t hash, const char *name, uint32_t length, int64_t now_ms, int32_t self)
{
    int64_t first = limiter_first(t, hash), set = first / LIMITER_WAYS;
    int64_t place = limiter_look(t, first, hash);
    if (place >= 0) return place;
    if (limiter_lock(&t->locks[set], self)) {
        place = limiter_look(t, first, hash);
        if (place < 0 && (place = limiter_vacant(t, first, now_ms)) >= 0) {
            limiter_make(&t->rows[place], name, length, now_ms);
            __atomic_store_n(&t->owners[place], hash, __ATOMIC_SEQ_CST);
        }
        __atomic_store_n(&t->locks[set], 0, __ATOMIC_RELEASE);
    }
    if (place < 0) __atomic_fetch_add(&t->refused, 1, __ATOMIC_RELAXED);
    return place;
}

/* Load the money of the row of `hash` at first sight; 1 if it was not loaded before, -1 if the place is another's now.
 * Later only the end is taken over, by a period that had none. */
static inline int limiter_restore(
    limiter_table *t, int64_t place, uint64_t hash, int64_t spent, int64_t ends_ms, int32_t self)
{
    purse *money = &t->rows[place].money;
    int32_t *lock = &t->locks[place / LIMITER_WAYS];
    int fresh = 0;
    if (!limiter_lock(lock, self)) return 0;
    if (limiter_owner(t, place) != hash) {
        fresh = -1;
    } else if (purse_load(&money->ends_ms) == 0) {
        if (lease_mode(&t->sharing) == LEASE_OFF) {
            purse_set(money, spent, ends_ms);
        } else { /* here one counts what this machine spends from now on */
            __atomic_store_n(&t->rows[place].loan.elsewhere, spent, __ATOMIC_RELEASE);
            purse_set(money, 0, ends_ms);
        }
        fresh = 1;
    } else if (purse_load(&money->ends_ms) == PURSE_NO_END) {
        __atomic_store_n(&money->ends_ms, ends_ms, __ATOMIC_RELEASE);
    }
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
    return fresh;
}

static inline int64_t limiter_vacate(void *table, int seat)
{
    limiter_table *t = table;
    int64_t place, freed = 0;
    for (place = 0; place < t->capacity; place++) {
        limiter_row *row = &t->rows[place];
        int64_t held, money;
        if (limiter_owner(t, place) == 0) continue; /* never touched: no memory yet */
        money = __atomic_exchange_n(&row->money.shares[seat], 0, __ATOMIC_ACQ_REL);
        if (money) purse_add(&row->money.committed, -money);
        held = __atomic_exchange_n(&row->shares[seat], 0, __ATOMIC_RELAXED);
        if (held <= 0) continue;
        seat_subtract(&row->in_flight, held);
        freed += held;
    }
    return freed;
}

static inline int limiter_sit(limiter_table *t, int32_t self) { return seat_take(&t->seats, self, limiter_vacate, t); }

/* Give back what dead processes held, and mend the rows from `from` to `to`; how many entries of rows were freed. */
static inline int64_t limiter_sweep(limiter_table *t, int32_t self, int64_t from, int64_t to)
{
    int64_t place, freed = seat_sweep(&t->seats, self, limiter_vacate, t);
    for (place = from; place < to; place++)
        if (limiter_owner(t, place) > LIMITER_MOVING && purse_load(&t->rows[place].money.ends_ms) != 0)
            purse_mend(&t->rows[place].money);
    return freed;
}

#endif
