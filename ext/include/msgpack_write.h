/* msgpack written into memory, each value in its shortest form:
 * https://github.com/msgpack/msgpack/blob/master/spec.md
 *
 * Each function returns the place behind what it wrote; MSGPACK_HEAD bytes have to be there, and for texts and bytes as
 * many more as they have. */
#ifndef TIANJI_MSGPACK_WRITE_H
#define TIANJI_MSGPACK_WRITE_H

#include <stdint.h>
#include <string.h>

enum { MSGPACK_HEAD = 9 };

static inline unsigned char *msgpack_put_number(unsigned char *at, unsigned char type, uint64_t value, int size) {
    *at = type;
    value = __builtin_bswap64(value << (64 - 8 * size));
    memcpy(at + 1, &value, 8); /* what is too much is written over */
    return at + 1 + size;
}

static inline unsigned char *msgpack_put_natural(unsigned char *at, uint64_t value) {
    if (value < 128) {
        *at = (unsigned char)value;
        return at + 1;
    }
    int size = value <= UINT8_MAX ? 0 : value <= UINT16_MAX ? 1 : value <= UINT32_MAX ? 2 : 3;
    return msgpack_put_number(at, (unsigned char)(0xcc + size), value, 1 << size);
}

static inline unsigned char *msgpack_put_integer(unsigned char *at, long long value) {
    if (value >= 0)
        return msgpack_put_natural(at, (uint64_t)value);
    if (value >= -32) {
        *at = (unsigned char)value;
        return at + 1;
    }
    int size = value >= INT8_MIN ? 0 : value >= INT16_MIN ? 1 : value >= INT32_MIN ? 2 : 3;
    return msgpack_put_number(at, (unsigned char)(0xd0 + size), (uint64_t)value, 1 << size);
}

/* `few`: the type's byte where `most` are at most counted in it, 0: there is none; `type`: that for the shortest count */
static inline unsigned char *msgpack_put_count(
    unsigned char *at, uint64_t count, unsigned char few, uint64_t most, unsigned char type, int shortest) {
    if (few && count <= most) {
        *at = (unsigned char)(few | count);
        return at + 1;
    }
    int size = count <= UINT8_MAX ? 0 : count <= UINT16_MAX ? 1 : 2;
    size = size < shortest ? shortest : size;
    return msgpack_put_number(at, (unsigned char)(type + size - shortest), count, 1 << size);
}

static inline unsigned char *msgpack_put_array(unsigned char *at, uint64_t count) {
    return msgpack_put_count(at, count, 0x90, 15, 0xdc, 1);
}

static inline unsigned char *msgpack_put_text(unsigned char *at, const char *text, size_t size) {
    at = msgpack_put_count(at, size, 0xa0, 31, 0xd9, 0);
    memcpy(at, text, size);
    return at + size;
}

static inline unsigned char *msgpack_put_bytes(unsigned char *at, const char *data, size_t size) {
    at = msgpack_put_count(at, size, 0, 0, 0xc4, 0);
    memcpy(at, data, size);
    return at + size;
}

#endif
