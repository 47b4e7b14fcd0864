/* Cut a text into the pieces that byte pair encoding works on, as the patterns of OpenAI's encodings do:
 * cl100k_base and o200k_base of tiktoken (tiktoken_ext/openai_public.py). Their alternatives are tried in order at each
 * place; here the first character, and where it matters the second, already says which one it will be.
 * The text is UTF-8. Nothing is read at or beyond its end, whatever it holds. */
#ifndef TIANJI_PIECES_H
#define TIANJI_PIECES_H

#include <stdint.h>
#include <string.h>
#include "unicode_classes.h"

enum { LETTERS = UNI_UPPER | UNI_LOWER | UNI_CASELESS, BLANK = UNI_SPACE | UNI_NEWLINE };
/* o200k_base: a word is characters of the first set, then characters of the second; many belong to both */
enum { UNCASED = UNI_CASELESS | UNI_MARK, HEADS = UNI_UPPER | UNCASED, TAILS = UNI_LOWER | UNCASED };

/* The class of the character at p, which is before end; `length` gets its bytes. */
static inline unsigned piece_class(const uint8_t *p, const uint8_t *end, int *length)
{
    uint8_t c = *p;
    if (c < 0xC0 || end - p < (c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4)) {
        *length = 1;
        return c < 0x80 ? uni_class(c) : UNI_OTHER;
    }
    if (c < 0xE0) {
        *length = 2;
        return uni_class((uint32_t)(c & 0x1F) << 6 | (p[1] & 0x3F));
    }
    if (c < 0xF0) {
        *length = 3;
        return uni_class((uint32_t)(c & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F));
    }
    *length = 4;
    return uni_class((uint32_t)(c & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 | (uint32_t)(p[2] & 0x3F) << 6 |
                     (p[3] & 0x3F));
}

/* The first place at or after p whose character is in none of `classes`. */
static inline const uint8_t *piece_run(const uint8_t *p, const uint8_t *end, unsigned classes)
{
    int length;
    for (; p < end && piece_class(p, end, &length) & classes; p += length) {
    }
    return p;
}

/* Eight bytes, the first of them lowest. There must be that many at p. */
static inline uint64_t piece_eight(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

/* How many of the eight bytes, from the lowest on, are from `first` to `last`, both ASCII. */
static inline int piece_span(uint64_t v, uint8_t first, uint8_t last)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    uint64_t low = v & ~highs;
    uint64_t outside = (v | ~(low + ones * (0x80u - first)) | (low + ones * (0x7Fu - last))) & highs;
    return outside ? __builtin_ctzll(outside) / 8 : 8;
}

/* The first place at or after p that is no ASCII letter, or near the end an earlier one. */
static inline const uint8_t *piece_letters(const uint8_t *p, const uint8_t *end)
{
    int length = 8;
    while (length == 8 && end - p >= 8) {
        length = piece_span(piece_eight(p) | UINT64_C(0x2020202020202020), 'a', 'z');
        p += length;
    }
    return p;
}

/* Behind 's 't 'm 'd 'll 've 're at p, in any case, else p. The long s folds to s. */
static inline const uint8_t *piece_contraction(const uint8_t *p, const uint8_t *end)
{
    uint8_t first, second;
    if (end - p < 2 || *p != '\'') return p;
    first = p[1] | 0x20;
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return p + 2;
    if (end - p < 3) return p;
    second = p[2] | 0x20;
    if ((first == 'l' && second == 'l') || ((first == 'v' || first == 'r') && second == 'e')) return p + 3;
    return p[1] == 0xC5 && p[2] == 0xBF ? p + 3 : p;
}

/* Up to three numerals. */
static inline const uint8_t *piece_number(const uint8_t *p, const uint8_t *end)
{
    int i, length;
    for (i = 0; i < 3 && p < end && piece_class(p, end, &length) & UNI_NUMBER; i++) p += length;
    return p;
}

/* White space that no word and no sign takes as its beginning. p stands on it.
 * Up to the last line break if there is one; else all but the last, which belongs to what follows. `to_the_end`: white
 * space at the end of the text is one piece, line breaks or not. */
static inline const uint8_t *piece_blank(const uint8_t *p, const uint8_t *end, int to_the_end)
{
    const uint8_t *q = p, *last = p, *line = p;
    unsigned class;
    int length;
    while (q < end && (class = piece_class(q, end, &length)) & BLANK) {
        last = q;
        q += length;
        if (class & UNI_NEWLINE) line = q;
    }
    if (to_the_end && q == end) return q;
    if (line > p) return line;
    return q == end || last == p ? q : last;
}

/* Signs, with the line breaks (and for o200k_base the slashes) behind them. p stands on the first sign. */
static inline const uint8_t *piece_signs(const uint8_t *p, const uint8_t *end, int slashes)
{
    p = piece_run(p, end, UNI_OTHER | UNI_MARK);
    while (p < end && (*p == '\n' || *p == '\r' || (slashes && *p == '/'))) p++;
    return p;
}

static inline const uint8_t *piece_cl100k(const uint8_t *p, const uint8_t *end)
{
    int length, next = 0;
    unsigned class = piece_class(p, end, &length), second = 0;
    const uint8_t *q = p + length;
    if (class & LETTERS) return piece_run(piece_letters(q, end), end, LETTERS);
    if (class & UNI_NUMBER) return piece_number(p, end);
    if (*p == '\'' && (q = piece_contraction(p, end)) > p) return q;
    q = p + length;
    if (q < end) second = piece_class(q, end, &next);
    if (second & LETTERS && !(class & UNI_NEWLINE)) return piece_run(piece_letters(q, end), end, LETTERS);
    if (!(class & BLANK)) return piece_signs(q, end, 0);
    if (*p == ' ' && second & (UNI_OTHER | UNI_MARK)) return piece_signs(q + next, end, 0);
    return piece_blank(p, end, 1);
}

/* The end of the word that begins at p where that can be told quickly, else p: capitals, then small letters, then a
 * character, all of ASCII. */
static inline const uint8_t *piece_ascii_word(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *q = p;
    uint64_t v;
    int capitals, length;
    if (end - p < 8) return p;
    v = piece_eight(p);
    capitals = piece_span(v, 'A', 'Z');
    if (capitals == 8) return p;
    length = piece_span(v >> 8 * capitals, 'a', 'z');
    q += capitals + length;
    while (length && (q - p) % 8 == 0 && end - q >= 8) {
        length = piece_span(piece_eight(q), 'a', 'z');
        q += length;
    }
    return q < end && *q < 0x80 && !((q - p) % 8 == 0 && length) ? q : p;
}

/* The word that begins at p: p if there is none. */
static inline const uint8_t *piece_word(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *q = piece_ascii_word(p, end), *uncased = p;
    unsigned class = 0;
    int length;
    if (q > p) return piece_contraction(q, end);
    while (q < end && (class = piece_class(q, end, &length)) & HEADS) {
        q += length;
        if (class & UNCASED) uncased = q;
    }
    if (q < end && class & UNI_LOWER) q = piece_run(q + length, end, TAILS);
    else if (uncased > p) q = uncased; /* the last of them is the tail, and capitals behind it are another word's */
    return q == p ? p : piece_contraction(q, end);
}

static inline const uint8_t *piece_o200k(const uint8_t *p, const uint8_t *end)
{
    int length, next = 0;
    unsigned class = piece_class(p, end, &length), second = 0;
    const uint8_t *q = p + length;
    /* a mark could also be the one sign before a word: that comes to the same */
    if (class & (LETTERS | UNI_MARK)) return piece_word(p, end);
    if (class & UNI_NUMBER) return piece_number(p, end);
    if (q < end) second = piece_class(q, end, &next);
    if (second & (LETTERS | UNI_MARK) && !(class & UNI_NEWLINE)) return piece_word(q, end);
    if (!(class & BLANK)) return piece_signs(q, end, 1);
    if (*p == ' ' && second & UNI_OTHER) return piece_signs(q + next, end, 1);
    return piece_blank(p, end, 0);
}

#endif
