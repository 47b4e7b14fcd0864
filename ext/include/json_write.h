/* JSON written into memory: texts (RFC 8259, 7) and decimals. Each function returns the place behind what it wrote. */
#ifndef TIANJI_JSON_WRITE_H
#define TIANJI_JSON_WRITE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { JSON_NUMBER_MOST = 32 }; /* bytes of a number, and of null, true and false */

static inline int json_is_escaped(unsigned char c)
{
    return (c < 0x20) | (c == '"') | (c == '\\');
}

/* The bytes that a text takes at most, with its quotes. */
static inline ptrdiff_t json_text_most(ptrdiff_t size)
{
    return 6 * size + 2;
}

/* Whether all of a text stands in a string as it is: one pass that compilers turn into vectors. */
static inline int json_is_plain(const char *text, ptrdiff_t size)
{
    unsigned char escaped = 0;
    for (ptrdiff_t i = 0; i < size; i++)
        escaped |= (unsigned char)json_is_escaped((unsigned char)text[i]);
    return !escaped;
}

static inline char *json_put_escaped(char *at, unsigned char c)
{
    static const char digits[] = "0123456789abcdef", shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    *at++ = '\\';
    for (const char *one = shorts; *one; one += 2)
        if ((unsigned char)*one == c) {
            *at = one[1];
            return at + 1;
        }
    memcpy(at, "u00", 3);
    at[3] = digits[c >> 4];
    at[4] = digits[c & 15];
    return at + 5;
}

/* A text, which is UTF-8, as a string. */
static inline char *json_put_text(char *at, const char *text, ptrdiff_t size)
{
    const ptrdiff_t end = json_is_plain(text, size) ? 0 : size;
    ptrdiff_t from = 0;
    *at++ = '"';
    for (ptrdiff_t i = 0; i < end; i++)
        if (json_is_escaped((unsigned char)text[i])) {
            memcpy(at, text + from, (size_t)(i - from));
            at = json_put_escaped(at + (i - from), (unsigned char)text[i]);
            from = i + 1;
        }
    memcpy(at, text + from, (size_t)(size - from));
    at += size - from;
    *at++ = '"';
    return at;
}

/* An integer, of which `places` digits are behind the point: as many of them as say anything, and one at least. */
static inline char *json_put_decimal(char *at, long long value, int places)
{
    char figures[24];
    int count = 0;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    if (value < 0)
        *at++ = '-';
    do {
        figures[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest || count <= places);
    while (count > places)
        *at++ = figures[--count];
    if (places) {
        int last = 0;
        while (last < places - 1 && figures[last] == '0')
            last++;
        *at++ = '.';
        while (count > last)
            *at++ = figures[--count];
    }
    return at;
}

#endif
