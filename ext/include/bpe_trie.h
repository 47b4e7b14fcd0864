/* A trie as a double array: which tokens a text begins with, a load and a comparison a byte.
 *
 * A cell holds the byte that leads to it, whether a token ends here, and where its children are: the child for byte b
 * lies b cells behind that place. No two cells have the same place for their children, so the byte alone proves that a
 * cell is the child that is looked for. Cells 0 to 255 are the first bytes. */
#ifndef TIANJI_BPE_TRIE_H
#define TIANJI_BPE_TRIE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { TRIE_FIRST = 256, TRIE_BARREN = 256, TRIE_BEGIN = 512, TRIE_TOKEN = 256, TRIE_PLACE = 9 };

/* The child of the cell with this content, 0 if it has none for this byte. */
static inline uint32_t trie_child(const uint32_t *cells, uint32_t content, uint8_t byte)
{
    uint32_t child = (content >> TRIE_PLACE) + byte;
    return (uint8_t)cells[child] == byte ? child : 0;
}

/* What is needed while a trie is made: nodes are numbered as they are found, the first bytes before all. */
typedef struct {
    uint64_t *edges;   /* (node << 8 | byte) << 32 | child, 0 when free; 1 << bits of them */
    int bits;
    uint32_t nodes, most;
    uint32_t *parent;  /* by node */
    uint8_t *byte;     /* by node: what leads to it */
    uint32_t *kin;     /* nodes in the order of their parents */
    uint32_t *kin_end; /* by node: behind its last child in `kin`; the first stands where the parent's before ends */
    uint64_t *taken;   /* a bit a cell */
    uint64_t *placed;  /* a bit a cell: whether children are counted from here */
} trie_draft;

static inline void trie_forget(trie_draft *d)
{
    free(d->edges);
    free(d->parent);
    free(d->byte);
    free(d->kin);
    free(d->kin_end);
    free(d->taken);
    free(d->placed);
}

/* Begin one of up to `most` nodes and `cells` cells. -1 when there is no memory; `trie_forget` in either case. */
static inline int trie_begin(trie_draft *d, uint32_t most, uint32_t cells)
{
    memset(d, 0, sizeof *d);
    for (d->bits = 10; (UINT64_C(1) << d->bits) * 3 < (uint64_t)most * 4; d->bits++) {
    }
    d->most = most;
    d->edges = calloc((size_t)1 << d->bits, sizeof *d->edges);
    d->parent = malloc(most * sizeof *d->parent);
    d->byte = malloc(most);
    d->kin = malloc(most * sizeof *d->kin);
    d->kin_end = calloc(most + 1u, sizeof *d->kin_end);
    d->taken = calloc(cells / 64 + 1, sizeof *d->taken);
    d->placed = calloc(cells / 64 + 1, sizeof *d->placed);
    for (d->nodes = 0; d->byte != NULL && d->nodes < TRIE_FIRST; d->nodes++) d->byte[d->nodes] = (uint8_t)d->nodes;
    return d->edges && d->parent && d->byte && d->kin && d->kin_end && d->taken && d->placed ? 0 : -1;
}

/* The child of `node`, made if need be; 0 when there are too many nodes. */
static inline uint32_t trie_grow(trie_draft *d, uint32_t node, uint8_t byte)
{
    uint64_t key = (uint64_t)node << 8 | byte, mask = (UINT64_C(1) << d->bits) - 1;
    uint64_t i = key * UINT64_C(0x9E3779B97F4A7C15) >> (64 - d->bits);
    for (; d->edges[i] != 0; i = (i + 1) & mask) {
        if (d->edges[i] >> 32 == key) return (uint32_t)d->edges[i];
    }
    if (d->nodes == d->most) return 0;
    d->edges[i] = key << 32 | d->nodes;
    d->parent[d->nodes] = node;
    d->byte[d->nodes] = byte;
    return d->nodes++;
}

static inline int trie_bit(const uint64_t *bits, uint32_t i)
{
    return (int)(bits[i / 64] >> i % 64 & 1);
}

static inline void trie_set(uint64_t *bits, uint32_t i)
{
    bits[i / 64] |= UINT64_C(1) << i % 64;
}

static inline void trie_sort_kin(trie_draft *d)
{
    uint32_t node, total = 0;
    for (node = TRIE_FIRST; node < d->nodes; node++) d->kin_end[d->parent[node]]++;
    for (node = 0; node < d->nodes; node++) {
        uint32_t many = d->kin_end[node];
        d->kin_end[node] = total;
        total += many;
    }
    for (node = TRIE_FIRST; node < d->nodes; node++) d->kin[d->kin_end[d->parent[node]]++] = node;
}

/* A place for these children such that all their cells are free, searched from `from` on. At least `size` if none is. */
static inline uint32_t trie_place(const trie_draft *d, const uint32_t *kin, uint32_t many, uint32_t from, uint32_t size)
{
    uint32_t cell, place, i;
    for (cell = from; cell < size; cell++) {
        if (d->taken[cell / 64] == UINT64_MAX) {
            cell |= 63;
            continue;
        }
        place = cell - d->byte[kin[0]];
        if (trie_bit(d->taken, cell) || trie_bit(d->placed, place)) continue;
        for (i = 1; i < many && !trie_bit(d->taken, place + d->byte[kin[i]]); i++) {
        }
        if (i == many) return place;
    }
    return size;
}

/* Lay the nodes out: `cell` gets where each node is, `content` their cells; there is room for `size` cells, all 0. Nodes
 * found first, those of the lowest ranks, lie together: most texts need few others. Returns how many cells are used, 0
 * when there is not enough room. */
static inline uint32_t trie_lay(trie_draft *d, uint32_t *cell, uint32_t *content, uint32_t size)
{
    uint32_t hints[32], node, i, first = 0, used = TRIE_BEGIN;
    trie_sort_kin(d);
    for (i = 0; i < 32; i++) hints[i] = TRIE_BEGIN;
    for (i = 0; i < TRIE_BEGIN; i++) trie_set(d->taken, i);
    trie_set(d->placed, 0);
    trie_set(d->placed, TRIE_BARREN);
    for (i = 0; i < TRIE_FIRST; i++) {
        cell[i] = i;
        content[i] = i;
        content[TRIE_BARREN + i] = i ^ 0xFF; /* nobody's children */
    }
    for (node = 0; node < d->nodes; first = d->kin_end[node++]) {
        const uint32_t *kin = d->kin + first;
        uint32_t many = d->kin_end[node] - first, place = TRIE_BARREN, *hint = &hints[many < 32 ? many : 31];
        if (many) {
            place = trie_place(d, kin, many, *hint, size - 512);
            if (place + 512 >= size) return 0;
            trie_set(d->placed, place);
            *hint = place + d->byte[kin[0]]; /* as many others found no room before */
        }
        content[cell[node]] |= place << TRIE_PLACE;
        for (i = 0; i < many; i++) {
            uint32_t here = place + d->byte[kin[i]];
            trie_set(d->taken, here);
            cell[kin[i]] = here;
            content[here] = d->byte[kin[i]];
            if (here >= used) used = here + 1;
        }
    }
    for (i = TRIE_BEGIN; i < used + 256; i++) { /* a free cell must not look like anybody's child */
        for (first = 0; !trie_bit(d->taken, i) && trie_bit(d->placed, i - first); first++) content[i] = first + 1;
    }
    return used + 256;
}

#endif
