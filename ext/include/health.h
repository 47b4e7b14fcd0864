/* What the workers of a machine know together about each deployment. Every fact is one 64-bit word that is changed by
 * one atomic instruction or a compare-and-swap, so there is no lock and a worker may die at any instruction.
 * Times are whole microseconds, milliseconds, seconds or minutes of one clock; a name says which. */
#ifndef TIANJI_HEALTH_H
#define TIANJI_HEALTH_H

#include "health_word.h"
#include "pace.h"
#include "seats.h"
#include "shm_table.h"

enum {
    HEALTH_SAMPLES = 32,   /* durations that are remembered */
    HEALTH_KINDS = 16,     /* kinds of failure that are counted apart */
    HEALTH_WINDOW = 60,    /* seconds over which successes and failures are compared */
    HEALTH_PENALTY_S = 60, /* seconds that a penalty is remembered at most: then the deployment is tried again */
    HEALTH_SILENT_S = 3,   /* seconds after which a leader that says nothing leads no more */
    HEALTH_ENOUGH = 20,    /* answers that make a percentile */
    HEALTH_ANSWER_S = 3600 /* seconds that the duration of an answer is remembered */
};
#define HEALTH_PENALTY 1000.0f /* what a timeout counts for among durations */
#define HEALTH_RATE_SHARE 16   /* a single outcome moves the failure rate by a sixteenth of what is left */

typedef struct {
    int64_t cooled_until_us;
    int64_t sick_until_us;
    int64_t in_flight;
    uint64_t requests;    /* minute << HEALTH_COUNT_BITS | count */
    uint64_t tokens;      /* the same */
    uint64_t latency;     /* score, a float's bits << 32 | second until which it stands; 0: nothing is known */
    uint64_t first_token; /* the same, of the time to the first token */
    uint64_t weight;      /* in place of the configured one: its negative, a double's bits; 0: none */
} health_now;             /* one cache line: what a choice reads of each */

typedef struct {
    uint64_t next;
    uint64_t samples[HEALTH_SAMPLES]; /* duration, a float's bits << 32 | second it was taken; 0: none */
} health_ring;

typedef struct {
    uint64_t outcomes;            /* second the window began << 32 | successes << 16 | failures */
    uint64_t trouble;             /* failures in a row << 32 | failure rate, a float's bits */
    uint64_t fails[HEALTH_KINDS]; /* millisecond the count began << HEALTH_FAIL_BITS | count */
    health_ring latency;
    health_ring first_token;
    health_ring answers[2];       /* seconds until an answer stood, whole, and until it began, streamed */
    health_pace pace;             /* of deployments that learn their limit */
    uint64_t elsewhere[2];        /* of the minute's requests and tokens, those of other machines; as in health_now */
    uint64_t spent;               /* of a budget: window << HEALTH_COUNT_BITS | count, as the minute's usage */
    int64_t broke_until_us;       /* a budget is used up until then */
    int32_t shares[SEATS];        /* of in_flight, by seat */
} health_past;

typedef struct {
    uint64_t until; /* minute << HEALTH_COUNT_BITS | sum of all machines up to which this one need not ask again */
    int64_t share;  /* the sum up to which it need not ask in a minute of which nothing was said; 0: any */
} health_lease;

typedef struct {
    shm_table claims; /* a deployment's id -> its place in `now` and `past` */
    seat_row seats;
    uint64_t leader; /* process id << 32 | second in which it last said so; 0: nobody */
    int32_t weighs; /* whether a weight was ever set: while none was, nobody looks */
    int32_t leased; /* the same of leases */
    health_now *now;
    health_past *past;
    health_lease (*leases)[2]; /* of requests and of tokens */
} health_table; /* at the start of the segment, which is mapped at the same place in every child */

static inline size_t health_head_size(void) { return (sizeof(health_table) + 63) / 64 * 64; }

static inline size_t health_size(int64_t capacity)
{
    return health_head_size() + (size_t)capacity * (sizeof(health_now) + sizeof(health_past) + 2 * sizeof(health_lease))
        + (size_t)shm_entry_count(capacity) * sizeof(shm_entry);
}

/* Lay the table out in zeroed memory of health_size() bytes. Place 0 belongs to nobody. */
static inline health_table *health_init(void *memory, int64_t capacity)
{
    health_table *t = memory;
    t->claims.used = 1;
    t->claims.capacity = capacity;
    t->claims.mask = shm_entry_count(capacity) - 1;
    t->now = (health_now *)((char *)memory + health_head_size());
    t->past = (health_past *)(t->now + capacity);
    t->leases = (health_lease(*)[2])(t->past + capacity);
    t->claims.entries = (shm_entry *)(t->leases + capacity);
    return t;
}

static inline int64_t health_us(double seconds) { return (int64_t)(seconds * 1e6); }
static inline uint32_t health_ms(int64_t us) { return (uint32_t)(us / 1000); } /* wraps in 49 days */
static inline uint32_t health_second(double seconds) { return (uint32_t)seconds; }
static inline uint64_t health_minute(double seconds) { return (uint64_t)(seconds / 60.0); }

/* -- seats: which worker holds what ------------------------------------------------------------------------------ */

static inline int64_t health_vacate(void *table, int seat)
{
    health_table *t = table;
    int64_t place, freed = 0, used = __atomic_load_n(&t->claims.used, __ATOMIC_ACQUIRE);
    for (place = 1; place < used; place++) {
        int64_t held = __atomic_exchange_n(&t->past[place].shares[seat], 0, __ATOMIC_RELAXED);
        if (held <= 0) continue;
        seat_subtract(&t->now[place].in_flight, held);
        freed += held;
    }
    return freed;
}

static inline int64_t health_sweep(health_table *t, int32_t self) { return seat_sweep(&t->seats, self, health_vacate, t); }

static inline int health_sit(health_table *t, int32_t self) { return seat_take(&t->seats, self, health_vacate, t); }

/* Whether `self` leads the workers from `second` on: it does already, nobody does, or who did is dead or was silent. */
static inline int health_lead(health_table *t, int32_t self, uint32_t second)
{
    uint64_t seen = health_load(&t->leader);
    for (;;) {
        int32_t leader = (int32_t)(seen >> 32);
        int silent = (uint32_t)seen + HEALTH_SILENT_S < second;
        int gone = leader == 0 || silent || seat_gone(leader);
        if (leader != self && !gone) return 0;
        if (health_swap(&t->leader, &seen, (uint64_t)(uint32_t)self << 32 | second)) return 1;
    }
}

static inline int health_enter(health_now *now, int32_t *share, int64_t limit)
{
    return seat_enter(&now->in_flight, share, limit);
}

static inline void health_leave(health_now *now, int32_t *share) { seat_leave(&now->in_flight, share); }

/* -- minutes of requests and tokens ------------------------------------------------------------------------------ */

enum { HEALTH_COUNT_BITS = 36 };
#define HEALTH_COUNT_MASK ((UINT64_C(1) << HEALTH_COUNT_BITS) - 1)

static inline int64_t health_count(const uint64_t *word, uint64_t minute)
{
    uint64_t seen = health_load(word);
    return seen >> HEALTH_COUNT_BITS < minute ? 0 : (int64_t)(seen & HEALTH_COUNT_MASK);
}

/* Whether `n` more in the minute are within `limit`, which is `n` at least. What was counted in minutes before is less
 * than this minute's zero, so a comparison decides but where another worker's clock is in the next minute already. */
static inline int health_fits(const uint64_t *word, uint64_t minute, int64_t n, int64_t limit)
{
    uint64_t seen = health_load(word), most = (minute << HEALTH_COUNT_BITS) + (uint64_t)(limit - n);
    return seen <= most || (seen >> HEALTH_COUNT_BITS > minute && (int64_t)(seen & HEALTH_COUNT_MASK) <= limit - n);
}

/* Add `n` to the minute unless that passes `limit` (0: no limit). 1 if it was added.
 * A worker whose clock was read just before the minute turned counts in the new one. */
static inline int health_take(uint64_t *word, uint64_t minute, int64_t n, int64_t limit)
{
    uint64_t seen = health_load(word);
    for (;;) {
        int fresh = seen >> HEALTH_COUNT_BITS < minute;
        uint64_t count = (fresh ? 0 : seen & HEALTH_COUNT_MASK) + (uint64_t)n;
        uint64_t now = fresh ? minute << HEALTH_COUNT_BITS : seen & ~HEALTH_COUNT_MASK;
        if (limit > 0 && count > (uint64_t)limit) return 0;
        if (count > HEALTH_COUNT_MASK) count = HEALTH_COUNT_MASK;
        if (health_swap(word, &seen, now | count)) return 1;
    }
}

/* Take `n` off again (or add -n) if the minute is still the same; never below 0. */
static inline void health_untake(uint64_t *word, uint64_t minute, int64_t n)
{
    uint64_t seen = health_load(word);
    while (seen >> HEALTH_COUNT_BITS == minute) {
        int64_t left = (int64_t)(seen & HEALTH_COUNT_MASK) - n;
        uint64_t count = left < 0 ? 0 : (uint64_t)left > HEALTH_COUNT_MASK ? HEALTH_COUNT_MASK : (uint64_t)left;
        if (health_swap(word, &seen, (seen & ~HEALTH_COUNT_MASK) | count)) return;
    }
}

/* Let the minute's usage of other machines be `n`: what changed is added to the sum or taken off it. One process does
 * this. The sum goes first, so should it be killed in between, some count twice and no limit is passed. */
static inline void health_set_elsewhere(uint64_t *sum, uint64_t *elsewhere, uint64_t minute, int64_t n)
{
    int64_t more = n - health_count(elsewhere, minute);
    if (more > 0) health_take(sum, minute, more, 0);
    else if (more < 0) health_untake(sum, minute, -more);
    __atomic_store_n(elsewhere, minute << HEALTH_COUNT_BITS | (uint64_t)n, __ATOMIC_RELAXED);
}

/* The sum that this machine may bring about in the minute without asking: the lower of `limit` and its lease. */
static inline int64_t health_allowance(const health_lease *lease, int64_t limit, uint64_t minute)
{
    uint64_t seen = health_load(&lease->until);
    int64_t share = __atomic_load_n(&lease->share, __ATOMIC_RELAXED);
    if (seen >> HEALTH_COUNT_BITS == minute) share = (int64_t)(seen & HEALTH_COUNT_MASK);
    return share > 0 && share < limit ? share : limit;
}

static inline void health_set_lease(health_table *t, health_lease *lease, uint64_t minute, int64_t until, int64_t share)
{
    __atomic_store_n(&lease->share, share, __ATOMIC_RELAXED);
    __atomic_store_n(&lease->until, minute << HEALTH_COUNT_BITS | (uint64_t)until, __ATOMIC_RELAXED);
    __atomic_store_n(&t->leased, 1, __ATOMIC_RELEASE);
}

/* -- successes and failures -------------------------------------------------------------------------------------- */

/* Count one outcome; the window begins with its first one and lasts HEALTH_WINDOW seconds. What stands then.
 * Counts that would overflow are halved, which keeps their proportion. */
static inline uint64_t health_outcome(uint64_t *word, uint32_t second, int failed)
{
    uint64_t seen = health_load(word), wanted;
    do {
        uint64_t began = seen >> 32, good = seen >> 16 & 0xffff, bad = seen & 0xffff;
        if (good + bad == 0 || began + HEALTH_WINDOW <= second) began = second, good = bad = 0;
        if (good == 0xffff || bad == 0xffff) good /= 2, bad /= 2;
        if (failed) bad++;
        else good++;
        wanted = began << 32 | good << 16 | bad;
    } while (!health_swap(word, &seen, wanted));
    return wanted;
}

static inline uint64_t health_outcomes(const uint64_t *word, uint32_t second)
{
    uint64_t seen = health_load(word);
    return (seen >> 32) + HEALTH_WINDOW <= second ? 0 : seen;
}

/* Count failures in a row, and let the failure rate follow the outcomes. */
static inline void health_trouble(uint64_t *word, int failed)
{
    uint64_t seen = health_load(word), wanted;
    if (seen == 0 && !failed) return; /* the common case writes nothing */
    do {
        float rate = health_float(seen);
        uint64_t row = seen >> 32;
        if (failed) {
            rate += (1.0f - rate) / HEALTH_RATE_SHARE;
            row += row < 0xffffffffu;
        } else {
            rate -= rate / HEALTH_RATE_SHARE;
            if (rate < 0.001f) rate = 0.0f;
            row = 0;
        }
        wanted = row << 32 | health_bits(rate);
    } while (!health_swap(word, &seen, wanted));
}

/* Note how a request ended. A success ends sickness. */
static inline void health_note(health_now *now, health_past *past, uint32_t second, int failed)
{
    health_outcome(&past->outcomes, second, failed);
    health_trouble(&past->trouble, failed);
    if (!failed && __atomic_load_n(&now->sick_until_us, __ATOMIC_RELAXED) != 0)
        __atomic_store_n(&now->sick_until_us, 0, __ATOMIC_RELAXED);
}

enum { HEALTH_FAIL_BITS = 20 };

/* Count one failure of a kind; the count begins with its first one and lasts `lifetime_ms`. What stands then. */
static inline int64_t health_fail(uint64_t *word, uint64_t now_ms, uint64_t lifetime_ms)
{
    uint64_t seen = health_load(word), wanted, mask = (UINT64_C(1) << HEALTH_FAIL_BITS) - 1;
    do {
        uint64_t began = seen >> HEALTH_FAIL_BITS, count = seen & mask;
        if (count == 0 || began + lifetime_ms <= now_ms) began = now_ms, count = 0;
        if (count < mask) count++;
        wanted = began << HEALTH_FAIL_BITS | count;
    } while (!health_swap(word, &seen, wanted));
    return (int64_t)(wanted & mask);
}

/* -- durations --------------------------------------------------------------------------------------------------- */

typedef struct {
    uint32_t size;     /* samples that count, at most HEALTH_SAMPLES */
    uint32_t lifetime; /* seconds that a sample counts */
    double percentile; /* 0: the mean */
} health_measure;

/* The score of the samples that still count, with the second until which it stands; 0 when there is none. */
static inline uint64_t health_score(const health_ring *ring, const health_measure *how, uint32_t second)
{
    float values[HEALTH_SAMPLES], sum = 0.0f, score;
    uint64_t until = UINT32_MAX;
    uint32_t i, j, count = 0;
    for (i = 0; i < how->size; i++) {
        uint64_t sample = health_load(&ring->samples[i]), ends;
        float value = health_float(sample >> 32);
        uint32_t lifetime = value >= HEALTH_PENALTY && how->lifetime > HEALTH_PENALTY_S ? HEALTH_PENALTY_S : how->lifetime;
        if (sample == 0) continue;
        ends = (sample & UINT32_MAX) + lifetime;
        if (ends <= second) continue;
        if (ends < until) until = ends;
        j = count++;
        if (how->percentile > 0) /* which needs them in order */
            for (; j > 0 && values[j - 1] > value; j--) values[j] = values[j - 1];
        values[j] = value;
        sum += value;
    }
    if (count == 0) return 0;
    score = sum / (float)count;
    if (how->percentile > 0) {
        double rank = how->percentile * count;
        uint32_t at = (uint32_t)rank;
        if (at == rank && at > 0) at--; /* ceil(rank) - 1 */
        score = values[at < count ? at : count - 1];
    }
    return (uint64_t)health_bits(score) << 32 | until;
}

/* Remember a duration, and what the score is now. Two workers at once may store a score that lacks the other's sample;
 * the next sample, or the end of the score's time, puts it right. */
static inline void health_sample(
    health_ring *ring, uint64_t *score, const health_measure *how, double seconds, uint32_t second)
{
    uint64_t at = __atomic_fetch_add(&ring->next, 1, __ATOMIC_RELAXED) % how->size;
    float value = seconds > 1e-9 ? seconds < HEALTH_PENALTY ? (float)seconds : HEALTH_PENALTY : 1e-9f;
    __atomic_store_n(&ring->samples[at], (uint64_t)health_bits(value) << 32 | second, __ATOMIC_RELAXED);
    __atomic_store_n(score, health_score(ring, how, second), __ATOMIC_RELAXED);
}

/* The score as it stands at `second`; 0 when nothing is known. */
static inline double health_duration(
    const health_ring *ring, uint64_t *score, const health_measure *how, uint32_t second)
{
    uint64_t seen = health_load(score);
    if (seen != 0 && (uint32_t)seen <= second) {
        seen = health_score(ring, how, second);
        __atomic_store_n(score, seen, __ATOMIC_RELAXED);
    }
    return health_float(seen >> 32);
}

/* Remember how long an answer took, for health_within. */
static inline void health_answer(health_ring *ring, double seconds, uint32_t second)
{
    uint64_t at = __atomic_fetch_add(&ring->next, 1, __ATOMIC_RELAXED) % HEALTH_SAMPLES;
    __atomic_store_n(&ring->samples[at], (uint64_t)health_bits((float)seconds) << 32 | second, __ATOMIC_RELAXED);
}

/* The seconds within which a share of the answers came; 0 when fewer than HEALTH_ENOUGH are remembered. */
static inline double health_within(const health_ring *ring, double percentile, uint32_t second)
{
    health_measure how = {HEALTH_SAMPLES, HEALTH_ANSWER_S, percentile};
    uint32_t i, count = 0;
    for (i = 0; i < HEALTH_SAMPLES; i++) {
        uint64_t sample = health_load(&ring->samples[i]);
        count += sample != 0 && (sample & UINT32_MAX) + HEALTH_ANSWER_S > second;
    }
    return count < HEALTH_ENOUGH ? 0 : health_float(health_score(ring, &how, second) >> 32);
}

/* -- weights ------------------------------------------------------------------------------------------------------ */

static inline void health_weigh(health_table *t, health_now *now, double weight)
{
    uint64_t bits;
    weight = -weight; /* so that no weight is none of the bits */
    memcpy(&bits, &weight, sizeof bits);
    __atomic_store_n(&now->weight, bits, __ATOMIC_RELAXED);
    __atomic_store_n(&t->weighs, 1, __ATOMIC_RELEASE);
}

static inline void health_unweigh(health_now *now) { __atomic_store_n(&now->weight, 0, __ATOMIC_RELAXED); }

/* The weight that was set, negative when none was. */
static inline double health_weight(const health_now *now)
{
    uint64_t bits = health_load(&now->weight);
    double weight;
    if (bits == 0) return -1;
    memcpy(&weight, &bits, sizeof weight);
    return -weight;
}

/* -- rests ------------------------------------------------------------------------------------------------------- */

/* Let a rest end no earlier than `until`. */
static inline void health_rest(int64_t *rest, int64_t until)
{
    int64_t seen = __atomic_load_n(rest, __ATOMIC_RELAXED);
    while (seen < until && !__atomic_compare_exchange_n(rest, &seen, until, 1, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
    }
}

/* End the rest that ends at `until`; one that somebody made longer meanwhile goes on. */
static inline void health_wake(int64_t *rest, int64_t until)
{
    __atomic_compare_exchange_n(rest, &until, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

#endif
