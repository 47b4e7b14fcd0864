/* The tokens of a byte pair encoding as tables: made once, in one block that processes may share, then only read.
 *
 * Ranks count from 0, single bytes first; every other token is made by merging two tokens of lower rank, its halves. */
#ifndef TIANJI_BPE_TABLE_H
#define TIANJI_BPE_TABLE_H

#include "bpe_trie.h"

enum { BPE_BYTES = 256, BPE_LONGEST = 255, BPE_TAG = 12 };
#define BPE_NONE UINT32_MAX

typedef enum { BPE_CL100K, BPE_O200K } bpe_rule;

typedef struct {
    uint32_t left, right;
} bpe_halves;

typedef struct {
    bpe_rule rule;
    uint32_t tokens;
    int pair_bits;      /* of the number of pairs that there is room for */
    uint32_t *block;    /* whether it is filled, and how many cells are used; behind that what follows */
    bpe_halves *halves; /* by rank; single bytes have none */
    uint32_t *pairs;    /* rank << BPE_TAG | a part of the hash of its halves, 0 when free */
    uint32_t *shorter;  /* by rank: the longest token that it begins with, BPE_NONE for single bytes */
    uint8_t *length;    /* by rank, in bytes */
    uint32_t *cells;    /* the trie */
    uint32_t *ranks;    /* by cell, where a token ends */
} bpe;

static inline int bpe_pair_bits(uint32_t tokens)
{
    int bits = 10;
    while (UINT64_C(1) << bits < (uint64_t)tokens * 2) bits++;
    return bits;
}

/* There are about 2.2 nodes a token. Room that is not used is never touched, so it is no memory, only an address. */
static inline uint32_t bpe_cells(uint32_t tokens)
{
    return tokens * 3 + TRIE_BEGIN + 512;
}

/* Bytes of a block. */
static inline size_t bpe_size(uint32_t tokens)
{
    return 8 + tokens * (sizeof(bpe_halves) + sizeof(uint32_t)) + (sizeof(uint32_t) << bpe_pair_bits(tokens)) +
           (tokens + 3) / 4 * 4 + (size_t)bpe_cells(tokens) * 2 * sizeof(uint32_t);
}

/* Find one's way in `block`. */
static inline void bpe_lay(bpe *v, bpe_rule rule, uint32_t tokens, void *block)
{
    v->rule = rule;
    v->tokens = tokens;
    v->pair_bits = bpe_pair_bits(tokens);
    v->block = block;
    v->halves = (bpe_halves *)(v->block + 2);
    v->pairs = (uint32_t *)(v->halves + tokens);
    v->shorter = v->pairs + ((size_t)1 << v->pair_bits);
    v->length = (uint8_t *)(v->shorter + tokens);
    v->cells = (uint32_t *)(v->length + (tokens + 3) / 4 * 4);
    v->ranks = v->cells + bpe_cells(tokens);
}

/* Where the token with these halves is, or would be. `tag` gets what stands there besides its rank. */
static inline uint32_t *bpe_pair(const bpe *v, uint32_t left, uint32_t right, uint32_t *tag)
{
    uint64_t hash = ((uint64_t)left << 32 | right) * UINT64_C(0x9E3779B97F4A7C15);
    uint64_t i = hash >> (64 - v->pair_bits), mask = (UINT64_C(1) << v->pair_bits) - 1;
    uint32_t low = (1u << BPE_TAG) - 1, found;
    *tag = (uint32_t)(hash >> (64 - v->pair_bits - BPE_TAG)) & low;
    for (; (found = v->pairs[i]) != 0; i = (i + 1) & mask) {
        const bpe_halves *halves = &v->halves[found >> BPE_TAG];
        if ((found & low) == *tag && halves->left == left && halves->right == right) break;
    }
    return &v->pairs[i];
}

/* The token that is made of these two, BPE_NONE if there is none. */
static inline uint32_t bpe_join(const bpe *v, uint32_t left, uint32_t right)
{
    uint32_t tag, found = *bpe_pair(v, left, right, &tag);
    return found ? found >> BPE_TAG : BPE_NONE;
}

/* Halves, pairs and lengths, from the columns of a packed vocabulary. -1 when it is not one as described. */
static inline int bpe_fill_halves(bpe *v, const uint8_t *column)
{
    uint32_t merged = v->tokens - BPE_BYTES, i, tag, *pair;
    memset(v->length, 1, BPE_BYTES);
    for (i = 0; i < merged; i++) {
        uint32_t rank = i + BPE_BYTES, length;
        uint32_t left = column[i] | (uint32_t)column[merged + i] << 8 | (uint32_t)column[2 * merged + i] << 16;
        uint32_t right = column[3 * merged + i] | (uint32_t)column[4 * merged + i] << 8 |
                         (uint32_t)column[5 * merged + i] << 16;
        if (left >= rank || right >= rank) return -1;
        length = (uint32_t)v->length[left] + v->length[right];
        pair = bpe_pair(v, left, right, &tag);
        if (length > BPE_LONGEST || *pair) return -1;
        *pair = rank << BPE_TAG | tag;
        v->halves[rank].left = left;
        v->halves[rank].right = right;
        v->length[rank] = (uint8_t)length;
    }
    return 0;
}

/* The nodes of all tokens, and by node the rank of its token, BPE_NONE where none ends. -1 when a token is there twice,
 * or there are too many nodes. */
static inline int bpe_fill_nodes(const bpe *v, const uint8_t *single, trie_draft *d, uint32_t *node_of, uint32_t *rank_of)
{
    uint32_t rank, node, i;
    uint8_t s[BPE_LONGEST];
    memset(rank_of, 0xFF, d->most * sizeof *rank_of);
    for (rank = 0; rank < v->tokens; rank++) {
        if (rank < BPE_BYTES) {
            node = single[rank];
        } else {
            uint32_t right = v->halves[rank].right;
            for (node = node_of[right], i = v->length[right]; i-- > 0; node = d->parent[node]) s[i] = d->byte[node];
            node = node_of[v->halves[rank].left];
            for (i = 0; i < v->length[right]; i++) {
                node = trie_grow(d, node, s[i]);
                if (node == 0) return -1;
            }
        }
        if (rank_of[node] != BPE_NONE) return -1;
        node_of[rank] = node;
        rank_of[node] = rank;
    }
    return 0;
}

/* Fill a zeroed block from a packed vocabulary of BPE_BYTES + 6 * (tokens - BPE_BYTES) bytes, whose form
 * ext/generate/vocabulary.py describes. 0, -1 when there is no memory, -2 when it is not a vocabulary as described. */
static inline int bpe_fill(bpe *v, const uint8_t *packed)
{
    uint32_t most = v->tokens * 3, rank, node;
    uint32_t *node_of = malloc(v->tokens * sizeof *node_of), *rank_of = malloc(most * sizeof *rank_of);
    uint32_t *cell_of = malloc(most * sizeof *cell_of);
    trie_draft draft;
    int result = trie_begin(&draft, most, bpe_cells(v->tokens));
    if (node_of == NULL || rank_of == NULL || cell_of == NULL) result = -1;
    if (result == 0 && (bpe_fill_halves(v, packed + BPE_BYTES) ||
                        bpe_fill_nodes(v, packed, &draft, node_of, rank_of) ||
                        (v->block[1] = trie_lay(&draft, cell_of, v->cells, bpe_cells(v->tokens))) == 0)) {
        result = -2;
    }
    for (rank = 0; result == 0 && rank < v->tokens; rank++) {
        uint32_t cell = cell_of[node = node_of[rank]];
        v->cells[cell] |= TRIE_TOKEN;
        v->ranks[cell] = rank;
        v->shorter[rank] = BPE_NONE;
        while (node >= TRIE_FIRST && v->shorter[rank] == BPE_NONE) v->shorter[rank] = rank_of[node = draft.parent[node]];
    }
    trie_forget(&draft);
    free(node_of);
    free(rank_of);
    free(cell_of);
    return result;
}

static inline int bpe_ready(const bpe *v)
{
    return (int)__atomic_load_n(v->block, __ATOMIC_ACQUIRE);
}

/* Copy what was filled to the block of the same size that others look at. */
static inline void bpe_share(const bpe *filled, bpe *v)
{
    uint32_t used = v->block[1] = filled->block[1];
    memcpy(v->halves, filled->halves, (size_t)((char *)v->cells - (char *)v->halves));
    memcpy(v->cells, filled->cells, used * sizeof *v->cells);
    memcpy(v->ranks, filled->ranks, used * sizeof *v->ranks);
    __atomic_store_n(v->block, 1, __ATOMIC_RELEASE);
}

#endif
