/* SHA-256 (FIPS 180-4) of short texts, and HMAC with it (RFC 2104): where a hash of OpenSSL's costs more to begin than to
 * make. With the processor's own instructions where it has them. */
#ifndef TIANJI_SHA256_H
#define TIANJI_SHA256_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { SHA256_BLOCK = 64, SHA256_SIZE = 32 };

typedef struct {
    uint32_t state[8];
    uint64_t size; /* bytes taken */
    uint8_t held[SHA256_BLOCK];
} sha256;

static const uint32_t sha256_rounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static inline uint32_t sha256_turn(uint32_t x, int by) { return x >> by | x << (32 - by); }

/* One round, of the words of `v` by their places. */
#define SHA256_ROUND(a, b, c, d, e, f, g, h, at)                                                                      \
    do {                                                                                                              \
        first = v[h] + (sha256_turn(v[e], 6) ^ sha256_turn(v[e], 11) ^ sha256_turn(v[e], 25)) +                       \
                (v[g] ^ (v[e] & (v[f] ^ v[g]))) + sha256_rounds[at] + w[at];                                          \
        second = (sha256_turn(v[a], 2) ^ sha256_turn(v[a], 13) ^ sha256_turn(v[a], 22)) +                             \
                 ((v[a] & v[b]) | (v[c] & (v[a] | v[b])));                                                            \
        v[d] += first;                                                                                                \
        v[h] = first + second;                                                                                        \
    } while (0)

static void sha256_plain(uint32_t *state, const uint8_t *at, size_t blocks)
{
    uint32_t w[64], v[8], first, second;
    int i;
    for (; blocks > 0; blocks--, at += SHA256_BLOCK) {
        for (i = 0; i < 16; i++)
            w[i] = (uint32_t)at[4 * i] << 24 | (uint32_t)at[4 * i + 1] << 16 | (uint32_t)at[4 * i + 2] << 8 | at[4 * i + 3];
        for (; i < 64; i++) {
            first = sha256_turn(w[i - 15], 7) ^ sha256_turn(w[i - 15], 18) ^ w[i - 15] >> 3;
            second = sha256_turn(w[i - 2], 17) ^ sha256_turn(w[i - 2], 19) ^ w[i - 2] >> 10;
            w[i] = w[i - 16] + first + w[i - 7] + second;
        }
        memcpy(v, state, sizeof v);
        for (i = 0; i < 64; i += 8) { /* after eight rounds each word is back in its place */
            SHA256_ROUND(0, 1, 2, 3, 4, 5, 6, 7, i);
            SHA256_ROUND(7, 0, 1, 2, 3, 4, 5, 6, i + 1);
            SHA256_ROUND(6, 7, 0, 1, 2, 3, 4, 5, i + 2);
            SHA256_ROUND(5, 6, 7, 0, 1, 2, 3, 4, i + 3);
            SHA256_ROUND(4, 5, 6, 7, 0, 1, 2, 3, i + 4);
            SHA256_ROUND(3, 4, 5, 6, 7, 0, 1, 2, i + 5);
            SHA256_ROUND(2, 3, 4, 5, 6, 7, 0, 1, i + 6);
            SHA256_ROUND(1, 2, 3, 4, 5, 6, 7, 0, i + 7);
        }
        for (i = 0; i < 8; i++) state[i] += v[i];
    }
}

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

static int sha256_has_own(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_1) && (c & bit_SSSE3) &&
           __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

/* Intel's SHA extensions hold the state as two halves, ABEF and CDGH, and take four words of the message at a time. */
__attribute__((target("sha,sse4.1,ssse3"))) static void sha256_own(uint32_t *state, const uint8_t *at, size_t blocks)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
    __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1B);
    __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xF0);
    __m128i w[4], sum, part, abef_before, cdgh_before;
    int i;
    for (; blocks > 0; blocks--, at += SHA256_BLOCK) {
        abef_before = abef;
        cdgh_before = cdgh;
        for (i = 0; i < 4; i++) w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(at + 16 * i)), swap);
#pragma GCC unroll 16
        for (i = 0; i < 16; i++) {
            if (i >= 4) {
                part = _mm_add_epi32(_mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]),
                                     _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4));
                w[i & 3] = _mm_sha256msg2_epu32(part, w[(i + 3) & 3]);
            }
            sum = _mm_add_epi32(w[i & 3], _mm_loadu_si128((const __m128i *)(sha256_rounds + 4 * i)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    low = _mm_shuffle_epi32(abef, 0x1B);
    high = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(low, high, 0xF0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(high, low, 8));
}
#endif

/* What takes blocks: the plain one, until sha256_begin() found that there is better. */
static void (*sha256_blocks)(uint32_t *state, const uint8_t *at, size_t blocks) = sha256_plain;

static inline void sha256_begin(int plain)
{
    sha256_blocks = sha256_plain;
#if defined(__x86_64__)
    if (!plain && sha256_has_own()) sha256_blocks = sha256_own;
#endif
}

static inline void sha256_init(sha256 *h)
{
    static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(h->state, first, sizeof first);
    h->size = 0;
}

static inline void sha256_add(sha256 *h, const void *text, size_t size)
{
    const uint8_t *at = text;
    size_t held = (size_t)(h->size % SHA256_BLOCK), whole;
    h->size += size;
    if (held > 0) {
        whole = SHA256_BLOCK - held < size ? SHA256_BLOCK - held : size;
        memcpy(h->held + held, at, whole);
        if (held + whole < SHA256_BLOCK) return;
        sha256_blocks(h->state, h->held, 1);
        at += whole;
        size -= whole;
    }
    whole = size / SHA256_BLOCK;
    if (whole > 0) sha256_blocks(h->state, at, whole);
    memcpy(h->held, at + whole * SHA256_BLOCK, size % SHA256_BLOCK);
}

static inline void sha256_end(sha256 *h, uint8_t *digest)
{
    uint64_t bits = h->size * 8;
    size_t held = (size_t)(h->size % SHA256_BLOCK), room = held < 56 ? 56 - held : 120 - held, i;
    uint8_t tail[72] = {0x80};
    for (i = 0; i < 8; i++) tail[room + i] = (uint8_t)(bits >> (56 - 8 * i));
    sha256_add(h, tail, room + 8);
    for (i = 0; i < SHA256_SIZE; i++) digest[i] = (uint8_t)(h->state[i / 4] >> (24 - 8 * (i % 4)));
}

static inline void sha256_hex(const uint8_t *digest, char *hex)
{
    size_t i;
    for (i = 0; i < SHA256_SIZE; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
}

/* Begin both hashes of an HMAC with a key of one block. */
static inline void sha256_keyed(sha256 *inner, sha256 *outer, const uint8_t *key)
{
    uint8_t pad[SHA256_BLOCK];
    int i;
    for (i = 0; i < SHA256_BLOCK; i++) pad[i] = key[i] ^ 0x36;
    sha256_init(inner);
    sha256_add(inner, pad, sizeof pad);
    for (i = 0; i < SHA256_BLOCK; i++) pad[i] = key[i] ^ 0x5C;
    sha256_init(outer);
    sha256_add(outer, pad, sizeof pad);
}

#endif
