/* Seconds on CLOCK_MONOTONIC, the clock that asyncio's loop.time() reads too; about 20 ns through the vDSO. */
#ifndef TIANJI_MONOTONIC_H
#define TIANJI_MONOTONIC_H
#include <time.h>

static inline double monotonic_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
#endif
