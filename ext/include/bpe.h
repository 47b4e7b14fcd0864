/* Byte pair encoding, counted: how many tokens a text has, without the tokens.
 *
 * The rule: a piece begins as single bytes; of all neighbours that make a token together, the two that make the one of
 * lowest rank (the leftmost, among equals) are merged, again and again. Here no merging is done. Neighbouring tokens
 * fit when encoding the bytes of both, alone, gives these two; a row of tokens that fit each other pairwise is what the
 * rule gives, and there is exactly one. It is found by taking at each place the longest token that fits the one before,
 * and going back one where none does. Only one such row leads to a place, so none is entered twice: the time is linear
 * whatever the text is, and the memory is a bit a byte.
 *
 * That rests on merges happening in the order of their ranks, since a token's halves have lower ranks than it has. */
#ifndef TIANJI_BPE_H
#define TIANJI_BPE_H

#include "bpe_table.h"
#include "pieces.h"

enum { BPE_ROOM = 512, BPE_MEMO = 256, BPE_LONG = 16 };
#define BPE_UNKNOWN (UINT32_MAX - 1)

typedef struct { /* zeroed before the first text, and good for all that follow with the same vocabulary */
    struct {
        uint32_t last, token, chosen;
    } memo[BPE_MEMO]; /* what bpe_fitting found; `last` plus one */
} bpe_work;

/* The longest token that the bytes from s to end, at least one, begin with. `seen` gets how many bytes it rests on, 0
 * when the end is one reason. */
static inline uint32_t bpe_longest(const bpe *v, const uint8_t *s, const uint8_t *end, size_t *seen)
{
    const uint8_t *p = s + 1;
    uint32_t cell = *s, found = cell;
    while (p < end && (cell = trie_child(v->cells, v->cells[cell], *p++)) != 0) {
        if (v->cells[cell] & TRIE_TOKEN) found = cell;
    }
    *seen = cell ? 0 : (size_t)(p - s);
    return v->ranks[found];
}

/* Whether `right` fits `left` before it: whether, while the bytes of both are encoded, nothing is merged across the
 * place between them. Their merges are undone, latest first; at each stage the tokens that meet there must not make one
 * that comes before the merge that was undone last, which took one of them away. */
static inline int bpe_fits(const bpe *v, uint32_t left, uint32_t right)
{
    uint32_t taken = BPE_NONE; /* the rank from which on a merge across comes too late */
    while (bpe_join(v, left, right) >= taken) {
        if (left > right) {
            if (left < BPE_BYTES) return 1;
            taken = left; /* of equal ranks the leftmost goes first: that one, and not the one across */
            left = v->halves[left].right;
        } else {
            if (right < BPE_BYTES) return 1;
            taken = right + 1;
            right = v->halves[right].left;
        }
    }
    return 0;
}

/* The longest token that `token` begins with, itself included, and that fits `last`; BPE_NONE if none does. */
static inline uint32_t bpe_fitting(const bpe *v, bpe_work *work, uint32_t last, uint32_t token)
{
    uint32_t i = (last * 0x9E3779B1u ^ token * 0x85EBCA77u) >> 24, chosen = token;
    if (work->memo[i].last == last + 1 && work->memo[i].token == token) return work->memo[i].chosen;
    while (chosen != BPE_NONE && !bpe_fits(v, last, chosen)) chosen = v->shorter[chosen];
    work->memo[i].last = last + 1;
    work->memo[i].token = token;
    work->memo[i].chosen = chosen;
    return chosen;
}

static inline int bpe_bit(const uint64_t *bits, size_t i)
{
    return (int)(bits[i / 64] >> i % 64 & 1);
}

static inline void bpe_flip(uint64_t *bits, size_t i)
{
    bits[i / 64] ^= UINT64_C(1) << i % 64;
}

/* The token that ends at s + at: it begins where the one before ends. BPE_NONE at the start. */
static inline uint32_t bpe_before(const bpe *v, const uint8_t *s, size_t at, const uint64_t *ends)
{
    size_t start = at, seen;
    if (at == 0) return BPE_NONE;
    do {
        start--;
    } while (start > 0 && !bpe_bit(ends, start));
    return bpe_longest(v, s + start, s + at, &seen);
}

/* The number of tokens of the n bytes at s. `token` is the longest that they begin with; `ends`, where the tokens taken
 * so far end, has n bits, all 0. */
static size_t bpe_merged(const bpe *v, bpe_work *work, const uint8_t *s, size_t n, uint32_t token, uint64_t *ends)
{
    uint32_t last = BPE_NONE, before = BPE_NONE; /* the token taken last, and the one before it */
    size_t at = 0, count = 0, walked = 0, seen = 0; /* the last long look into the trie: from where, how far */
    uint32_t walk = 0;                              /* and what it found */
    for (;;) {
        if (last != BPE_NONE && token != BPE_NONE) token = bpe_fitting(v, work, last, token);
        if (token == BPE_NONE) {
            if (last == BPE_NONE) return n; /* never with a vocabulary as described */
            bpe_flip(ends, at);
            at -= v->length[last];
            count--;
            token = v->shorter[last];
            last = before == BPE_UNKNOWN ? bpe_before(v, s, at, ends) : before;
            before = BPE_UNKNOWN;
        } else {
            at += v->length[token];
            count++;
            if (at == n) return count;
            bpe_flip(ends, at);
            before = last;
            last = token;
            if (seen >= BPE_LONG && n - at >= seen && memcmp(s + at, s + walked, seen) == 0) {
                token = walk; /* in a long row of dashes */
            } else {
                token = walk = bpe_longest(v, s + at, s + n, &seen);
                walked = at;
            }
        }
    }
}

/* Add the tokens of a piece, n bytes and not empty, to `count`. -1 when there is no memory. */
static inline int bpe_piece(const bpe *v, bpe_work *work, const uint8_t *s, size_t n, size_t *count)
{
    uint64_t room[BPE_ROOM / 64], *ends = room;
    uint32_t cell = s[0], found = cell;
    size_t words = (n + 63) / 64, i = 1;
    for (; i < n && (cell = trie_child(v->cells, v->cells[cell], s[i])) != 0; i++) {
        if (v->cells[cell] & TRIE_TOKEN) found = cell;
    }
    if (i == n && found == cell) { /* the piece is a token, as nearly all are */
        ++*count;
        return 0;
    }
    if (n <= BPE_ROOM) memset(room, 0, words * sizeof *ends);
    else if ((ends = calloc(words, sizeof *ends)) == NULL) return -1;
    *count += bpe_merged(v, work, s, n, v->ranks[found], ends);
    if (ends != room) free(ends);
    return 0;
}

/* Add the tokens of the text from p to end to `count`, until that exceeds `limit`. -1 when there is no memory. */
static inline int bpe_count(const bpe *v, bpe_work *work, const uint8_t *p, const uint8_t *end, size_t limit,
                            size_t *count)
{
    const uint8_t *next;
    for (; p < end && *count <= limit; p = next) {
        next = v->rule == BPE_O200K ? piece_o200k(p, end) : piece_cl100k(p, end);
        if (bpe_piece(v, work, p, (size_t)(next - p), count)) return -1;
    }
    return 0;
}

#endif
