/* How many requests an upstream takes at a time, learnt from its answers. Additive increase and multiplicative decrease
 * (Chiu and Jain, 1989): each round of answers under full load adds one request, a refusal for load takes a fifth away.
 * Answers that have become twice as slow as usual take a tenth away, for an upstream that queues instead of refusing;
 * they vary for many reasons, so they count as averages of their logarithm and do not take it below PACE_SLOW. What is
 * usual gets slower only where the load cannot be the cause: at that floor, or with less than half of the limit in use.
 * A request that began before the last cut met the load of then and cuts nothing, so a burst of refusals counts once. */
#ifndef TIANJI_PACE_H
#define TIANJI_PACE_H

#include "health_word.h"

#include <math.h>

#define PACE_FIRST 32.0f       /* requests at a time before anything is known */
#define PACE_MOST 100000.0f    /* without a configured limit */
#define PACE_SLOW 8.0f         /* slowness alone takes it no lower */
#define PACE_REFUSED 0.8f      /* what a refusal leaves */
#define PACE_SLOWED 0.9f       /* what slowness leaves */
#define PACE_TOLERANCE 0.693f  /* ln 2: so much slower than usual is slow */
#define PACE_LATELY 32         /* answers that lately means, */
#define PACE_USUALLY 64        /* and usually */

typedef struct {
    uint64_t limit;      /* a float's bits << 32 | millisecond of the last cut, 0 before the first; 0: nothing is known */
    uint64_t seconds[2]; /* logarithm of an answer's, whole and streamed: a float's bits << 32 lately, another's usually */
} health_pace;

static inline float pace_limit(uint64_t word) { return word >> 32 ? health_float(word >> 32) : PACE_FIRST; }

/* Requests that may be under way, at least 1 and at most `parallel` (0: no limit of that kind). */
static inline int64_t pace_slots(const health_pace *pace, int64_t parallel)
{
    int64_t learnt = (int64_t)pace_limit(health_load(&pace->limit));
    return parallel > 0 && parallel < learnt ? parallel : learnt;
}

/* Take the limit down for a request that began at `began`, unless it began before the last cut. */
static inline void pace_cut(health_pace *pace, int64_t in_flight, uint32_t began, uint32_t now, float share, float least)
{
    uint64_t seen = health_load(&pace->limit), wanted;
    do {
        float limit = pace_limit(seen), from = (float)in_flight < limit ? (float)in_flight : limit;
        uint32_t cut = (uint32_t)seen;
        if (cut != 0 && (int32_t)(began - cut) <= 0) return;
        if (from * share < least) from = limit < least ? limit : least;
        else from *= share;
        wanted = (uint64_t)health_bits(from) << 32 | (now ? now : 1);
    } while (!health_swap(&pace->limit, &seen, wanted));
}

static inline int pace_at_work(float limit, int64_t in_flight) { return (float)in_flight * 2 >= limit; }

/* Let the limit grow where it was at work: by one each round, and before the first cut by one each answer. */
static inline void pace_grow(health_pace *pace, int64_t in_flight, int64_t parallel)
{
    uint64_t seen = health_load(&pace->limit), wanted;
    float most = parallel > 0 ? (float)parallel : PACE_MOST;
    do {
        float limit = pace_limit(seen);
        if (!pace_at_work(limit, in_flight) || limit >= most) return;
        limit += (uint32_t)seen ? 1.0f / limit : 1.0f;
        wanted = (uint64_t)health_bits(limit < most ? limit : most) << 32 | (uint32_t)seen;
    } while (!health_swap(&pace->limit, &seen, wanted));
}

/* Whether answers have become slow. `seconds` is above 0; `loaded`: the load may be why. */
static inline int pace_slow(uint64_t *word, float seconds, int loaded)
{
    uint64_t seen = health_load(word), wanted;
    float taken = logf(seconds), lately, usually;
    do {
        lately = seen ? health_float(seen >> 32) : taken;
        usually = seen ? health_float(seen) : taken;
        lately += (taken - lately) / PACE_LATELY;
        if (!loaded || lately < usually) usually += (lately - usually) / PACE_USUALLY;
        wanted = (uint64_t)health_bits(lately) << 32 | health_bits(usually);
    } while (!health_swap(word, &seen, wanted));
    return lately - usually > PACE_TOLERANCE;
}

/* A request was answered; `in_flight` counts it too, `seconds` is 0 when not known. Times are milliseconds. */
static inline void pace_answered(
    health_pace *pace, int64_t in_flight, int64_t parallel, uint32_t began, uint32_t now, float seconds, int streamed)
{
    float limit = pace_limit(health_load(&pace->limit));
    int loaded = limit > PACE_SLOW && pace_at_work(limit, in_flight);
    if (seconds > 0 && pace_slow(&pace->seconds[streamed], seconds, loaded))
        pace_cut(pace, in_flight, began, now, PACE_SLOWED, PACE_SLOW);
    else
        pace_grow(pace, in_flight, parallel);
}

/* A request was refused because of load. */
static inline void pace_refused(health_pace *pace, int64_t in_flight, uint32_t began, uint32_t now)
{
    pace_cut(pace, in_flight, began, now, PACE_REFUSED, 1.0f);
}

#endif
