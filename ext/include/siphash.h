/* SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, https://131002.net/siphash/): under a random key nobody
 * who does not know the key can find two texts with one digest. About 40 ns for an API key. */
#ifndef TIANJI_SIPHASH_H
#define TIANJI_SIPHASH_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t sip_turn(uint64_t x, int by) { return x << by | x >> (64 - by); }

static inline uint64_t sip_word(const unsigned char *at, size_t size) /* little-endian, up to eight bytes */
{
    uint64_t word = 0;
    while (size--)
        word = word << 8 | at[size];
    return word;
}

static inline void sip_rounds(uint64_t v[4], int count)
{
    while (count--) {
        v[0] += v[1]; v[1] = sip_turn(v[1], 13); v[1] ^= v[0]; v[0] = sip_turn(v[0], 32);
        v[2] += v[3]; v[3] = sip_turn(v[3], 16); v[3] ^= v[2];
        v[0] += v[3]; v[3] = sip_turn(v[3], 21); v[3] ^= v[0];
        v[2] += v[1]; v[1] = sip_turn(v[1], 17); v[1] ^= v[2]; v[2] = sip_turn(v[2], 32);
    }
}

static inline void sip_absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_rounds(v, 2);
    v[0] ^= word;
}

static inline void sip_emit(const uint64_t v[4], unsigned char *to)
{
    uint64_t word = v[0] ^ v[1] ^ v[2] ^ v[3];
    int i;
    for (i = 0; i < 8; i++)
        to[i] = (unsigned char)(word >> (8 * i));
}

static inline void siphash128(const unsigned char key[16], const void *text, size_t size, unsigned char digest[16])
{
    const unsigned char *at = text;
    uint64_t k0 = sip_word(key, 8), k1 = sip_word(key + 8, 8);
    uint64_t v[4] = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
                     k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
    size_t left = size;
    for (; left >= 8; left -= 8, at += 8)
        sip_absorb(v, sip_word(at, 8));
    sip_absorb(v, (uint64_t)size << 56 | sip_word(at, left));
    v[2] ^= 0xee;
    sip_rounds(v, 4);
    sip_emit(v, digest);
    v[1] ^= 0xdd;
    sip_rounds(v, 4);
    sip_emit(v, digest + 8);
}
#endif
