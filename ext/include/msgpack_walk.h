/* msgpack read where it stands, without making anything of it:
 * https://github.com/msgpack/msgpack/blob/master/spec.md
 *
 * A walk goes over `at` towards `end`; nothing is read behind it. What returns int says whether that was there, and
 * whole; the walk is of no use afterwards if it was not. */
#ifndef TIANJI_MSGPACK_WALK_H
#define TIANJI_MSGPACK_WALK_H

#include <stdint.h>
#include <string.h>

typedef struct { const unsigned char *at, *end; } msgpack_walk;

static inline uint64_t msgpack_big_endian(const unsigned char *bytes, int size) {
    uint64_t value = 0;
    for (int i = 0; i < size; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* Takes `size` bytes behind the type's one as a number. */
static inline int msgpack_number(msgpack_walk *walk, int size, uint64_t *value) {
    if (walk->end - walk->at < 1 + size)
        return 0;
    *value = msgpack_big_endian(walk->at + 1, size);
    walk->at += 1 + size;
    return 1;
}

static inline int msgpack_nil(msgpack_walk *walk) {
    if (walk->at == walk->end || *walk->at != 0xc0)
        return 0;
    walk->at++;
    return 1;
}

static inline int msgpack_flag(msgpack_walk *walk, int *value) {
    if (walk->at == walk->end || (*walk->at & 0xfe) != 0xc2)
        return 0;
    *value = *walk->at++ & 1;
    return 1;
}

/* An integer; one above 2^63 - 1 counts as that. */
static inline int msgpack_integer(msgpack_walk *walk, long long *value) {
    uint64_t raw;
    if (walk->at == walk->end)
        return 0;
    unsigned char type = *walk->at;
    if (type < 0x80 || type >= 0xe0) {
        *value = (signed char)type;
        walk->at++;
        return 1;
    }
    if (type >= 0xcc && type <= 0xcf) {
        if (!msgpack_number(walk, 1 << (type - 0xcc), &raw))
            return 0;
        *value = raw > INT64_MAX ? INT64_MAX : (long long)raw;
        return 1;
    }
    if (type < 0xd0 || type > 0xd3 || !msgpack_number(walk, 1 << (type - 0xd0), &raw))
        return 0;
    int unused = 64 - (8 << (type - 0xd0));
    *value = (long long)(raw << unused) >> unused;
    return 1;
}

static inline int msgpack_array(msgpack_walk *walk, uint64_t *count) {
    if (walk->at == walk->end)
        return 0;
    unsigned char type = *walk->at;
    if ((type & 0xf0) == 0x90) {
        *count = type & 0x0f;
        walk->at++;
        return 1;
    }
    return (type == 0xdc || type == 0xdd) && msgpack_number(walk, type == 0xdc ? 2 : 4, count);
}

static inline int msgpack_text(msgpack_walk *walk, const char **text, uint64_t *length) {
    if (walk->at == walk->end)
        return 0;
    unsigned char type = *walk->at;
    if ((type & 0xe0) == 0xa0) {
        *length = type & 0x1f;
        walk->at++;
    } else if (type < 0xd9 || type > 0xdb || !msgpack_number(walk, 1 << (type - 0xd9), length)) {
        return 0;
    }
    if ((uint64_t)(walk->end - walk->at) < *length)
        return 0;
    *text = (const char *)walk->at;
    walk->at += *length;
    return 1;
}

/* How many bytes follow the type's one where that many are always the same; -1 for any other type. */
static inline int msgpack_fixed(unsigned char type) {
    if (type < 0x80 || type >= 0xe0 || type == 0xc0 || type == 0xc2 || type == 0xc3)
        return 0;
    if (type == 0xca || type == 0xcb)
        return 4 << (type - 0xca);
    if (type >= 0xcc && type <= 0xd3)
        return 1 << ((type - 0xcc) & 3);
    if (type >= 0xd4 && type <= 0xd8)
        return 1 + (1 << (type - 0xd4));
    return -1;
}

/* Passes over one value and all that is in it. Every value takes a byte, so it ends with the bytes. */
static inline int msgpack_skip(msgpack_walk *walk) {
    for (uint64_t left = 1; left; left--) {
        if (walk->at == walk->end)
            return 0;
        unsigned char type = *walk->at;
        uint64_t count = 0;
        int fixed = msgpack_fixed(type);
        if (fixed >= 0) {
            count = 1 + (uint64_t)fixed;
        } else if ((type & 0xe0) == 0xa0) {
            count = 1 + (uint64_t)(type & 0x1f);
        } else if ((type & 0xf0) == 0x90 || (type & 0xf0) == 0x80) {
            left += (uint64_t)(type & 0x0f) << (type < 0x90);
            count = 1;
        } else if (type >= 0xdc && type <= 0xdf) {
            if (!msgpack_number(walk, type & 1 ? 4 : 2, &count))
                return 0;
            left += count << (type >= 0xde);
            count = 0;
        } else {
            int size = type >= 0xd9 && type <= 0xdb ? 1 << (type - 0xd9) : type >= 0xc4 && type <= 0xc6 ? 1 << (type - 0xc4)
                     : type >= 0xc7 && type <= 0xc9 ? 1 << (type - 0xc7) : 0;
            if (!size || !msgpack_number(walk, size, &count))
                return 0;
            count += type >= 0xc7 && type <= 0xc9; /* what an extension is */
        }
        if ((uint64_t)(walk->end - walk->at) < count)
            return 0;
        walk->at += count;
    }
    return 1;
}

#endif
