/* Takes pages of mapped memory before they are needed, and gives them back, without holding up other threads.
 *
 * `fault_in` touches each page as if it was written, and changes nothing, whoever writes there meanwhile.
 *
 * The first write to a page of a mapped file is a fault, in which the file system notes that the page will change; it
 * waits for a commit of the file system's own journal, which takes as long as the disk does. A comparison that fails or
 * succeeds is a write to the processor either way, and no compiler leaves it out as it may an addition of nothing.
 *
 * `let_go` has the kernel forget what it mapped there; what was written stays in the file, and in memory that is nobody
 * else's it is lost.
 *
 * A megabyte is half a millisecond in the kernel. Whoever wakes up on the same core waits for all of that, since who has
 * a core keeps it for its slice, and most of it is no system call that could be interrupted. So each asks after a piece
 * whether somebody else wants to run. */
#ifndef TIANJI_FAULT_IN_H
#define TIANJI_FAULT_IN_H

#include <stddef.h>
#include <stdint.h>
#include <sched.h>
#include <sys/mman.h>

enum { FAULT_STEP = 4096 }; /* bytes; no machine has smaller pages */
enum { TAKE_PIECE = 16 * FAULT_STEP, LEAVE_PIECE = 64 * FAULT_STEP }; /* bytes: about 30 microseconds */

static inline void fault_in(void *start, size_t size)
{
    unsigned char *at = (unsigned char *)start, *end = at + size;
    while (at < end) {
        unsigned char seen = __atomic_load_n(at, __ATOMIC_RELAXED);
        __atomic_compare_exchange_n(at, &seen, seen, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
        at = (unsigned char *)(((uintptr_t)at | (FAULT_STEP - 1)) + 1);
        if (((uintptr_t)at & (TAKE_PIECE - 1)) == 0)
            sched_yield();
    }
}

/* `start`: where a page begins */
static inline void let_go(void *start, size_t size)
{
    for (size_t at = 0; at < size; at += LEAVE_PIECE) {
        madvise((char *)start + at, size - at < LEAVE_PIECE ? size - at : LEAVE_PIECE, MADV_DONTNEED);
        sched_yield();
    }
}
#endif
