/* Touches each page of mapped memory as if it was written, and changes nothing, whoever writes there meanwhile.
 *
 * The first write to a page of a mapped file is a fault, in which the file system notes that the page will change; it
 * waits for a commit of the file system's own journal, which takes as long as the disk does. A comparison that fails or
 * succeeds is a write to the processor either way, and no compiler leaves it out as it may an addition of nothing. */
#ifndef TIANJI_FAULT_IN_H
#define TIANJI_FAULT_IN_H

#include <stddef.h>
#include <stdint.h>

enum { FAULT_STEP = 4096 }; /* bytes; no machine has smaller pages */

static inline void fault_in(void *start, size_t size)
{
    unsigned char *at = (unsigned char *)start, *end = at + size;
    while (at < end) {
        unsigned char seen = __atomic_load_n(at, __ATOMIC_RELAXED);
        __atomic_compare_exchange_n(at, &seen, seen, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
        at = (unsigned char *)(((uintptr_t)at | (FAULT_STEP - 1)) + 1);
    }
}
#endif
