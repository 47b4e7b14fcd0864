/* Event streams (WHATWG HTML, section 9.2.6): lines, events, and recognising an event that differs from an earlier one
 * only in the contents of JSON strings and numbers. Nothing is read at or beyond the given end. */
#ifndef TIANJI_SSE_EVENTS_H
#define TIANJI_SSE_EVENTS_H

#include "json_scan.h"

enum { SHAPE_BYTES = 2048, SHAPE_HOLES = 32, SHAPE_DEPTH = 8 };

/* The first CR or LF at or after p, `end` if there is none. One pass for both: with a memchr for each, a text that
 * holds only one of them would be searched to its end again and again. */
static inline const uint8_t *sse_line_end(const uint8_t *p, const uint8_t *end)
{
#if defined(__SSE2__)
    const __m128i lf = _mm_set1_epi8('\n'), cr = _mm_set1_epi8('\r');
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)p);
        int mask = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, lf), _mm_cmpeq_epi8(v, cr)));
        if (mask) return p + __builtin_ctz((unsigned)mask);
    }
#endif
    while (p < end && *p != '\n' && *p != '\r') p++;
    return p;
}

/* Where the next line begins, given the end of this one. NULL if that cannot be told yet: there is no line end, or it
 * is a CR at the very end that may be the first half of a CRLF. */
static inline const uint8_t *sse_next_line(const uint8_t *line_end, const uint8_t *end)
{
    if (line_end == end) return NULL;
    if (*line_end == '\n') return line_end + 1;
    if (line_end + 1 == end) return NULL;
    return line_end + (line_end[1] == '\n' ? 2 : 1);
}

/* Whether an event may end at a byte at or after `from`: two line ends in a row, CRLF counting as one. */
static inline int sse_may_end(const uint8_t *from, const uint8_t *end)
{
    const uint8_t *p = from;
    while ((p = sse_line_end(p, end)) < end) {
        if (p + 1 == end) return 0;
        if ((p[1] == '\n' && *p == '\n') || p[1] == '\r') return 1;
        p++;
    }
    return 0;
}

/* Whether what is held, s[0:size], may be a complete unit, seeing only what came after its first `old` bytes: this is
 * what keeps a large event that comes in small pieces from being read again and again. */
static inline int sse_worth_reading(const uint8_t *s, Py_ssize_t size, Py_ssize_t old)
{
    const uint8_t *from = s + (old > 2 ? old - 2 : 0), *end = s + size; /* a line end and half of a CRLF may lie there */
    if (*s == '\r') return 1;
    return *s == ':' ? sse_line_end(from, end) < end : sse_may_end(from, end);
}

typedef struct {
    Py_ssize_t end;               /* where the next unit begins */
    Py_ssize_t payload;           /* the value of the first data line */
    Py_ssize_t payload_end;
    Py_ssize_t data_lines;
    Py_ssize_t name;              /* the value of its `event` line */
    Py_ssize_t name_end;
    int error;                    /* that is `error` */
} sse_unit;

/* The value of a line if its field is `name`, else NULL. One space after the colon belongs to the framing. */
static inline const uint8_t *sse_field(const uint8_t *p, const uint8_t *line_end, const char *name, Py_ssize_t length)
{
    if (line_end - p < length || memcmp(p, name, (size_t)length) != 0) return NULL;
    p += length;
    if (p == line_end) return p;
    if (*p++ != ':') return NULL;
    return p < line_end && *p == ' ' ? p + 1 : p;
}

/* Read the unit at s[at]: a blank line, a comment line outside of an event, or an event with its blank line.
 * 0 if it is not complete. Comments are units of their own so that a flood of them is never held. */
static inline int sse_read_unit(const uint8_t *s, Py_ssize_t at, Py_ssize_t size, sse_unit *unit)
{
    const uint8_t *p = s + at, *end = s + size, *value;
    const uint8_t *line_end = sse_line_end(p, end), *next = sse_next_line(line_end, end);
    int comment = p < end && *p == ':';
    memset(unit, 0, sizeof *unit);
    while (next != NULL && line_end > p && !comment) {
        if ((value = sse_field(p, line_end, "data", 4)) != NULL) {
            if (unit->data_lines++ == 0) {
                unit->payload = value - s;
                unit->payload_end = line_end - s;
            }
        } else if ((value = sse_field(p, line_end, "event", 5)) != NULL) {
            unit->name = value - s;
            unit->name_end = line_end - s;
            unit->error = line_end - value == 5 && memcmp(value, "error", 5) == 0;
        }
        p = next;
        line_end = sse_line_end(p, end);
        next = sse_next_line(line_end, end);
    }
    if (next == NULL) return 0;
    unit->end = next - s;
    return 1;
}

/* Join the data lines of a unit with LF into `out`, which has room for the whole unit. The joined length. */
static inline Py_ssize_t sse_join(const uint8_t *s, Py_ssize_t at, Py_ssize_t unit_end, char *out)
{
    const uint8_t *p = s + at, *end = s + unit_end, *line_end, *value;
    char *to = out;
    for (; p != NULL && p < end; p = sse_next_line(line_end, end)) {
        line_end = sse_line_end(p, end);
        if ((value = sse_field(p, line_end, "data", 4)) == NULL) continue;
        if (to > out) *to++ = '\n';
        memcpy(to, value, (size_t)(line_end - value));
        to += line_end - value;
    }
    return to - out;
}

/* Where the byte at `joined` of what sse_join made stands in s. */
static inline Py_ssize_t sse_unjoin(const uint8_t *s, Py_ssize_t at, Py_ssize_t unit_end, Py_ssize_t joined)
{
    const uint8_t *p = s + at, *end = s + unit_end, *line_end, *value;
    Py_ssize_t begin = 0;
    for (; p != NULL && p < end; p = sse_next_line(line_end, end)) {
        line_end = sse_line_end(p, end);
        if ((value = sse_field(p, line_end, "data", 4)) == NULL) continue;
        begin += begin > 0;
        if (joined - begin < line_end - value) return value - s + (joined - begin);
        begin += line_end - value;
    }
    return -1;
}

/* A checked event, kept to recognise its like: what is outside of the holes must be the same to the byte, and a hole
 * must hold one JSON string or number. Then both events have the same members with the same structure, so all that was
 * found out about the first holds for the second. */
typedef struct {
    Py_ssize_t size;             /* of the sample; 0: there is none */
    Py_ssize_t model, model_end; /* the value of `model` in the sample */
    Py_ssize_t cut, cut_end;     /* a member that is taken out, with its comma */
    int holes, holes_before_model;
    int holes_before_cut;        /* -1: none is taken out */
    int alike;                   /* the first holes: they held in a later event what they hold in the sample */
    struct {
        Py_ssize_t start, end;
        char kind;
    } hole[SHAPE_HOLES + 1]; /* the last one stands at the end of the sample */
    uint8_t sample[SHAPE_BYTES];
} sse_shape;

static inline int sse_named(const uint8_t *s, const json_member *m, const char *name, Py_ssize_t length)
{
    return m->name_end - m->name == length && memcmp(s + m->name, name, (size_t)length) == 0;
}

/* Where an outermost member stands together with the comma that goes with it, the one before it if there is one. */
static inline void sse_extent(const uint8_t *s, const json_tape *tape, const json_member *m, Py_ssize_t *from,
                              Py_ssize_t *to)
{
    *from = m->name - 1;
    *to = m->end;
    while (s[*from - 1] <= ' ') --*from; /* the brace stands before it at the latest */
    if (*from - 1 > tape->open) {
        --*from;
        return;
    }
    *from = m->name - 1;
    while (s[*to] <= ' ' || s[*to] == ',') ++*to;
}

/* Take the unit s[at:unit_end], whose members are on the tape, for the sample. What decides about an event is no hole:
 * the model's name and the finish reasons. Member `cut` of the tape is taken out of all events alike; -1: none. */
static inline void sse_learn(sse_shape *shape, const uint8_t *s, Py_ssize_t at, Py_ssize_t unit_end,
                             const json_tape *tape, Py_ssize_t cut)
{
    Py_ssize_t i;
    const json_member *m;
    int models = 0;
    shape->size = 0;
    shape->holes = shape->alike = 0;
    shape->holes_before_cut = -1;
    if (unit_end - at > SHAPE_BYTES || s[unit_end - 1] != '\n') return;
    for (i = 0; i < tape->count; i++) {
        m = &tape->items[i];
        if (m->name_escaped) return;
        if (i == cut) {
            sse_extent(s, tape, m, &shape->cut, &shape->cut_end);
            shape->cut -= at;
            shape->cut_end -= at;
            shape->holes_before_cut = shape->holes;
        }
        if (m->depth == 1 && sse_named(s, m, "model", 5)) {
            if (models++) return;
            shape->model = m->start - at;
            shape->model_end = m->end - at;
            shape->holes_before_model = shape->holes;
        } else if ((m->kind == 's' || m->kind == 'n') && !sse_named(s, m, "finish_reason", 13)) {
            if (shape->holes == SHAPE_HOLES) return;
            shape->hole[shape->holes].kind = m->kind;
            shape->hole[shape->holes].start = m->start - at + (m->kind == 's');
            shape->hole[shape->holes].end = m->end - at - (m->kind == 's');
            shape->holes++;
        }
    }
    if (models == 0) shape->model = shape->model_end = 0;
    memcpy(shape->sample, s + at, (size_t)(unit_end - at));
    shape->hole[shape->holes].start = unit_end - at;
    shape->size = unit_end - at;
}

/* The end of the unit at `p` if it has this shape, else NULL. `model` gets the place of the model's value, `cut` that of
 * the member that is taken out.
 *
 * The events of an answer begin alike, up to their text: what stood there in the last one as well is compared at once. */
static inline const uint8_t *sse_match(sse_shape *shape, const uint8_t *p, const uint8_t *end, const uint8_t **model,
                                       const uint8_t **cut)
{
    const uint8_t *hole;
    Py_ssize_t from = 0, length = shape->hole[shape->alike].start;
    char escaped;
    int i = shape->alike, alike = 0, counts = i == 0;
    if (end - p < length || memcmp(p, shape->sample, (size_t)length) != 0) {
        i = 0;
        counts = 1;
        length = shape->hole[0].start;
        if (end - p < length || memcmp(p, shape->sample, (size_t)length) != 0) return NULL;
    }
    if (shape->holes_before_model <= i) *model = p + shape->model;
    if (shape->holes_before_cut >= 0 && shape->holes_before_cut <= i) *cut = p + shape->cut;
    for (;;) {
        p += length;
        if (i == shape->holes) break;
        if (p == end) return NULL;
        hole = p;
        if ((shape->hole[i].kind == 's' ? json_string(&p, end, &escaped) : json_number(&p, end)) != JSON_FINE) {
            return NULL;
        }
        from = shape->hole[i].end;
        length = from - shape->hole[i].start;
        counts = counts && p - hole == length && memcmp(hole, shape->sample + from - length, (size_t)length) == 0;
        alike += counts;
        i++;
        length = shape->hole[i].start - from;
        if (end - p < length || memcmp(p, shape->sample + from, (size_t)length) != 0) return NULL;
        if (i == shape->holes_before_model) *model = p + (shape->model - from);
        if (i == shape->holes_before_cut) *cut = p + (shape->cut - from);
    }
    if (alike > 0) shape->alike = alike;
    return p;
}

#endif
