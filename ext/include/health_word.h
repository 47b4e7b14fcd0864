/* A fact that all workers share is one 64-bit word; a float may stand in one half of it. */
#ifndef TIANJI_HEALTH_WORD_H
#define TIANJI_HEALTH_WORD_H

#include <stdint.h>
#include <string.h>

static inline uint64_t health_load(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_RELAXED); }

static inline int health_swap(uint64_t *word, uint64_t *seen, uint64_t wanted)
{
    return __atomic_compare_exchange_n(word, seen, wanted, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static inline uint32_t health_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float health_float(uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float value;
    memcpy(&value, &low, sizeof value);
    return value;
}

#endif
