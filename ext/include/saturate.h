/* Figures that stay at the largest rather than become others. */
#ifndef TIANJI_SATURATE_H
#define TIANJI_SATURATE_H

#include <stdint.h>

static inline long long saturated_sum(long long a, long long b) {
    long long sum;
    return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : INT64_MAX) : sum;
}

/* How far `after` is behind `before`; 0 where it is not. */
static inline long long saturated_distance(long long before, long long after) {
    uint64_t distance = (uint64_t)after - (uint64_t)before;
    return after < before ? 0 : distance > INT64_MAX ? INT64_MAX : (long long)distance;
}

#endif
