/* Which process of a machine holds how much, so that a killed one's part can be given back: each has a seat, and what it
 * holds of a thing is counted by seat beside the sum. There is no lock; a process may be killed at any instruction. */
#ifndef TIANJI_SEATS_H
#define TIANJI_SEATS_H

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

enum { SEATS = 128 };

typedef struct {
    int32_t owner[SEATS]; /* process ids; 0: free */
} seat_row;

/* Gives back what was held from a seat; how many requests that were. */
typedef int64_t (*seat_vacate)(void *table, int seat);

static inline int seat_gone(int32_t pid) { return kill((pid_t)pid, 0) != 0 && errno == ESRCH; }

static inline int seat_claim(seat_row *row, int seat, int32_t expected, int32_t wanted)
{
    return __atomic_compare_exchange_n(&row->owner[seat], &expected, wanted, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static inline int64_t seat_empty(seat_row *row, int seat, seat_vacate vacate, void *table)
{
    int64_t freed = vacate(table, seat);
    __atomic_store_n(&row->owner[seat], 0, __ATOMIC_RELEASE);
    return freed;
}

/* Give back what dead processes held, and their seats; the number of requests given back. `self` is the caller's id.
 * A seat that is being swept has its sweeper's id, negated: nobody may sit down before all is given back, and when
 * the sweeper dies too, the next one goes on. */
static inline int64_t seat_sweep(seat_row *row, int32_t self, seat_vacate vacate, void *table)
{
    int64_t freed = 0;
    int seat;
    for (seat = 0; seat < SEATS; seat++) {
        int32_t owner = __atomic_load_n(&row->owner[seat], __ATOMIC_ACQUIRE);
        if (owner == 0 || !seat_gone(owner < 0 ? -owner : owner)) continue;
        if (seat_claim(row, seat, owner, -self)) freed += seat_empty(row, seat, vacate, table);
    }
    return freed;
}

/* A seat for the process `self`, which has none yet; -1 if all are taken. One that bears its id belonged to a process
 * that is gone. */
static inline int seat_take(seat_row *row, int32_t self, seat_vacate vacate, void *table)
{
    int seat;
    for (seat = 0; seat < SEATS; seat++)
        if (seat_claim(row, seat, self, -self)) seat_empty(row, seat, vacate, table);
    seat_sweep(row, self, vacate, table);
    for (seat = 0; seat < SEATS; seat++)
        if (seat_claim(row, seat, 0, self)) return seat;
    return -1;
}

/* -- requests under way ------------------------------------------------------------------------------------------ */

static inline void seat_subtract(int64_t *count, int64_t n)
{
    int64_t seen = __atomic_load_n(count, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(count, &seen, seen > n ? seen - n : 0, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

/* Count one request more unless there are `limit` (0: no limit). 1 if it was counted. `share`: the process's own; NULL
 * when it has no seat.
 * The share is raised first and lowered last, so a worker killed in between leaves at most one request too few, which
 * seat_leave makes good when nothing is under way the next time. */
static inline int seat_enter(int64_t *count, int32_t *share, int64_t limit)
{
    int64_t seen;
    if (share) __atomic_fetch_add(share, 1, __ATOMIC_RELAXED);
    if (limit <= 0) {
        __atomic_fetch_add(count, 1, __ATOMIC_SEQ_CST);
        return 1;
    }
    seen = __atomic_load_n(count, __ATOMIC_RELAXED);
    while (seen < limit)
        if (__atomic_compare_exchange_n(count, &seen, seen + 1, 1, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) return 1;
    if (share) __atomic_fetch_sub(share, 1, __ATOMIC_RELAXED);
    return 0;
}

static inline void seat_leave(int64_t *count, int32_t *share)
{
    if (__atomic_fetch_sub(count, 1, __ATOMIC_RELAXED) <= 0) __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
    if (share) __atomic_fetch_sub(share, 1, __ATOMIC_RELAXED);
}

#endif
