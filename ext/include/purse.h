/* Money of a budget's period in nano-dollars. `committed` is what was spent and what is reserved in one word, so a
 * reservation is one compare-and-swap against the budget. What is reserved is counted by seat too; should a process be
 * killed between two words, purse_mend sets them right when nothing is reserved. */
#ifndef TIANJI_PURSE_H
#define TIANJI_PURSE_H

#include "seats.h"

#define PURSE_NO_END (INT64_C(1) << 62) /* milliseconds; the end of a period that has none */

typedef struct {
    int64_t committed; /* spent and reserved */
    int64_t spent;
    int64_t unsaved;   /* spent since somebody wrote it down last */
    int64_t ends_ms;   /* when the period ends, since 1970; 0: nothing was loaded yet */
    int64_t begun_ms;  /* since when what is spent counts; 0: since ever */
    int64_t shares[SEATS]; /* reserved, by seat */
} purse;

static inline int64_t purse_load(const int64_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }

static inline void purse_add(int64_t *word, int64_t n) { __atomic_fetch_add(word, n, __ATOMIC_ACQ_REL); }

/* Reserve `wanted`, or what is left when that is less; -1 when nothing is left, or when it is less and `whole`. */
static inline int64_t purse_reserve(purse *p, int64_t *share, int64_t wanted, int64_t limit, int whole)
{
    int64_t seen = purse_load(&p->committed);
    for (;;) {
        int64_t room = limit - seen, take = wanted < room ? wanted : room;
        if (room <= 0 || (whole && take < wanted)) return -1;
        if (share) purse_add(share, take); /* first, so that purse_mend sees it */
        if (__atomic_compare_exchange_n(&p->committed, &seen, seen + take, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            return take;
        if (share) purse_add(share, -take);
    }
}

/* Replace what was reserved by what was spent. */
static inline void purse_settle(purse *p, int64_t *share, int64_t reserved, int64_t spent)
{
    if (spent) {
        purse_add(&p->spent, spent);
        purse_add(&p->unsaved, spent);
    }
    if (spent != reserved) purse_add(&p->committed, spent - reserved);
    if (share && reserved) purse_add(share, -reserved); /* last, for the same reason */
}

static inline void purse_mend(purse *p)
{
    int64_t seen = purse_load(&p->committed);
    int seat;
    for (seat = 0; seat < SEATS; seat++)
        if (purse_load(&p->shares[seat]) != 0) return;
    __atomic_compare_exchange_n(&p->committed, &seen, purse_load(&p->spent), 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* Begin the period that ends at `ends_ms` after the one that ended at `ended_ms`; 1 for the one caller who did it. */
static inline int purse_renew(purse *p, int64_t ended_ms, int64_t begun_ms, int64_t ends_ms)
{
    if (!__atomic_compare_exchange_n(&p->ends_ms, &ended_ms, ends_ms, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) return 0;
    __atomic_store_n(&p->begun_ms, begun_ms, __ATOMIC_RELEASE);
    purse_add(&p->committed, -__atomic_exchange_n(&p->spent, 0, __ATOMIC_ACQ_REL));
    return 1;
}

/* Let the spend be this, of what began at `begun_ms` or later, unless it counts from there on already. */
static inline void purse_restart(purse *p, int64_t spent, int64_t begun_ms)
{
    int64_t seen = purse_load(&p->begun_ms);
    do {
        if (begun_ms <= seen) return;
    } while (!__atomic_compare_exchange_n(&p->begun_ms, &seen, begun_ms, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    purse_add(&p->committed, spent - __atomic_exchange_n(&p->spent, spent, __ATOMIC_ACQ_REL));
}

/* Let the period's spend be at least this. */
static inline void purse_raise(purse *p, int64_t spent)
{
    int64_t seen = purse_load(&p->spent);
    while (spent > seen)
        if (__atomic_compare_exchange_n(&p->spent, &seen, spent, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            purse_add(&p->committed, spent - seen);
            return;
        }
}

/* Let the period's spend be this. */
static inline void purse_set(purse *p, int64_t spent, int64_t ends_ms)
{
    purse_add(&p->committed, spent - __atomic_exchange_n(&p->spent, spent, __ATOMIC_ACQ_REL));
    __atomic_store_n(&p->ends_ms, ends_ms, __ATOMIC_RELEASE);
}

#endif
