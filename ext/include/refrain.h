/* Events of a stream that differ in one JSON string alone, a piece of the answer's text. Nothing is read at or beyond the
 * given end. */
#ifndef TIANJI_REFRAIN_H
#define TIANJI_REFRAIN_H

#include "json_scan.h"

/* Behind the white space at p, where that stands before what ends or begins something; else p. */
static inline const uint8_t *refrain_gap(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *next = json_space(p, end);
    return next == end || memchr("{}[],:\"", *next, 7) != NULL ? next : p;
}

/* Whether p says what q, which is JSON, says: white space may differ, and what stands in a member `obfuscation`, with
 * which some providers hide how long a text is. */
static inline int refrain_alike(const uint8_t *p, const uint8_t *end, const uint8_t *q, const uint8_t *q_end)
{
    static const char padding[] = "\"obfuscation\"";
    const uint8_t *a, *b;
    char escaped = 0, padded = 0;
    if (end - p == q_end - q && memcmp(p, q, (size_t)(end - p)) == 0) return 1;
    for (;;) {
        p = refrain_gap(p, end);
        q = refrain_gap(q, q_end);
        if (p == end || q == q_end) return p == end && q == q_end;
        if (*p != *q) return 0;
        if (*p != '"') {
            padded = padded && *p == ':';
            p++;
            q++;
            continue;
        }
        a = p + 1;
        b = q + 1;
        if (json_string(&a, end, &escaped) != JSON_FINE || json_string(&b, q_end, &escaped) != JSON_FINE) return 0;
        a++;
        b++;
        if (!padded && (a - p != b - q || memcmp(p, q, (size_t)(a - p)) != 0)) return 0;
        padded = !padded && a - p == sizeof padding - 1 && memcmp(p, padding, sizeof padding - 1) == 0;
        p = a;
        q = b;
    }
}

/* What an event begins or ends with: bytes, and what stands behind them and may differ. */
enum { REFRAIN_NOTHING, REFRAIN_NUMBER, REFRAIN_PADDING, REFRAIN_PIECES = 8 };

typedef struct {
    const char *text;
    Py_ssize_t size;
    int then;
} refrain_piece;

typedef struct {
    const char *text; /* a member's name with its quotes and its colon */
    Py_ssize_t size;
    int then;
} refrain_name;

#define REFRAIN_NAME(name, then) {"\"" name "\":", sizeof name + 2, then}
/* OpenAI numbers events and pads them, AWS pads them, and Google says in each how many tokens there were so far */
static const refrain_name refrain_names[] = {
    REFRAIN_NAME("sequence_number", REFRAIN_NUMBER),      REFRAIN_NAME("promptTokenCount", REFRAIN_NUMBER),
    REFRAIN_NAME("candidatesTokenCount", REFRAIN_NUMBER), REFRAIN_NAME("totalTokenCount", REFRAIN_NUMBER),
    REFRAIN_NAME("thoughtsTokenCount", REFRAIN_NUMBER),   REFRAIN_NAME("cachedContentTokenCount", REFRAIN_NUMBER),
    REFRAIN_NAME("toolUsePromptTokenCount", REFRAIN_NUMBER), REFRAIN_NAME("tokenCount", REFRAIN_NUMBER),
    REFRAIN_NAME("obfuscation", REFRAIN_PADDING),         REFRAIN_NAME("p", REFRAIN_PADDING)};

/* The piece that ends at *at, where a value may differ that begins there behind white space; *at then is its end. NULL
 * where no such value stands there. */
static inline const char *refrain_value(const char **at, const char *end, int then)
{
    const char *p = *at, *q;
    while (p < end && *p == ' ') p++;
    if (then == REFRAIN_NUMBER) {
        for (q = p; q < end && *q >= '0' && *q <= '9'; q++) {}
        if (q == p) return NULL;
    } else {
        if (p == end || *p++ != '"') return NULL;
        if ((q = memchr(p, '"', (size_t)(end - p))) == NULL || memchr(p, '\\', (size_t)(q - p)) != NULL) return NULL;
    }
    *at = q;
    return p;
}

/* Cut what stands between p and end where it may differ; how many pieces that makes, 0 where they are too many. */
static inline int refrain_cut(refrain_piece *piece, const char *p, const char *end)
{
    const char *from = p, *at, *value;
    const refrain_name *name, *last = refrain_names + sizeof refrain_names / sizeof *refrain_names;
    int count = 0;
    while ((p = memchr(p, '"', (size_t)(end - p))) != NULL) {
        for (name = refrain_names; name < last; name++) {
            if (end - p > name->size && p[1] == name->text[1] && memcmp(p, name->text, (size_t)name->size) == 0) break;
        }
        at = p + (name < last ? name->size : 1);
        if (name < last && (value = refrain_value(&at, end, name->then)) != NULL) {
            if (count == REFRAIN_PIECES - 1) return 0;
            piece[count].text = from;
            piece[count].size = value - from;
            piece[count++].then = name->then;
            from = at;
        }
        p = at;
    }
    piece[count].text = from;
    piece[count].size = end - from;
    piece[count].then = REFRAIN_NOTHING;
    return count + 1;
}

/* Where the needle stands between p and end, if it does so just once; else NULL. */
static inline const char *refrain_once(const char *p, const char *end, const char *needle, Py_ssize_t size)
{
    const char *found = memmem(p, (size_t)(end - p), needle, (size_t)size);
    if (found == NULL || memmem(found + size, (size_t)(end - found - size), needle, (size_t)size) != NULL) return NULL;
    return found;
}

/* Whether these bytes are one event: they end in a blank line, and none stands before it. */
static inline int refrain_is_one(const char *p, Py_ssize_t size)
{
    const char *end = p + size;
    Py_ssize_t blank = size >= 4 && memcmp(end - 4, "\r\n\r\n", 4) == 0 ? 4 : 2;
    if (size < 2 || end[-1] != '\n' || (blank == 2 && end[-2] != '\n')) return 0;
    return memmem(p, (size_t)(size - 1), "\n\n", 2) == NULL && memmem(p, (size_t)(size - 1), "\r\n\r\n", 4) == NULL;
}

/* Behind what the pieces say, NULL where p says something else. Padding ends before its closing quote. */
static inline const uint8_t *refrain_match(const uint8_t *p, const uint8_t *end, const refrain_piece *piece, int count)
{
    const uint8_t *from;
    for (; count > 0; count--, piece++) {
        if (end - p < piece->size || memcmp(p, piece->text, (size_t)piece->size) != 0) return NULL;
        from = p += piece->size;
        if (piece->then == REFRAIN_NUMBER) {
            while (p < end && *p >= '0' && *p <= '9') p++;
            if (p == from) return NULL;
        } else if (piece->then == REFRAIN_PADDING) {
            while (p < end && *p != '"' && *p != '\\' && *p >= ' ') p++;
        }
    }
    return p;
}

/* How many characters the inside of a JSON string stands for; -1 where it holds a surrogate, which may lack its other. */
static inline Py_ssize_t refrain_characters(const uint8_t *p, const uint8_t *end)
{
    Py_ssize_t count = 0;
    while (p < end) {
        if (*p == '\\') {
            if (p[1] == 'u' && (p[2] | 32) == 'd' && p[3] > '7') return -1;
            p += p[1] == 'u' ? 6 : 2;
            count++;
        } else {
            count += (*p++ & 0xC0) != 0x80;
        }
    }
    return count;
}

/* An event that was recognised: its data, and within it the inside of the string that is its text. */
typedef struct {
    const uint8_t *data, *data_end, *text, *text_end;
} refrain_event;

/* Behind the text of the event whose data begins at p as the pieces say, NULL where it does not, or has no text that may
 * be handed on unread. `characters` gets how many it has. */
static inline const uint8_t *refrain_text(const uint8_t *p, const uint8_t *end, const refrain_piece *piece, int count,
                                          refrain_event *event, Py_ssize_t *characters)
{
    char escaped = 0;
    event->data = p;
    p = refrain_match(p, end, piece, count);
    if (p == NULL || p == end || *p != '"') return NULL;
    event->text = ++p;
    if (json_string(&p, end, &escaped) != JSON_FINE || p == event->text) return NULL;
    event->text_end = p;
    *characters = refrain_characters(event->text, p);
    return *characters < 0 ? NULL : p + 1;
}

#endif
