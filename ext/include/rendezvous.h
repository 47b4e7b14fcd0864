/* Weighted rendezvous hashing (Thaler and Ravishankar, 1998; weights by Schindelhauer and Schomaker, 2005): of the
 * nodes that are left, the one with the lowest score serves a key. Every machine finds the same one without asking
 * another, and when a node leaves, only its own keys move. */
#ifndef TIANJI_RENDEZVOUS_H
#define TIANJI_RENDEZVOUS_H

#include <math.h>
#include <stdint.h>

/* Mix all bits into all bits (the finalizer of Steele, Lea and Flood's SplitMix, 2014). */
static inline uint64_t rendezvous_mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* Lower is nearer; `share` is above 0. */
static inline double rendezvous_score(uint64_t key, uint64_t node, double share)
{
    uint64_t drawn = rendezvous_mix(key ^ rendezvous_mix(node));
    return -log(((double)(drawn >> 11) + 0.5) * 0x1p-53) / share;
}

#endif
