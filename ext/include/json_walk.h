/* Walk through a JSON text that json_scan has found to be well-formed. Nothing is decoded but what is asked for. */
#ifndef TIANJI_JSON_WALK_H
#define TIANJI_JSON_WALK_H

#include "json_scan.h"

typedef struct { /* the elements of an array, or the members of an object, that are still to come */
    const uint8_t *p, *end;
    int members;
} json_walk;

typedef struct {
    const uint8_t *name, *name_end; /* between the quotes; an element has none */
    const uint8_t *value, *end;     /* a string with its quotes */
} json_item;

/* The quote that ends the string whose content begins at p. */
static inline const uint8_t *json_quote(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *quote = p, *back;
    while ((quote = memchr(quote, '"', (size_t)(end - quote))) != NULL) {
        for (back = quote; back > p && back[-1] == '\\'; back--) {
        }
        if ((quote - back) % 2 == 0) return quote;
        quote++;
    }
    return end;
}

/* The place behind the value that begins at p. */
static inline const uint8_t *json_behind(const uint8_t *p, const uint8_t *end)
{
    int depth = 0;
    while (p < end) {
        uint8_t c = *p;
        if (c == '"') {
            p = json_quote(p + 1, end);
            if (p < end) p++;
        } else if (c == '{' || c == '[') {
            depth++;
            p++;
            continue;
        } else if (depth && (c == '}' || c == ']')) {
            depth--;
            p++;
        } else if (depth) {
            p++;
        } else {
            while (p < end && *p > ' ' && *p != ',' && *p != '}' && *p != ']') p++;
        }
        if (depth == 0) break;
    }
    return p;
}

/* Begin with an array or an object; anything else is like an empty one. */
static inline json_walk json_enter(const uint8_t *value, const uint8_t *end)
{
    json_walk walk = {end, end, 0};
    if (value < end && (*value == '{' || *value == '[')) {
        walk.p = value + 1;
        walk.members = *value == '{';
    }
    return walk;
}

/* The next element or member, 0 when there is none. */
static inline int json_next(json_walk *walk, json_item *item)
{
    const uint8_t *p = json_space(walk->p, walk->end), *end = walk->end;
    if (p < end && *p == ',') p = json_space(p + 1, end);
    if (p == end || *p == '}' || *p == ']') return 0;
    item->name = item->name_end = NULL;
    if (walk->members) {
        item->name = p + 1;
        item->name_end = p = json_quote(p + 1, end);
        while (p < end && *p != ':') p++;
        if (p == end) return 0;
        p = json_space(p + 1, end);
    }
    item->value = p;
    item->end = walk->p = json_behind(p, end);
    return 1;
}

static inline uint32_t json_hex(const uint8_t *p)
{
    uint32_t code = 0;
    int i;
    for (i = 0; i < 4; i++) code = code << 4 | (p[i] <= '9' ? p[i] - 0x30u : (p[i] | 0x20u) - 0x57u);
    return code;
}

static inline size_t json_put(uint32_t code, uint8_t *out)
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (uint8_t)(0xC0 | code >> 6);
        out[1] = (uint8_t)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (uint8_t)(0xE0 | code >> 12);
        out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | code >> 18);
    out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3F));
    out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
    out[3] = (uint8_t)(0x80 | (code & 0x3F));
    return 4;
}

/* The text of a string from behind its first quote to the last, as UTF-8; `out` has room for as many bytes. Half a
 * surrogate pair becomes U+FFFD. Returns the number of bytes. */
static inline size_t json_unescape(const uint8_t *p, const uint8_t *end, uint8_t *out)
{
    static const char plain[] = "b\bf\fn\nr\rt\t";
    const uint8_t *slash;
    uint8_t *at = out;
    const char *found;
    while (p < end) {
        slash = memchr(p, '\\', (size_t)(end - p));
        if (slash == NULL) slash = end;
        memcpy(at, p, (size_t)(slash - p));
        at += slash - p;
        p = slash;
        if (end - p < 2) break;
        if (p[1] == 'u' && end - p >= 6) {
            uint32_t code = json_hex(p + 2), low = 0;
            p += 6;
            if (code >= 0xD800 && code < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') low = json_hex(p + 2);
            if (low >= 0xDC00 && low < 0xE000) {
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                p += 6;
            } else if (code >= 0xD800 && code < 0xE000) {
                code = 0xFFFD;
            }
            at += json_put(code, at);
        } else {
            found = strchr(plain, p[1]);
            *at++ = found && p[1] >= 'b' ? (uint8_t)found[1] : p[1];
            p += 2;
        }
    }
    return (size_t)(at - out);
}

/* Whether the item has this name, which is of plain ASCII and at most 31 characters long. */
static inline int json_named(const json_item *item, const char *name)
{
    size_t length = strlen(name), size = item->name ? (size_t)(item->name_end - item->name) : 0;
    uint8_t decoded[6 * 31];
    if (size == length) return memcmp(item->name, name, length) == 0;
    if (size < length || size > sizeof decoded || memchr(item->name, '\\', size) == NULL) return 0;
    return json_unescape(item->name, item->name_end, decoded) == length && memcmp(decoded, name, length) == 0;
}

/* Whether the value is this string, likewise. */
static inline int json_equals(const json_item *item, const char *text)
{
    json_item content = {item->value + 1, item->end - 1, NULL, NULL};
    return item->end - item->value >= 2 && *item->value == '"' && json_named(&content, text);
}

/* The member of this name of the object at `value`, 0 if there is none. */
static inline int json_member_named(const uint8_t *value, const uint8_t *end, const char *name, json_item *item)
{
    json_walk walk = json_enter(value, end);
    while (walk.members && json_next(&walk, item)) {
        if (json_named(item, name)) return 1;
    }
    return 0;
}

#endif
