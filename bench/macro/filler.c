/* Something that a core always has to do, and that lets everybody else go first.

       filler CORE

   A core of a virtual machine that has nothing to do stops, and costs whoever wakes it tens of microseconds; one that is
   in use is only interrupted. So what keeps a core busy would seem to make others quicker, or slower where idle cores
   look out for work. With this it is in use whatever is measured. */

#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include "../times.h"

enum { STRETCH = 50000 }; /* nanoseconds until another one that goes last has its turn, too */

int main(int count, char **words)
{
    const struct sched_param none = {0};
    cpu_set_t core;
    if (count != 2)
        fail("usage: filler CORE");
    CPU_ZERO(&core);
    CPU_SET((size_t)atoi(words[1]), &core);
    if (sched_setaffinity(0, sizeof core, &core) != 0 || sched_setscheduler(0, SCHED_IDLE, &none) != 0)
        fail("core %s: %s", words[1], strerror(errno));
    for (;;) {
        for (const uint64_t last = now() + STRETCH; now() < last;)
            ;
        sched_yield();
    }
}
