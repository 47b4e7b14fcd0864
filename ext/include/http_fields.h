/* Header fields and trailers of HTTP/1.1 as RFC 9112 section 5 and RFC 9110 section 5 have them, nothing looser:
 * lines end in CRLF, names are tokens with the colon right behind, values hold no control character but the tab, and
 * no line goes on on the next one. Nothing is read at or beyond the given end. */
#ifndef TIANJI_HTTP_FIELDS_H
#define TIANJI_HTTP_FIELDS_H

#include <Python.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { HTTP_TOKEN = 1, HTTP_VALUE = 2, HTTP_TARGET = 4 };

/* What a byte may be part of. Token: RFC 9110 section 5.6.2. Value: visible characters, space, tab and bytes above
 * 0x7f (obs-text). Target: visible ASCII without "#", which never goes over the wire (RFC 9112 section 3.2). */
static const unsigned char http_class[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, /* 00 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 10 */
    2, 7, 6, 3, 7, 7, 7, 7, 6, 6, 7, 7, 6, 7, 7, 6, /* 20 */
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 6, 6, 6, 6, 6, /* 30 */
    6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, /* 40 */
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 6, 6, 7, 7, /* 50 */
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, /* 60 */
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 7, 6, 7, 0, /* 70 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 80 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 90 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* a0 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* b0 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* c0 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* d0 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* e0 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* f0 */
};

static inline const char *http_span(const char *at, const char *end, int kind)
{
    while (at < end && (http_class[(unsigned char)*at] & kind))
        at++;
    return at;
}

/* Where a value ends: at the first byte that may not be part of one. */
static inline const char *http_value_end(const char *at, const char *end)
{
#if defined(__SSE2__)
    const __m128i space = _mm_set1_epi8(' '), del = _mm_set1_epi8(0x7f);
    for (; end - at >= 16; at += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)at);
        __m128i fine = _mm_andnot_si128(_mm_cmpeq_epi8(v, del), _mm_cmpeq_epi8(_mm_max_epu8(v, space), v));
        if (_mm_movemask_epi8(fine) != 0xffff) {
            at += __builtin_ctz(~(unsigned)_mm_movemask_epi8(fine));
            break; /* perhaps at a tab only */
        }
    }
#endif
    return http_span(at, end, HTTP_VALUE);
}

typedef enum {
    HTTP_FIELD,     /* a field was read */
    HTTP_LAST,      /* the empty line behind the last field was read */
    HTTP_SHORT,     /* the section does not end before `end` */
    HTTP_FOLDED,    /* a line begins with white space */
    HTTP_BAD_NAME,  /* a name is empty or no token, or something stands between it and its colon */
    HTTP_BAD_VALUE, /* a control character stands in a value */
    HTTP_BARE_LINE  /* a line end is not CRLF */
} http_line;

typedef struct {
    const char *name, *value;
    Py_ssize_t name_size, value_size;
} http_field;

/* Read the line at `*at` and move behind it. */
static inline http_line http_next_field(const char **at, const char *end, http_field *field)
{
    const char *start = *at, *p = start, *last;
    if (p == end)
        return HTTP_SHORT;
    if (*p == '\r' || *p == '\n') {
        if (*p == '\n' || (p + 1 < end && p[1] != '\n'))
            return HTTP_BARE_LINE;
        if (p + 1 == end)
            return HTTP_SHORT;
        *at = p + 2;
        return HTTP_LAST;
    }
    if (*p == ' ' || *p == '\t')
        return HTTP_FOLDED;
    p = http_span(p, end, HTTP_TOKEN);
    if (p == end)
        return HTTP_SHORT;
    if (*p != ':' || p == start)
        return HTTP_BAD_NAME;
    field->name = start;
    field->name_size = p - start;
    p++;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    field->value = p;
    p = http_value_end(p, end);
    if (p == end)
        return HTTP_SHORT;
    if (*p != '\r')
        return *p == '\n' ? HTTP_BARE_LINE : HTTP_BAD_VALUE;
    if (p + 1 == end)
        return HTTP_SHORT;
    if (p[1] != '\n')
        return HTTP_BARE_LINE;
    last = p;
    while (last > field->value && (last[-1] == ' ' || last[-1] == '\t'))
        last--;
    field->value_size = last - field->value;
    *at = p + 2;
    return HTTP_FIELD;
}

/* Where a head ends: the offset behind its empty line, 0 while it is not there, -1 at a line end that is not CRLF.
 * `*seen` is how far was looked before, so that a head which comes in many pieces is not read again and again. */
static inline Py_ssize_t http_head_end(const char *data, Py_ssize_t size, Py_ssize_t *seen)
{
    Py_ssize_t at = *seen;
    for (;;) {
        const char *found = at < size ? (const char *)memchr(data + at, '\n', (size_t)(size - at)) : NULL;
        if (!found) {
            *seen = size;
            return 0;
        }
        at = found - data;
        if (at == 0 || data[at - 1] != '\r')
            return -1;
        at++;
        if (at >= 4 && data[at - 4] == '\r' && data[at - 3] == '\n')
            return at;
    }
}
#endif
