/* The C library's heap. What is done here is known to glibc only; elsewhere these functions do nothing. */
#ifndef TIANJI_HEAP_H
#define TIANJI_HEAP_H

#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>

/* One arena; blocks of `apart` bytes and more are maps of their own; `kept` bytes may stay free at the heap's end. */
static inline void heap_settle(int apart, int kept) {
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, apart);
    mallopt(M_TRIM_THRESHOLD, kept);
}

static inline void heap_trim(void) { malloc_trim(0); }

#else

static inline void heap_settle(int apart, int kept) {
    (void)apart;
    (void)kept;
}

static inline void heap_trim(void) {}

#endif
#endif
