/* Moments and how long things took, for programs that measure; `fail` ends one of them with a message. */

#ifndef TIMES_H
#define TIMES_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct times {
    uint64_t *all;
    size_t count, most;
};

static void fail(const char *text, ...)
{
    va_list rest;
    va_start(rest, text);
    vfprintf(stderr, text, rest);
    va_end(rest);
    fputc('\n', stderr);
    exit(1);
}

static uint64_t now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static inline void *got(void *memory)
{
    if (memory == NULL)
        fail("no memory");
    return memory;
}

static inline void note(struct times *times, uint64_t begin, uint64_t end)
{
    if (times->count < times->most)
        times->all[times->count++] = end - begin;
}

#endif
