/* What differs between JSON bodies of one shape: the texts of conversations, and the ids and counts of answers. Each is a
 * hole; everything around the holes is the shape. Requests are valid JSON; even if they are not, nothing is read at or
 * beyond the given end. */
#ifndef TIANJI_FRAME_SCAN_H
#define TIANJI_FRAME_SCAN_H

#include "json_scan.h"

enum { FRAME_ROOM = 16, FRAME_MOST = 4096, FRAME_NUMBERS = 96, FRAME_DIGITS = 15 };

/* What stands in a hole that is no count: a piece of a string, or of an id; a number that nobody adds up; padding. */
enum { FRAME_TEXT = -1, FRAME_ID = -2, FRAME_DATE = -3, FRAME_PADDING = -4 };

typedef struct {
    Py_ssize_t start, end;
    long long number; /* the count that stands there, or what does */
} frame_hole;

typedef struct {
    frame_hole *items;
    Py_ssize_t count, capacity;
    int numbers; /* how many of them are */
    frame_hole room[FRAME_ROOM];
} frame_holes;

typedef struct {
    const char *text;
    Py_ssize_t size;
} frame_name;

static inline void frame_init(frame_holes *h)
{
    h->items = h->room;
    h->capacity = FRAME_ROOM;
    h->count = 0;
    h->numbers = 0;
}

static inline void frame_free(frame_holes *h)
{
    if (h->items != h->room) PyMem_Free(h->items);
    frame_init(h);
}

/* 0 where there are too many, or no memory. */
static inline int frame_add(frame_holes *h, Py_ssize_t start, Py_ssize_t end, long long number)
{
    frame_hole *old = h->items == h->room ? NULL : h->items, *grown;
    if (h->count == h->capacity) {
        if (h->capacity >= FRAME_MOST) return 0;
        grown = PyMem_Realloc(old, (size_t)h->capacity * 4 * sizeof(frame_hole));
        if (grown == NULL) return 0;
        if (old == NULL) memcpy(grown, h->room, sizeof h->room);
        h->items = grown;
        h->capacity *= 4;
    }
    h->items[h->count].start = start;
    h->items[h->count].end = end;
    h->items[h->count++].number = number;
    return 1;
}

static inline int frame_is(const uint8_t *from, const uint8_t *to, const frame_name *name)
{
    return to - from == name->size && memcmp(from, name->text, (size_t)name->size) == 0;
}

/* The length of the character at p if it is white space beyond ASCII, as Python's str.strip() knows it; 0 if not. */
static inline int frame_wide_space(const uint8_t *p, const uint8_t *end)
{
    if (end - p >= 2 && p[0] == 0xC2) return p[1] == 0x85 || p[1] == 0xA0 ? 2 : 0;
    if (end - p < 3) return 0;
    if (p[0] == 0xE1) return p[1] == 0x9A && p[2] == 0x80 ? 3 : 0;
    if (p[0] == 0xE3) return p[1] == 0x80 && p[2] == 0x80 ? 3 : 0;
    if (p[0] != 0xE2) return 0;
    if (p[1] == 0x80) return p[2] <= 0x8A || p[2] == 0xA8 || p[2] == 0xA9 || p[2] == 0xAF ? 3 : 0;
    return p[1] == 0x81 && p[2] == 0x9F ? 3 : 0;
}

/* The length of the escape that ends at q, 0 if there is none. */
static inline int frame_escape_before(const uint8_t *p, const uint8_t *q)
{
    int length;
    const uint8_t *run;
    for (length = 2; length <= 6; length += 4) {
        if (q - p < length || q[-length] != '\\' || (length == 6) != (q[-length + 1] == 'u')) continue;
        for (run = q - length; run > p && run[-1] == '\\'; run--) {}
        if ((q - length - run) % 2 == 0) return length;
    }
    return 0;
}

/* The first escape of a code unit at or after p; NULL if there is none. */
static inline const uint8_t *frame_unicode(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *run;
#if defined(__SSE2__)
    const __m128i slash = _mm_set1_epi8('\\'), letter = _mm_set1_epi8('u');
    int mask;
#endif
    for (;; p++) {
#if defined(__SSE2__)
        for (; end - p > 16; p += 16) {
            mask = _mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)p), slash),
                                                   _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(p + 1)), letter)));
            if (mask) {
                p += __builtin_ctz((unsigned)mask);
                break;
            }
        }
#endif
        while (p < end && !(*p == '\\' && end - p >= 6 && p[1] == 'u')) p++;
        if (p == end) return NULL;
        for (run = p; run[-1] == '\\'; run--) {} /* a text begins behind a quote */
        if ((p - run) % 2 == 0) return p;
    }
}

/* Whether half a surrogate pair stands between p and end, which is no character. */
static inline int frame_halved(const uint8_t *p, const uint8_t *end)
{
    for (; (p = frame_unicode(p, end)) != NULL; p += 6) {
        if ((p[2] | 32) != 'd' || p[3] < '8') continue;
        if ((p[3] | 32) > 'b' || end - p < 12 || p[6] != '\\' || p[7] != 'u' || (p[8] | 32) != 'd' ||
            (p[9] | 32) < 'c') return 1;
        p += 6;
    }
    return 0;
}

/* Add the text between the quotes, without the white space at its edges: that belongs to the shape, since it may be cut
 * off, and so does a text of nothing else. 0 where the body has to be read. */
static inline int frame_text(frame_holes *h, const uint8_t *s, const uint8_t *p, const uint8_t *q)
{
    const uint8_t *last;
    int length;
    while (p < q) {
        if (*p == ' ') p++;
        else if (*p == '\\' && q - p >= 6 && p[1] == 'u') p += 6;
        else if (*p == '\\' && memchr("ntrf", p[1], 4) != NULL) p += 2;
        else if (*p >= 0x80 && (length = frame_wide_space(p, q)) != 0) p += length;
        else break;
    }
    while (q > p) {
        if (q[-1] == ' ') q--;
        else if ((length = frame_escape_before(p, q)) != 0) {
            if (length == 2 && memchr("ntrf", q[-1], 4) == NULL) break;
            q -= length;
        } else if (q[-1] >= 0x80) {
            for (last = q - 1; last > p && (*last & 0xC0) == 0x80; last--) {}
            length = frame_wide_space(last, q);
            if (length == 0 || last + length != q) break;
            q = last;
        } else break;
    }
    if (p == q) return 1;
    if (frame_halved(p, q)) return 0;
    return frame_add(h, p - s, q - s, FRAME_TEXT);
}

/* Behind the string whose opening quote is at p; NULL where it does not end. `inner_end` gets its closing quote. */
static inline const uint8_t *frame_string(const uint8_t *p, const uint8_t *end, const uint8_t **inner_end)
{
    const uint8_t *at = p + 1, *run;
    while ((at = memchr(at, '"', (size_t)(end - at))) != NULL) {
        for (run = at; run[-1] == '\\'; run--) {} /* no further than the opening quote */
        if ((at - run) % 2 == 0) {
            *inner_end = at;
            return at + 1;
        }
        at++;
    }
    return NULL;
}

/* Behind the value at p, NULL where it does not end. */
static inline const uint8_t *frame_skip(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *inner;
    Py_ssize_t depth = 0;
    for (;;) {
        if (p == end) return NULL;
        if (*p == '"') {
            if ((p = frame_string(p, end, &inner)) == NULL) return NULL;
        } else if (*p == '{' || *p == '[') {
            depth++;
            p++;
            continue;
        } else if (*p == '}' || *p == ']') {
            depth--;
            p++;
        } else if (depth > 0) {
            p++;
            continue;
        } else {
            while (p < end && memchr(",]} \n\r\t", *p, 7) == NULL) p++;
        }
        if (depth <= 0) return p;
    }
}

/* From behind an opening brace, or behind a value in an object, to the next member's value. NULL behind the last, with
 * *at behind the closing brace, or where this is no object, with *at NULL. */
static inline const uint8_t *frame_member(const uint8_t **at, const uint8_t *end, const uint8_t **name,
                                          const uint8_t **name_end)
{
    const uint8_t *p = json_space(*at, end);
    if (p < end && *p == ',') p = json_space(p + 1, end);
    *at = NULL;
    if (p == end) return NULL;
    if (*p == '}') {
        *at = p + 1;
        return NULL;
    }
    if (*p != '"') return NULL;
    *name = p + 1;
    if ((p = frame_string(p, end, name_end)) == NULL) return NULL;
    p = json_space(p, end);
    if (p == end || *p != ':') return NULL;
    return json_space(p + 1, end);
}

/* From behind an opening bracket, or behind an element, to the next element; else as frame_member. */
static inline const uint8_t *frame_element(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *p = json_space(*at, end);
    if (p < end && *p == ',') p = json_space(p + 1, end);
    *at = p < end && *p == ']' ? p + 1 : NULL;
    return p == end || *p == ']' ? NULL : p;
}

/* A piece of content: an object whose `text` is a hole. Behind it, or NULL. */
static inline const uint8_t *frame_part(frame_holes *h, const uint8_t *s, const uint8_t *p, const uint8_t *end)
{
    static const frame_name text = {"text", 4};
    const uint8_t *at = p + 1, *name, *name_end, *inner, *value;
    while ((value = frame_member(&at, end, &name, &name_end)) != NULL) {
        if (value < end && *value == '"' && frame_is(name, name_end, &text)) {
            if ((at = frame_string(value, end, &inner)) == NULL) return NULL;
            if (!frame_text(h, s, value + 1, inner)) return NULL;
        } else if ((at = frame_skip(value, end)) == NULL) return NULL;
    }
    return at;
}

/* What a message says: one text, or an array of pieces. Behind it, or NULL. */
static inline const uint8_t *frame_content(frame_holes *h, const uint8_t *s, const uint8_t *p, const uint8_t *end)
{
    const uint8_t *at, *inner, *element;
    if (p == end) return NULL;
    if (*p == '"') {
        if ((at = frame_string(p, end, &inner)) == NULL) return NULL;
        return frame_text(h, s, p + 1, inner) ? at : NULL;
    }
    if (*p != '[') return frame_skip(p, end);
    at = p + 1;
    while ((element = frame_element(&at, end)) != NULL) {
        at = *element == '{' ? frame_part(h, s, element, end) : frame_skip(element, end);
        if (at == NULL) return NULL;
    }
    return at;
}

/* Whether somebody speaks whose texts go on as they are; what tools say may be read on the way. */
static inline int frame_speaks(const uint8_t *p, const uint8_t *end)
{
    static const frame_name roles[] = {
        {"\"user\"", 6}, {"\"assistant\"", 11}, {"\"system\"", 8}, {"\"developer\"", 11}, {"\"model\"", 7}};
    size_t i;
    for (i = 0; i < sizeof roles / sizeof *roles; i++) {
        if (end - p > roles[i].size && memcmp(p, roles[i].text, (size_t)roles[i].size) == 0) return 1;
    }
    return 0;
}

/* One message, an object with a role and `content`. Behind it, or NULL. A role may be missing where it `may_lack`. */
static inline const uint8_t *frame_turn(frame_holes *h, const uint8_t *s, const uint8_t *p, const uint8_t *end,
                                        const frame_name *content, int may_lack)
{
    static const frame_name role = {"role", 4};
    const uint8_t *at = p + 1, *name, *name_end, *value;
    Py_ssize_t before = h->count;
    int speaks = 0, roles = 0, plain = 1;
    while ((value = frame_member(&at, end, &name, &name_end)) != NULL) {
        plain = plain && memchr(name, '\\', (size_t)(name_end - name)) == NULL; /* such a name may be any of these */
        if (frame_is(name, name_end, content)) {
            at = frame_content(h, s, value, end);
        } else {
            if (frame_is(name, name_end, &role)) {
                roles++;
                speaks = frame_speaks(value, end);
            }
            at = frame_skip(value, end);
        }
        if (at == NULL) return NULL;
    }
    if (!plain || !(roles == 1 ? speaks : roles == 0 && may_lack)) h->count = before;
    return at;
}

/* Where a request has its texts. */
typedef struct {
    frame_name turns;    /* the member with the messages */
    frame_name content;  /* and theirs with what they say */
    frame_name alone[2]; /* members that stand beside the messages and are what one says, or one */
    int alone_turns;     /* they are messages */
} frame_form;

/* Find the texts of the request in s[:size]. 0 where it has to be read. */
__attribute__((unused)) static int
frame_request(frame_holes *h, const uint8_t *s, Py_ssize_t size, const frame_form *form)
{
    const uint8_t *end = s + size, *at = json_space(s, end), *name, *name_end, *value;
    if (at == end || *at++ != '{') return 0;
    while ((value = frame_member(&at, end, &name, &name_end)) != NULL) {
        if (value == end) return 0;
        if (*value == '[' && frame_is(name, name_end, &form->turns)) {
            at = value + 1;
            while ((value = frame_element(&at, end)) != NULL) {
                at = *value == '{' ? frame_turn(h, s, value, end, &form->content, form->alone_turns)
                                   : frame_skip(value, end);
                if (at == NULL) return 0;
            }
        } else if (frame_is(name, name_end, &form->alone[0]) || frame_is(name, name_end, &form->alone[1])) {
            if (!form->alone_turns) at = frame_content(h, s, value, end);
            else at = *value == '{' ? frame_turn(h, s, value, end, &form->content, 1) : frame_skip(value, end);
        } else at = frame_skip(value, end);
        if (at == NULL) return 0;
    }
    return at != NULL && json_space(at, end) == end;
}

/* Add what of an id names a thing and not a kind: "chatcmpl-" and its like may be replaced. */
static inline int frame_id(frame_holes *h, const uint8_t *s, const uint8_t *p, const uint8_t *q)
{
    const uint8_t *at;
    for (;;) {
        for (at = p; at < q && *at >= 'a' && *at <= 'z'; at++) {}
        if (at == p || at == q || (*at != '-' && *at != '_')) break;
        p = at + 1;
    }
    for (at = p; at < q && (Py_ISALNUM(*at) || *at == '-'); at++) {}
    return p == q || at < q || frame_add(h, p - s, q - s, FRAME_ID); /* of other letters: it belongs to the shape */
}

/* Whether the string from p to its closing quote is one that JSON allows. */
static inline int frame_sound(const uint8_t *p, const uint8_t *quote, const uint8_t *end)
{
    char escaped = 0;
    return json_string(&p, end, &escaped) == JSON_FINE && p == quote;
}

/* Whether a name ends in `last`, with or without the words before it. */
static inline int frame_ends(const uint8_t *name, const uint8_t *end, const char *last, Py_ssize_t size)
{
    return end - name >= size && memcmp(end - size, last, (size_t)size) == 0;
}

/* Whether a member has an id: `id` and `item_id`, `responseId`. */
static inline int frame_names(const uint8_t *name, const uint8_t *end)
{
    return (frame_ends(name, end, "id", 2) && (end - name == 2 || end[-3] == '_')) || frame_ends(name, end, "Id", 2);
}

/* Whether a string hides how long an event is: `obfuscation` and AWS's `p`. Such are letters and digits alone. */
static inline int frame_pads(const uint8_t *name, const uint8_t *end, const uint8_t *p, const uint8_t *q)
{
    if (!(end - name == 1 && *name == 'p') && !(end - name == 11 && memcmp(name, "obfuscation", 11) == 0)) return 0;
    while (p < q && Py_ISALNUM(*p)) p++;
    return p == q;
}

/* Past the digits at *at; whether they are a number that may differ. Nothing is another thing than much: 0 belongs to the
 * shape, and so does what is no whole number, or too long. */
static inline int frame_number(const uint8_t **at, const uint8_t *end, long long *number)
{
    const uint8_t *from = *at, *p = from;
    if (p == end || *p < '1' || *p > '9') return 0;
    for (*number = 0; p < end && Py_ISDIGIT(*p) && p - from <= FRAME_DIGITS; p++) *number = *number * 10 + *p - '0';
    *at = p;
    return p < end && p - from <= FRAME_DIGITS && *p != '.' && (*p | 32) != 'e';
}

/* What a number with such a name is: a count, 0; one that says when or in which place, 1; or which of several, -1. */
static inline int frame_kind(const uint8_t *name, const uint8_t *end)
{
    if (frame_ends(name, end, "index", 5) || frame_ends(name, end, "Index", 5)) return -1;
    return frame_ends(name, end, "created", 7) || frame_ends(name, end, "created_at", 10) ||
           frame_ends(name, end, "sequence_number", 15);
}

/* Find the texts, ids and counts in s[:size], an answer. Texts stand in members with one of these names. 0 where it has
 * to be read. Nobody need have checked it: what stands in its holes is sound, and all else belongs to the shape. */
__attribute__((unused)) static int
frame_answer(frame_holes *h, const uint8_t *s, Py_ssize_t size, const frame_name *texts, int many)
{
    const uint8_t *p = s, *end = s + size, *name, *name_end, *inner, *next;
    long long number;
    int i, kind;
    while (p < end) {
        if (*p != '"') {
            p++;
            continue;
        }
        name = p + 1;
        if ((p = frame_string(p, end, &name_end)) == NULL) return 0;
        next = json_space(p, end);
        if (next == end || *next != ':') continue;
        p = json_space(next + 1, end);
        if (p < end && *p == '"') {
            if ((next = frame_string(p, end, &inner)) == NULL) return 0;
            for (i = 0; i < many && !frame_is(name, name_end, &texts[i]); i++) {}
            if (i < many && !(frame_sound(p + 1, inner, end) && frame_text(h, s, p + 1, inner))) return 0;
            if (frame_names(name, name_end)) {
                if (!frame_id(h, s, p + 1, inner)) return 0;
            } else if (frame_pads(name, name_end, p + 1, inner) && !frame_add(h, p + 1 - s, inner - s, FRAME_PADDING)) {
                return 0;
            }
            p = next;
        } else {
            next = p;
            if (!frame_number(&p, end, &number) || (kind = frame_kind(name, name_end)) < 0) continue;
            if (kind == 0 && h->numbers++ == FRAME_NUMBERS) return 0;
            if (!frame_add(h, next - s, p - s, kind ? FRAME_DATE : number)) return 0;
        }
    }
    return 1;
}

/* A digest of `size` bytes, for finding what is compared afterwards. */
static inline uint64_t frame_digest(uint64_t h, const uint8_t *p, Py_ssize_t size)
{
    const uint64_t odd = UINT64_C(0x9FB21C651E98DF25);
    uint64_t word;
    h = (h ^ (uint64_t)size) * odd;
    for (; size >= 8; size -= 8, p += 8) {
        memcpy(&word, p, 8);
        h = (h ^ word) * odd;
        h ^= h >> 32;
    }
    if (size > 0) {
        word = 0;
        memcpy(&word, p, (size_t)size);
        h = (h ^ word) * odd;
    }
    return h ^ h >> 29;
}

#endif
