/* Preloaded into a worker: how long its loop is held up, in CPU time of the thread, so that other processes do not count.

       HOLDUPS=FOLDER LD_PRELOAD=holdups.so tianji serve ...

   Each process that waits by epoll_pwait has a file FOLDER/PID of two histograms of COUNT buckets of 10 microseconds
   each, 64-bit numbers: turns of the loop, from one wait to the next; and what is done between two reads of sockets,
   which is a callback with whatever stands between it and the next. The last bucket has all that is longer. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { COUNT = 1000, WIDTH = 10000 };

struct histograms {
    uint64_t turns[COUNT], callbacks[COUNT];
};

static struct histograms *seen;
static pid_t owner;
static pthread_t thread;
static uint64_t woken, began; /* nanoseconds; 0: not yet */

static uint64_t used(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void count(uint64_t *buckets, uint64_t nanoseconds)
{
    uint64_t bucket = nanoseconds / WIDTH;
    buckets[bucket < COUNT ? bucket : COUNT - 1]++;
}

static void begin(void)
{
    char path[4096];
    const char *folder = getenv("HOLDUPS");
    if (folder == NULL)
        return;
    snprintf(path, sizeof path, "%s/%d", folder, (int)getpid());
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || ftruncate(file, sizeof *seen) != 0)
        abort();
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (seen == MAP_FAILED)
        abort();
    close(file);
    owner = getpid();
    thread = pthread_self();
    woken = began = 0;
}

int epoll_pwait(int epoll, struct epoll_event *events, int most, int timeout, const sigset_t *signals)
{
    static int (*next)(int, struct epoll_event *, int, int, const sigset_t *);
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "epoll_pwait");
    if (owner != getpid())
        begin();
    int own = seen != NULL && pthread_equal(thread, pthread_self());
    if (own && woken) {
        uint64_t now = used();
        count(seen->turns, now - woken);
        if (began)
            count(seen->callbacks, now - began);
    }
    int ready = next(epoll, events, most, timeout, signals);
    if (own)
        woken = used(), began = 0;
    return ready;
}

ssize_t read(int file, void *into, size_t size)
{
    static ssize_t (*next)(int, void *, size_t);
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "read");
    if (seen != NULL && woken && pthread_equal(thread, pthread_self())) {
        uint64_t now = used();
        if (began)
            count(seen->callbacks, now - began);
        began = now;
    }
    return next(file, into, size);
}
