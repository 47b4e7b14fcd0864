/* What a machine may have of limits that it shares with others, on loan from a store that all of them ask.
 *
 * Steps are those of window.h, counted by the store's clock: what is granted in a step is taken in that step or not at
 * all, so the last 31 steps hold no more than a limit wherever it was granted. Places and money stay granted until they
 * are given back. Whoever lowers what is granted looks at what is taken afterwards, and whoever takes looks at what is
 * granted afterwards, so one of the two always notices the other. */
#ifndef TIANJI_LEASE_H
#define TIANJI_LEASE_H

#include "purse.h"
#include "seats.h"
#include "window.h"

enum {
    LEASE_OFF,   /* this machine shares nothing: limits are all its own */
    LEASE_ALONE, /* the store is away: each machine has its share */
    LEASE_ON
};

typedef struct {
    int32_t mode;
    int32_t machines; /* how many there were when the store answered last; 0: it never has */
    double offset;    /* seconds to add to the clock for the store's; a little too much, never too little */
    int64_t epoch;    /* by which one sees that the store has forgotten; 0: it never answered */
} lease_state;

typedef struct {
    int64_t limit;  /* what it was when it was asked for last; 0: it never was */
    uint64_t lease; /* step << WINDOW_BITS | what may still be taken in it */
    uint64_t left;  /* step << WINDOW_BITS | what nobody had, by an answer of that step */
    int64_t room_ms; /* when there is room for what was refused then; -1: never */
} window_lease;

typedef struct {
    int64_t limit;
    int64_t held;   /* requests that may be under way */
    int64_t dry_ms; /* until then nothing is to be had */
    int64_t asked_ms; /* when it was asked for last: answers may come for a while */
} place_lease;

typedef struct {
    int64_t limit;
    int64_t granted;   /* what may be committed in all */
    int64_t left;      /* what nobody had */
    int64_t elsewhere; /* what others spent of the period, and this machine before it knew of it */
    int64_t dry_ms;
    int64_t asked_ms;
    int64_t joined; /* whether the store knows of this purse */
} money_lease;

static inline int64_t lease_share(int64_t limit, int32_t machines)
{
    int64_t share = machines > 1 ? limit / machines : limit;
    return share > 0 ? share : 1;
}

static inline int lease_mode(const lease_state *s) { return __atomic_load_n(&s->mode, __ATOMIC_RELAXED); }

/* Whether this turned it: of all workers who see the same, one does. */
static inline int lease_turn(lease_state *s, int from, int to)
{
    __typeof__(s->mode) expected = from;
    return __atomic_compare_exchange_n(&s->mode, &expected, to, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static inline double lease_offset(const lease_state *s)
{
    double offset;
    __atomic_load(&s->offset, &offset, __ATOMIC_RELAXED);
    return offset;
}

static inline void lease_set_offset(lease_state *s, double offset)
{
    __atomic_store(&s->offset, &offset, __ATOMIC_RELAXED);
}

/* -- windows ----------------------------------------------------------------------------------------------------- */

static inline int64_t lease_of_step(const uint64_t *word, uint32_t step)
{
    uint64_t seen = __atomic_load_n(word, __ATOMIC_ACQUIRE);
    return window_tag(seen) == step ? (int64_t)(seen & WINDOW_MASK) : 0;
}

static inline int lease_take(window_lease *l, uint32_t step, int64_t n)
{
    uint64_t seen = __atomic_load_n(&l->lease, __ATOMIC_ACQUIRE);
    do {
        if (window_tag(seen) != step || (int64_t)(seen & WINDOW_MASK) < n) return 0;
    } while (!__atomic_compare_exchange_n(&l->lease, &seen, seen - (uint64_t)n, 1, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    return 1;
}

/* Let `n` more be taken in `step`; what is left of an earlier step is void. */
static inline void lease_grant(window_lease *l, uint32_t step, int64_t n)
{
    uint64_t seen = __atomic_load_n(&l->lease, __ATOMIC_ACQUIRE), amount;
    do {
        amount = (uint64_t)n + (window_tag(seen) == step ? seen & WINDOW_MASK : 0);
        if (amount > WINDOW_MASK) amount = WINDOW_MASK;
    } while (!__atomic_compare_exchange_n(
        &l->lease, &seen, (uint64_t)step << WINDOW_BITS | amount, 1, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
}

/* Let what was given back in the step of its take be taken again. */
static inline void lease_restore(window_lease *l, uint32_t step, int64_t n)
{
    uint64_t seen = __atomic_load_n(&l->lease, __ATOMIC_ACQUIRE);
    do {
        if (window_tag(seen) != step) return;
    } while (!__atomic_compare_exchange_n(&l->lease, &seen, seen + (uint64_t)n, 1, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
}

/* Whether it is known that all machines together have less than `n` left in this step. */
static inline int lease_is_dry(const window_lease *l, uint32_t step, int64_t n)
{
    uint64_t left = __atomic_load_n(&l->left, __ATOMIC_ACQUIRE);
    return window_tag(left) == step && (int64_t)(left & WINDOW_MASK) + lease_of_step(&l->lease, step) < n;
}

/* What counts of a window at `step`, as far as this machine knows: what the others have had is in the last answer. */
static inline int64_t lease_used(const window_lease *l, window *w, uint32_t step)
{
    int64_t used = window_used(w, step);
    uint64_t left = __atomic_load_n(&l->left, __ATOMIC_ACQUIRE);
    int32_t age = window_later(step, window_tag(left));
    if (l->limit && left && age >= 0 && age <= 1) {
        int64_t known = l->limit - (int64_t)(left & WINDOW_MASK) - lease_of_step(&l->lease, window_tag(left));
        if (known > used) used = known;
    }
    return used;
}

/* What was taken in each of the steps up to `step`, the latest first, less what was given back of it. */
static inline void lease_profile(const window *w, uint32_t step, int64_t *amounts)
{
    uint64_t sum = __atomic_load_n(&w->sum, __ATOMIC_ACQUIRE), after = sum;
    int i;
    for (i = 0; i <= WINDOW_STEPS; i++) {
        uint32_t at = (step - (uint32_t)i) & 0xffffff;
        uint64_t base = __atomic_load_n(&w->base[at % WINDOW_RING], __ATOMIC_ACQUIRE);
        uint64_t back = __atomic_load_n(&w->back[at % WINDOW_RING], __ATOMIC_ACQUIRE);
        amounts[i] = 0;
        if (window_tag(base) != at || window_later(at, window_tag(sum)) > 0) continue;
        amounts[i] = (int64_t)((after - base) & WINDOW_MASK);
        after = base;
        if (window_tag(back) == at) {
            int64_t returned = (int64_t)(back & WINDOW_MASK);
            amounts[i] = amounts[i] > returned ? amounts[i] - returned : 0;
        }
    }
}

/* -- places ------------------------------------------------------------------------------------------------------ */

/* How many requests may be under way here, of a limit above zero; 0: none before somebody asks. */
static inline int64_t lease_places(const lease_state *s, const place_lease *l, int64_t limit)
{
    int64_t held;
    if (lease_mode(s) == LEASE_ALONE) return lease_share(limit, s->machines);
    held = __atomic_load_n(&l->held, __ATOMIC_SEQ_CST);
    return held < limit ? held : limit;
}

/* Let what is granted be what is in use, if that is more: it was taken while nobody could be asked. */
static inline int64_t lease_cover(int64_t *granted, const int64_t *used)
{
    int64_t seen = __atomic_load_n(granted, __ATOMIC_SEQ_CST), now = __atomic_load_n(used, __ATOMIC_SEQ_CST);
    while (seen < now)
        if (__atomic_compare_exchange_n(granted, &seen, now, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return now;
    return seen;
}

/* Let no more be granted than is in use; what is granted then. */
static inline int64_t lease_give_up(int64_t *granted, const int64_t *used)
{
    int64_t seen = __atomic_load_n(granted, __ATOMIC_SEQ_CST), now = __atomic_load_n(used, __ATOMIC_SEQ_CST);
    while (now < seen)
        if (__atomic_compare_exchange_n(granted, &seen, now, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) break;
    return lease_cover(granted, used); /* who took meanwhile may have seen it in time, or not */
}

/* -- money ------------------------------------------------------------------------------------------------------- */

/* From now on this purse holds only what this machine spends: what was spent before belongs to all. */
static inline void lease_begin(money_lease *l, purse *p)
{
    int64_t spent = __atomic_exchange_n(&p->spent, 0, __ATOMIC_ACQ_REL);
    purse_add(&l->elsewhere, spent);
    purse_add(&p->committed, -spent);
}

/* From now on it holds all that was spent of the budget, as far as it is known here. */
static inline void lease_end(money_lease *l, purse *p)
{
    int64_t spent = __atomic_exchange_n(&l->elsewhere, 0, __ATOMIC_ACQ_REL);
    purse_add(&p->committed, spent);
    purse_add(&p->spent, spent);
    __atomic_store_n(&l->granted, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&l->joined, 0, __ATOMIC_RELEASE);
}

/* Let what all spent of the period be at least this, as long as the store has not said how much it is. */
static inline void lease_learn(money_lease *l, const purse *p, int64_t spent)
{
    int64_t seen = purse_load(&l->elsewhere), others = spent - purse_load(&p->spent);
    while (!purse_load(&l->joined) && others > seen)
        if (__atomic_compare_exchange_n(&l->elsewhere, &seen, others, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return;
}

/* A period begins: what is reserved goes over into it, and all else has to be asked for. */
static inline void lease_renew(money_lease *l, const purse *p)
{
    __atomic_store_n(&l->granted, purse_load(&p->committed), __ATOMIC_SEQ_CST);
    __atomic_store_n(&l->joined, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&l->elsewhere, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&l->dry_ms, 0, __ATOMIC_RELEASE);
}

/* What may be committed here although nobody could be asked: this machine's share of what was left is thought its own. */
static inline int64_t lease_unasked(const lease_state *s, const money_lease *l, int64_t budget)
{
    int64_t left = l->joined ? purse_load(&l->left) : budget - purse_load(&l->elsewhere);
    return purse_load(&l->granted) + (left > 0 ? lease_share(left, s->machines) : 0);
}

/* Reserve `wanted` of what is granted, all of it or, unless `whole`, what there is; -1 when that is nothing. */
static inline int64_t lease_reserve(purse *p, money_lease *l, int64_t *share, int64_t wanted, int whole)
{
    int64_t taken = purse_reserve(p, share, wanted, purse_load(&l->granted), whole);
    if (taken < 0 || purse_load(&p->committed) <= __atomic_load_n(&l->granted, __ATOMIC_SEQ_CST)) return taken;
    purse_settle(p, share, taken, 0); /* it was given back just now */
    return -1;
}

#endif
