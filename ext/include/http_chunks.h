/* The chunked transfer coding of RFC 9112 section 7.1, taken apart as it comes and nothing looser: sizes are
 * hexadecimal digits, lines end in CRLF, data end where their size says. Extensions and trailers are read over, within
 * bounds; a trailer never counts as a header. */
#ifndef TIANJI_HTTP_CHUNKS_H
#define TIANJI_HTTP_CHUNKS_H

#include "http_fields.h"

enum {
    CHUNK_DIGITS = 15,             /* of a size: 2^60 bytes are more than anything sends */
    CHUNK_OVERHEAD = 16 * 1024,    /* bytes of extensions in a message */
    CHUNK_TRAILERS = 16 * 1024,    /* bytes of trailers */
    CHUNK_TRAILER_LINES = 100,
    CHUNK_NAME = 18                /* bytes of a trailer's name that are looked at */
};

typedef enum {
    IN_SIZE, IN_SPACE, IN_EXTENSION, AT_SIZE_LF, IN_DATA, AT_DATA_CR, AT_DATA_LF,
    AT_TRAILER, IN_TRAILER_NAME, IN_TRAILER_VALUE, AT_TRAILER_LF, AT_END_LF, AT_END
} chunk_state;

typedef enum { CHUNKS_MORE, CHUNKS_DATA, CHUNKS_END, CHUNKS_FAULT } chunks_result;

typedef struct {
    chunk_state state;
    int digits, lines, name_size;
    char name[CHUNK_NAME]; /* of the trailer, in lower case */
    Py_ssize_t overhead, trailers;
    unsigned long long left; /* of the chunk */
} http_chunks;

static inline void http_chunks_start(http_chunks *c)
{
    memset(c, 0, sizeof *c);
}

static inline int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Whether a trailer is named like a field that frames a message, which no honest sender does. */
static inline int http_chunks_misleads(const http_chunks *c)
{
    return (c->name_size == 14 && !memcmp(c->name, "content-length", 14)) ||
           (c->name_size == 17 && !memcmp(c->name, "transfer-encoding", 17));
}

static inline int http_chunks_name(http_chunks *c, char byte)
{
    if (c->name_size < CHUNK_NAME)
        c->name[c->name_size++] = byte >= 'A' && byte <= 'Z' ? byte + 32 : byte;
    return http_class[(unsigned char)byte] & HTTP_TOKEN;
}

/* One byte of the framing. 0 when it does not belong there. */
static inline int http_chunks_step(http_chunks *c, char byte)
{
    int digit;
    switch (c->state) {
    case IN_SIZE:
        digit = hex_digit(byte);
        if (digit >= 0) {
            c->left = c->left << 4 | (unsigned)digit;
            return ++c->digits <= CHUNK_DIGITS;
        }
        if (!c->digits)
            return 0;
        c->state = byte == '\r' ? AT_SIZE_LF : byte == ';' ? IN_EXTENSION : IN_SPACE;
        return byte == '\r' || byte == ';' || byte == ' ' || byte == '\t';
    case IN_SPACE: /* bad white space, which only an extension may follow */
        if (byte == ';')
            c->state = IN_EXTENSION;
        return ++c->overhead <= CHUNK_OVERHEAD && (byte == ';' || byte == ' ' || byte == '\t');
    case IN_EXTENSION:
        if (byte == '\r')
            c->state = AT_SIZE_LF;
        return ++c->overhead <= CHUNK_OVERHEAD && (byte == '\r' || (http_class[(unsigned char)byte] & HTTP_VALUE));
    case AT_SIZE_LF:
        c->state = c->left ? IN_DATA : AT_TRAILER;
        return byte == '\n';
    case AT_DATA_CR:
        c->state = AT_DATA_LF;
        return byte == '\r';
    case AT_DATA_LF:
        c->state = IN_SIZE;
        c->digits = 0;
        return byte == '\n';
    case AT_TRAILER:
        c->state = byte == '\r' ? AT_END_LF : IN_TRAILER_NAME;
        c->name_size = 0;
        return byte == '\r' || (++c->lines <= CHUNK_TRAILER_LINES && http_chunks_name(c, byte));
    case IN_TRAILER_NAME:
        if (byte == ':')
            c->state = IN_TRAILER_VALUE;
        return ++c->trailers <= CHUNK_TRAILERS && (byte == ':' ? !http_chunks_misleads(c) : http_chunks_name(c, byte));
    case IN_TRAILER_VALUE:
        if (byte == '\r')
            c->state = AT_TRAILER_LF;
        return ++c->trailers <= CHUNK_TRAILERS && (byte == '\r' || (http_class[(unsigned char)byte] & HTTP_VALUE));
    case AT_TRAILER_LF:
        c->state = AT_TRAILER;
        return byte == '\n';
    case AT_END_LF:
        c->state = AT_END;
        return byte == '\n';
    default:
        return 0;
    }
}

/* Go on from `*at`. CHUNKS_DATA: a piece of the content stands at `*data`, and more may follow. CHUNKS_MORE: everything
 * before `end` was read. CHUNKS_END: the body ends at `*at`. CHUNKS_FAULT: it is framed wrongly; do not go on. */
static inline chunks_result http_chunks_next(http_chunks *c, const char **at, const char *end, const char **data,
                                             Py_ssize_t *size)
{
    while (*at < end) {
        if (c->state == IN_DATA) {
            unsigned long long here = (unsigned long long)(end - *at);
            *data = *at;
            *size = (Py_ssize_t)(here < c->left ? here : c->left);
            *at += *size;
            c->left -= (unsigned long long)*size;
            if (!c->left)
                c->state = AT_DATA_CR;
            return CHUNKS_DATA;
        }
        if (!http_chunks_step(c, *(*at)++))
            return CHUNKS_FAULT;
        if (c->state == AT_END)
            return CHUNKS_END;
    }
    return CHUNKS_MORE;
}
#endif
