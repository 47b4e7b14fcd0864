/* Strict JSON (RFC 8259) in one pass, without recursion and without building anything: the whole text is checked
 * (structure, escapes, control characters, UTF-8, numbers, depth) and the members that were asked for are noted.
 * Nothing is read at or beyond the given end, so a text may be a slice of a larger buffer. */
#ifndef TIANJI_JSON_SCAN_H
#define TIANJI_JSON_SCAN_H

#include <Python.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#endif

enum { JSON_DEPTH_LIMIT = 1024, JSON_MEMBER_LIMIT = 12 << 13, JSON_ROOM = 12 };

typedef enum {
    JSON_FINE,
    JSON_NO_MEMORY,
    JSON_NOT_OBJECT, /* the text holds something else, or nothing */
    JSON_MARK,       /* a byte order mark, RFC 8259 section 8.1 */
    JSON_NAME,
    JSON_FIRST_NAME,
    JSON_COLON,
    JSON_VALUE,
    JSON_NEXT_MEMBER,
    JSON_NEXT_ELEMENT,
    JSON_QUOTE, /* a string that never ends */
    JSON_CONTROL,
    JSON_ESCAPE,
    JSON_UTF8,
    JSON_DIGIT,
    JSON_DEEP,
    JSON_MANY, /* more members than JSON_MEMBER_LIMIT: noting them would take far more memory than the text */
    JSON_TRAILING
} json_fault;

typedef struct {
    Py_ssize_t name, name_end; /* between the quotes */
    Py_ssize_t start, end;     /* the value; a string with its quotes */
    int depth;                 /* 1: a member of the outermost object */
    char kind;                 /* s string, n number, t true, f false, 0 null, o object, a array */
    char name_escaped;         /* the name holds a backslash */
    char value_escaped;        /* the value is a string that holds a backslash */
} json_member;

typedef struct {
    json_member *items; /* `room` of the owner, or memory of our own */
    Py_ssize_t count, capacity;
    Py_ssize_t open, close; /* the outermost braces: offset of the first, offset after the last */
    Py_ssize_t fault_at;
    json_fault fault;
    json_member room[JSON_ROOM]; /* most requests have fewer members: no allocation */
} json_tape;

static inline void json_tape_init(json_tape *t)
{
    t->items = t->room;
    t->capacity = JSON_ROOM;
    t->count = 0;
}

static inline void json_tape_free(json_tape *t)
{
    if (t->items != t->room) PyMem_Free(t->items);
    json_tape_init(t);
}

static json_fault json_note(json_tape *t, const json_member *member)
{
    json_member *old = t->items == t->room ? NULL : t->items;
    json_member *grown;
    if (t->count == t->capacity) {
        if (t->capacity == JSON_MEMBER_LIMIT) return JSON_MANY;
        grown = PyMem_Realloc(old, (size_t)t->capacity * 2 * sizeof(json_member));
        if (grown == NULL) return JSON_NO_MEMORY;
        if (old == NULL) memcpy(grown, t->room, sizeof t->room);
        t->items = grown;
        t->capacity *= 2;
    }
    t->items[t->count++] = *member;
    return JSON_FINE;
}

static inline const uint8_t *json_space(const uint8_t *p, const uint8_t *end)
{
    while (p < end && *p <= ' ' && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++;
    return p;
}

/* The length of the well-formed UTF-8 sequence at p (Unicode 15, table 3-7), 0 if it is not one. *p is not ASCII. */
static inline int json_utf8(const uint8_t *p, const uint8_t *end)
{
    uint8_t c = p[0], low = 0x80, high = 0xBF;
    int length = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (c < 0xC2 || c > 0xF4 || end - p < length) return 0;
    if (c == 0xE0) low = 0xA0;
    else if (c == 0xED) high = 0x9F;
    else if (c == 0xF0) low = 0x90;
    else if (c == 0xF4) high = 0x8F;
    if (p[1] < low || p[1] > high) return 0;
    if (length > 2 && (p[2] & 0xC0) != 0x80) return 0;
    if (length > 3 && (p[3] & 0xC0) != 0x80) return 0;
    return length;
}

#if defined(__x86_64__)
enum { JSON_LONG = 256 }; /* bytes; a shorter text is not worth asking what the processor can do */

/* Go on over plain bytes, 128 at a time: the place of the 128 that are not all plain, or of the end's. */
__attribute__((target("avx2"), noinline, unused)) static const uint8_t *
json_plain_wide(const uint8_t *p, const uint8_t *end)
{
    const __m256i quote = _mm256_set1_epi8('"'), slash = _mm256_set1_epi8('\\'), space = _mm256_set1_epi8(' ');
    for (; end - p >= 128; p += 128) {
        __m256i stop = _mm256_setzero_si256();
        int i;
#pragma GCC unroll 4
        for (i = 0; i < 4; i++) {
            __m256i v = _mm256_loadu_si256((const __m256i *)p + i);
            stop = _mm256_or_si256(stop, _mm256_cmpgt_epi8(space, v));
            stop = _mm256_or_si256(stop, _mm256_or_si256(_mm256_cmpeq_epi8(v, quote), _mm256_cmpeq_epi8(v, slash)));
        }
        if (!_mm256_testz_si256(stop, stop)) break;
    }
    return p;
}
#endif

/* The first byte at or after p that is not plain inside a string: a quote, a backslash, a control or a non-ASCII one. */
static inline const uint8_t *json_plain(const uint8_t *p, const uint8_t *end)
{
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(' ');
    const uint8_t *begin = p;
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)p);
        /* the comparison is signed: bytes from 0x80 on are below the space as well */
        __m128i stop = _mm_or_si128(_mm_cmplt_epi8(v, space),
                                    _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)));
        int mask = _mm_movemask_epi8(stop);
        if (mask) return p + __builtin_ctz((unsigned)mask);
#if defined(__x86_64__)
        if (p - begin == JSON_LONG && __builtin_cpu_supports("avx2")) p = json_plain_wide(p + 16, end) - 16;
#endif
    }
#else
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    for (; end - p >= 8; p += 8) {
        uint64_t v, quote, slash;
        memcpy(&v, p, 8);
        quote = v ^ (ones * '"');
        slash = v ^ (ones * '\\');
        if ((((quote - ones) & ~quote) | ((slash - ones) & ~slash) | (v - ones * ' ') | v) & highs) break;
    }
#endif
    while (p < end && *p >= ' ' && *p < 0x80 && *p != '"' && *p != '\\') p++;
    return p;
}

static inline json_fault json_escape(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *p = *at + 1;
    int i;
    if (p == end) {
        *at = p;
        return JSON_QUOTE;
    }
    switch (*p) {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
        *at = p + 1;
        return JSON_FINE;
    case 'u':
        for (i = 1; i <= 4; i++) {
            if (p + i == end || !Py_ISXDIGIT(p[i])) return JSON_ESCAPE;
        }
        *at = p + 5;
        return JSON_FINE;
    default:
        return JSON_ESCAPE;
    }
}

/* From behind the opening quote to the closing one. Escapes of lone surrogates pass: nothing is re-encoded here. */
static inline json_fault json_string(const uint8_t **at, const uint8_t *end, char *escaped)
{
    const uint8_t *p = *at;
    json_fault fault = JSON_FINE;
    int length;
    for (;;) {
        p = json_plain(p, end);
        while (p < end && *p >= 0x80) {
            length = json_utf8(p, end);
            if (length == 0) {
                *at = p;
                return JSON_UTF8;
            }
            p += length;
        }
        if (p == end) {
            fault = JSON_QUOTE;
            break;
        }
        if (*p == '"') break;
        if (*p < ' ') {
            fault = JSON_CONTROL;
            break;
        }
        if (*p == '\\') {
            *escaped = 1;
            fault = json_escape(&p, end);
            if (fault) break;
        }
    }
    *at = p;
    return fault;
}

static inline json_fault json_digits(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *p = *at;
    while (p < end && Py_ISDIGIT(*p)) p++;
    if (p == *at) return JSON_DIGIT;
    *at = p;
    return JSON_FINE;
}

static inline json_fault json_number(const uint8_t **at, const uint8_t *end)
{
    json_fault fault;
    if (**at == '-') ++*at;
    if (*at < end && **at == '0') ++*at;
    else if ((fault = json_digits(at, end))) return fault;
    if (*at < end && **at == '.') {
        ++*at;
        if ((fault = json_digits(at, end))) return fault;
    }
    if (*at < end && (**at | 0x20) == 'e') {
        ++*at;
        if (*at < end && (**at == '+' || **at == '-')) ++*at;
        if ((fault = json_digits(at, end))) return fault;
    }
    return JSON_FINE;
}

/* What a value that begins with `c` is, 0 if none does. */
static inline char json_kind(uint8_t c)
{
    switch (c) {
    case '"': return 's';
    case '{': return 'o';
    case '[': return 'a';
    case 't': return 't';
    case 'f': return 'f';
    case 'n': return '0';
    case '-': case '0': case '1': case '2': case '3': case '4':
    case '5': case '6': case '7': case '8': case '9': return 'n';
    default: return 0;
    }
}

/* A string, a number or a literal. */
static inline json_fault json_scalar(const uint8_t **at, const uint8_t *end, char kind, char *escaped)
{
    json_fault fault;
    const char *word = kind == 't' ? "true" : kind == 'f' ? "false" : "null";
    Py_ssize_t length = kind == 'f' ? 5 : 4;
    if (kind == 's') {
        ++*at;
        fault = json_string(at, end, escaped);
        if (fault == JSON_FINE) ++*at;
        return fault;
    }
    if (kind == 'n') return json_number(at, end);
    if (end - *at < length || memcmp(*at, word, (size_t)length) != 0) return JSON_VALUE;
    *at += length;
    return JSON_FINE;
}

/* From the opening quote of a member's name to its value. `next` gets the name. */
static inline json_fault json_name(const uint8_t *s, const uint8_t **at, const uint8_t *end, json_member *next)
{
    json_fault fault;
    if (*at == end || **at != '"') return JSON_NAME;
    ++*at;
    next->name = *at - s;
    next->name_escaped = next->value_escaped = 0;
    fault = json_string(at, end, &next->name_escaped);
    if (fault) return fault;
    next->name_end = *at - s;
    *at = json_space(*at + 1, end);
    if (*at == end || **at != ':') return JSON_COLON;
    *at = json_space(*at + 1, end);
    return JSON_FINE;
}

/* What an answer says it used is the one object within it that is looked at, so that it is noted on the way. */
static inline int json_is_usage(const uint8_t *s, const json_member *member)
{
    return member->kind == 'o' && member->name_end - member->name == 5 && memcmp(s + member->name, "usage", 5) == 0;
}

/* Check the object in s[from:to] and note its members in `t`: those of the outermost object, and the scalar ones of
 * inner objects down to `noted_depth`. max_depth: levels of nesting allowed, at most JSON_DEPTH_LIMIT.
 * usage: gets whatever members the outermost object's member of this name has, in their order; of those that are no
 * scalars the end is left out. NULL: nobody looks at it.
 * On a fault, t->fault and t->fault_at tell; what was noted by then stays. */
__attribute__((unused)) static json_fault
json_scan(json_tape *t, const uint8_t *s, Py_ssize_t from, Py_ssize_t to, int max_depth, int noted_depth,
          json_tape *usage)
{
    const uint8_t *p = json_space(s + from, s + to), *end = s + to;
    uint64_t objects[JSON_DEPTH_LIMIT / 64 + 1]; /* a bit a level: whether it is an object */
    json_fault fault = JSON_NOT_OBJECT;
    json_member next = {0}; /* the member that is being read */
    Py_ssize_t outer = -1;  /* the outermost object's member that is open */
    int depth = 0, in_object = 0, in_usage = 0;
    char kind, closer;

    if (p == end || *p != '{') {
        if (end - p >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0) fault = JSON_MARK;
        goto failed;
    }
    t->open = p - s;
    for (;;) { /* p stands where a value must begin */
        fault = JSON_VALUE;
        if (p == end || (kind = json_kind(*p)) == 0) goto failed;
        if (in_object && (depth == 1 || (depth <= noted_depth && kind != 'o' && kind != 'a'))) {
            next.start = p - s;
            next.kind = kind;
            next.depth = depth;
            if ((fault = json_note(t, &next))) goto failed;
            if (depth == 1 && usage != NULL) in_usage = json_is_usage(s, &next);
        } else if (in_usage && in_object) {
            next.start = p - s;
            next.kind = kind;
            next.depth = depth;
            if ((fault = json_note(usage, &next))) goto failed;
        }
        if (kind == 'o' || kind == 'a') {
            fault = JSON_DEEP;
            if (depth == max_depth) goto failed;
            if (depth == 1) outer = t->count - 1;
            in_object = kind == 'o';
            if (++depth % 64 == 0 || depth == 1) objects[depth / 64] = 0;
            objects[depth / 64] = (objects[depth / 64] & ~(UINT64_C(1) << depth % 64)) |
                                  ((uint64_t)in_object << depth % 64);
            p = json_space(p + 1, end);
            if (p < end && *p == (in_object ? '}' : ']')) goto closing;
            if (!in_object) continue;
            if (p == end || *p != '"') {
                fault = JSON_FIRST_NAME;
                goto failed;
            }
            if ((fault = json_name(s, &p, end, &next))) goto failed;
            continue;
        }
        if ((fault = json_scalar(&p, end, kind, &next.value_escaped))) goto failed;
        if (in_object && depth <= noted_depth) {
            t->items[t->count - 1].end = p - s;
            t->items[t->count - 1].value_escaped = next.value_escaped;
        } else if (in_usage && in_object) {
            usage->items[usage->count - 1].end = p - s;
            usage->items[usage->count - 1].value_escaped = next.value_escaped;
        }
        for (;;) { /* p stands behind a value */
            p = json_space(p, end);
            closer = in_object ? '}' : ']';
            fault = in_object ? JSON_NEXT_MEMBER : JSON_NEXT_ELEMENT;
            if (p == end) goto failed;
            if (*p == ',') {
                p = json_space(p + 1, end);
                if (in_object && (fault = json_name(s, &p, end, &next))) goto failed;
                break;
            }
            if (*p != closer) goto failed;
        closing:
            p++;
            depth--;
            if (depth == 0) goto closed;
            if (depth == 1) t->items[outer].end = p - s;
            in_object = (int)(objects[depth / 64] >> depth % 64 & 1);
        }
    }
closed:
    t->close = p - s;
    p = json_space(p, end);
    if (p == end) {
        t->fault = JSON_FINE;
        return JSON_FINE;
    }
    fault = JSON_TRAILING;
failed:
    t->fault = fault;
    t->fault_at = p - s;
    return fault;
}

#endif
