/* Microseconds since 1970, as the ledger keeps times; about 20 ns through the vDSO. */
#ifndef TIANJI_REALTIME_H
#define TIANJI_REALTIME_H
#include <time.h>

static inline long long realtime_microseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
#endif
