/* xorshift64* (Marsaglia 2003, Vigna 2016): a draw costs three shifts. For load spreading, never for secrets. */
#ifndef TIANJI_XORSHIFT_H
#define TIANJI_XORSHIFT_H
#include <stdint.h>

typedef struct { uint64_t word; } xorshift_t;

static inline void xorshift_seed(xorshift_t *state, unsigned long long seed) {
    state->word = seed ? (uint64_t)seed : UINT64_C(0x9E3779B97F4A7C15); /* zero would stay zero */
}

/* A double in [0, 1). An unseeded state seeds itself with the constant above. */
static inline double xorshift_unit(xorshift_t *state) {
    uint64_t x = state->word ? state->word : UINT64_C(0x9E3779B97F4A7C15);
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    state->word = x;
    return (double)((x * UINT64_C(0x2545F4914F6CDD1D)) >> 11) * 0x1.0p-53;
}
#endif
