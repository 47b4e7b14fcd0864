/* How much was taken in the last minute, such that no 60 seconds ever hold more than a limit.
 *
 * Time goes in steps of two seconds; what was taken in a step counts until all of the step is a minute old, so 60 to 62
 * seconds. `sum` holds all that was ever taken and the step of the last take in one word, so a take is one
 * compare-and-swap against a limit: no lock, no moment at which two see the same last place. The step never goes back:
 * who comes late counts in the step of those before him. Whoever takes first in a step notes the sum in `base` before
 * he takes; several may do so, and a sum noted is at most the true one. So what is in the window, the sum less the base
 * of its first step, is never too small, wherever somebody was killed.
 * What is given back is noted at the step of the take and leaves the window with it, not later than what was taken. */
#ifndef TIANJI_WINDOW_H
#define TIANJI_WINDOW_H

#include <stdint.h>

enum {
    WINDOW_STEP_S = 2,
    WINDOW_STEPS = 30, /* before the current one: 60 seconds */
    WINDOW_RING = 32,  /* a power of two above WINDOW_STEPS */
    WINDOW_BITS = 40   /* of an amount; above it is the step, of which 24 bits are kept */
};
#define WINDOW_MASK ((UINT64_C(1) << WINDOW_BITS) - 1)

typedef struct {
    uint64_t sum;               /* step of the last take << WINDOW_BITS | taken ever, of which the low bits are kept */
    uint64_t floor;             /* step << WINDOW_BITS | the first base from that step on, found by who wanted it last */
    uint64_t gave;              /* whether anything was ever given back: while nothing was, nobody looks */
    uint64_t base[WINDOW_RING]; /* step << WINDOW_BITS | the sum before its first take */
    uint64_t back[WINDOW_RING]; /* step << WINDOW_BITS | given back of what was taken then */
} window;

static inline uint32_t window_step(double seconds) { return (uint32_t)(uint64_t)(seconds / WINDOW_STEP_S) & 0xffffff; }

/* By how many steps `a` is later than `b`, negative when it is earlier; steps wrap after a year. */
static inline int32_t window_later(uint32_t a, uint32_t b) { return (int32_t)((a - b) << 8) >> 8; }

static inline uint32_t window_tag(uint64_t word) { return (uint32_t)(word >> WINDOW_BITS); }

/* The step in which a take at `step` counts. */
static inline uint32_t window_at(uint64_t sum, uint32_t step)
{
    int32_t later = window_later(window_tag(sum), step);
    return later > 0 && later < WINDOW_RING ? window_tag(sum) : step;
}

/* `sum` less a base; a sum that was read before anybody took anything from that base on is the smaller one. */
static inline int64_t window_above(uint64_t sum, uint64_t base)
{
    uint64_t taken = (sum - base) & WINDOW_MASK;
    return taken > WINDOW_MASK / 2 ? 0 : (int64_t)taken;
}

/* What was taken from the step `first` on, as `sum` has it. A step without a base had no take. The first base that there
 * is stays the first one, so it is looked for once a step. */
static inline int64_t window_taken(window *w, uint64_t sum, uint32_t first)
{
    uint64_t floor = __atomic_load_n(&w->floor, __ATOMIC_ACQUIRE);
    int32_t i, steps;
    if (window_tag(floor) == first) return window_above(sum, floor);
    steps = window_later(window_tag(sum), first);
    if (steps >= WINDOW_RING) steps = WINDOW_RING - 1;
    for (i = 0; i <= steps; i++) {
        uint32_t step = (first + (uint32_t)i) & 0xffffff;
        uint64_t base = __atomic_load_n(&w->base[step % WINDOW_RING], __ATOMIC_ACQUIRE);
        if (window_tag(base) != step) continue;
        __atomic_store_n(&w->floor, (uint64_t)first << WINDOW_BITS | (base & WINDOW_MASK), __ATOMIC_RELEASE);
        return window_above(sum, base);
    }
    return 0;
}

/* What was given back of it. */
static inline int64_t window_returned(const window *w, uint32_t first)
{
    int64_t total = 0;
    int i;
    if (!__atomic_load_n(&w->gave, __ATOMIC_ACQUIRE)) return 0;
    for (i = 0; i < WINDOW_RING; i++) {
        uint64_t back = __atomic_load_n(&w->back[i], __ATOMIC_RELAXED);
        total += ((window_tag(back) - first) & 0xffffff) < WINDOW_RING ? (int64_t)(back & WINDOW_MASK) : 0;
    }
    return total;
}

static inline int64_t window_between(window *w, uint64_t sum, uint32_t first)
{
    int64_t taken = window_taken(w, sum, first), returned = taken ? window_returned(w, first) : 0;
    return taken > returned ? taken - returned : 0;
}

/* What counts at `step`. */
static inline int64_t window_used(window *w, uint32_t step)
{
    uint64_t sum = __atomic_load_n(&w->sum, __ATOMIC_ACQUIRE);
    return window_between(w, sum, (window_at(sum, step) - WINDOW_STEPS) & 0xffffff);
}

static inline void window_begin(window *w, uint32_t step, uint64_t sum)
{
    uint64_t *base = &w->base[step % WINDOW_RING], seen = __atomic_load_n(base, __ATOMIC_ACQUIRE);
    uint64_t wanted = (uint64_t)step << WINDOW_BITS | (sum & WINDOW_MASK);
    if (window_tag(seen) != step)
        __atomic_compare_exchange_n(base, &seen, wanted, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* Take `n` unless that passes `limit` (negative: no limit). 1 if it was taken. */
static inline int window_take(window *w, uint32_t step, int64_t n, int64_t limit)
{
    uint64_t sum = __atomic_load_n(&w->sum, __ATOMIC_ACQUIRE), wanted;
    do {
        uint32_t at = window_at(sum, step), first = (at - WINDOW_STEPS) & 0xffffff;
        if (limit >= 0) {
            int64_t room = limit - n;
            if (room < 0) return 0;
            if (window_taken(w, sum, first) > room && window_between(w, sum, first) > room) return 0;
        }
        if (at != window_tag(sum)) window_begin(w, at, sum);
        wanted = (uint64_t)at << WINDOW_BITS | ((sum + (uint64_t)n) & WINDOW_MASK);
    } while (!__atomic_compare_exchange_n(&w->sum, &sum, wanted, 1, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    return 1;
}

/* Give back `n` of what was taken at `step`; nothing happens when that has left the window long since. */
static inline void window_give_back(window *w, uint32_t step, int64_t n)
{
    uint64_t *back = &w->back[step % WINDOW_RING], seen = __atomic_load_n(back, __ATOMIC_ACQUIRE), amount;
    if (!__atomic_load_n(&w->gave, __ATOMIC_RELAXED)) __atomic_store_n(&w->gave, 1, __ATOMIC_RELEASE);
    do {
        amount = (uint64_t)n;
        if (window_tag(seen) == step) amount += seen & WINDOW_MASK;
        else if (seen != 0 && window_later(window_tag(seen), step) > 0) return;
        if (amount > WINDOW_MASK) amount = WINDOW_MASK;
    } while (!__atomic_compare_exchange_n(
        back, &seen, (uint64_t)step << WINDOW_BITS | amount, 1, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
}

/* How many steps after `step` there is room for `n`, if nobody else takes it; -1: never. */
static inline int32_t window_wait(window *w, uint32_t step, int64_t n, int64_t limit)
{
    uint64_t sum = __atomic_load_n(&w->sum, __ATOMIC_ACQUIRE);
    int32_t least = 0, most = 2 * WINDOW_RING;
    if (n > limit) return -1;
    while (least < most) { /* the later, the less counts */
        int32_t wait = (least + most) / 2;
        if (window_between(w, sum, (step + (uint32_t)wait - WINDOW_STEPS) & 0xffffff) <= limit - n) most = wait;
        else least = wait + 1;
    }
    return least;
}

/* How many steps after `step` all of a limit is there again, if nobody takes anything. That is when the step of the last
 * take has left the window, unless all of that was given back. */
static inline int32_t window_refill(window *w, uint32_t step, int64_t limit)
{
    uint64_t sum = __atomic_load_n(&w->sum, __ATOMIC_ACQUIRE);
    int32_t wait = window_later(window_tag(sum), step) + WINDOW_STEPS + 1;
    if (wait > 0 && wait <= 2 * WINDOW_RING && window_between(w, sum, window_tag(sum)) > 0) return wait;
    return window_wait(w, step, limit, limit);
}

/* Seconds from `now` until `steps` steps after its own. */
static inline double window_seconds(double now, int32_t steps)
{
    return (double)((int64_t)(now / WINDOW_STEP_S) + steps) * WINDOW_STEP_S - now;
}

#endif
