/* Whether an answer has a shape that is known, without a look for where its holes are. */
#ifndef TIANJI_FRAME_FOLLOW_H
#define TIANJI_FRAME_FOLLOW_H

#include "frame_scan.h"

/* A piece of a shape, and the hole behind it: `number` is what stands there, 0 for a count. */
typedef struct {
    Py_ssize_t size;
    long long number;
} frame_stop;

/* Add the hole at p, if frame_answer finds one there, and of this kind, once it has come so far. Behind it, or NULL. That
 * what names a thing ends there says the piece behind it, which begins with a quote. */
static inline const uint8_t *frame_hole_at(frame_holes *h, const uint8_t *s, const uint8_t *p, const uint8_t *end,
                                           long long kind)
{
    const uint8_t *q = p;
    Py_ssize_t before = h->count;
    long long number;
    char escaped = 0;
    if (kind == FRAME_TEXT) {
        if (json_string(&q, end, &escaped) != JSON_FINE || !frame_text(h, s, p, q)) return NULL;
    } else if (kind == FRAME_ID) {
        while (q < end && (Py_ISALNUM(*q) || *q == '-')) q++;
        if (!frame_id(h, s, p, q)) return NULL;
    } else if (kind == FRAME_PADDING) {
        while (q < end && Py_ISALNUM(*q)) q++;
        if (!frame_add(h, p - s, q - s, FRAME_PADDING)) return NULL;
    } else {
        if (!frame_number(&q, end, &number) || (kind == 0 && h->numbers++ == FRAME_NUMBERS)) return NULL;
        if (!frame_add(h, p - s, q - s, kind == 0 ? number : kind)) return NULL;
    }
    if (h->count == before || h->items[before].start != p - s) return NULL; /* a part of it belongs to the shape */
    return s + h->items[before].end;
}

/* Find the holes of the answer that begins at s[at], if it has this shape: pieces one behind another, each but the last with a
 * stop and a NUL. Behind it, NULL where it has another one. Just those are found that frame_answer finds. */
__attribute__((unused)) static const uint8_t *
frame_follow(frame_holes *h, const uint8_t *s, Py_ssize_t at, Py_ssize_t size, const char *shape, Py_ssize_t shape_size,
             const frame_stop *stop, Py_ssize_t stops)
{
    const uint8_t *p = s + at, *end = s + size;
    const char *shape_end = shape + shape_size;
    for (; stops > 0; stops--, stop++) {
        if (end - p < stop->size || memcmp(p, shape, (size_t)stop->size) != 0) return NULL;
        if ((p = frame_hole_at(h, s, p + stop->size, end, stop->number)) == NULL) return NULL;
        shape += stop->size + 1;
    }
    if (end - p < shape_end - shape || memcmp(p, shape, (size_t)(shape_end - shape)) != 0) return NULL;
    return p + (shape_end - shape);
}

#endif
