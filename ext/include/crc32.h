/* CRC-32 as zlib and gzip have it (RFC 1952 section 8), for records of some hundred bytes.
 *
 * Where the processor multiplies without carries, 16 bytes are folded on to the next 16 (V. Gopal and others, "Fast CRC
 * Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009): a tenth of the instructions of a table. */
#ifndef TIANJI_CRC32_H
#define TIANJI_CRC32_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static uint32_t crc32_table[256];

static inline void crc32_begin(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t sum = i;
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? UINT32_C(0xedb88320) : 0);
        crc32_table[i] = sum;
    }
}

static inline uint32_t crc32_bytes(uint32_t sum, const unsigned char *at, size_t size) {
    for (size_t i = 0; i < size; i++)
        sum = sum >> 8 ^ crc32_table[(sum ^ at[i]) & 0xff];
    return sum;
}

#if defined(__x86_64__)
#include <immintrin.h>

enum { CRC32_FOLDED = 16 };

/* `size`: at least CRC32_FOLDED; only whole blocks are taken */
__attribute__((target("pclmul,sse4.1"))) static inline uint32_t crc32_fold(
    uint32_t sum, const unsigned char *at, size_t size) {
    const __m128i over = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0); /* x^(128-32) and x^(128+32), reflected */
    const __m128i last = _mm_set_epi64x(0, 0x0163cd6124);            /* x^64 */
    const __m128i barrett = _mm_set_epi64x(0x01f7011641, 0x01db710641);
    const __m128i low = _mm_set_epi32(0, -1, 0, -1);
    __m128i held = _mm_xor_si128(_mm_loadu_si128((const __m128i *)at), _mm_cvtsi32_si128((int)sum)), part;
    for (at += 16, size -= 16; size >= 16; at += 16, size -= 16) {
        part = _mm_clmulepi64_si128(held, over, 0x00);
        held = _mm_clmulepi64_si128(held, over, 0x11);
        held = _mm_xor_si128(_mm_xor_si128(held, part), _mm_loadu_si128((const __m128i *)at));
    }
    held = _mm_xor_si128(_mm_srli_si128(held, 8), _mm_clmulepi64_si128(held, over, 0x10)); /* 128 bits to 96 */
    part = _mm_clmulepi64_si128(_mm_and_si128(held, low), last, 0x00);
    held = _mm_xor_si128(_mm_srli_si128(held, 4), part); /* to 64 */
    part = _mm_clmulepi64_si128(_mm_and_si128(held, low), barrett, 0x10);
    part = _mm_clmulepi64_si128(_mm_and_si128(part, low), barrett, 0x00);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(held, part), 1);
}

static inline uint32_t crc32_of(const unsigned char *at, size_t size) {
    uint32_t sum = UINT32_MAX;
    if (size >= CRC32_FOLDED && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1")) {
        size_t whole = size & ~(size_t)15;
        sum = crc32_fold(sum, at, whole);
        at += whole;
        size -= whole;
    }
    return ~crc32_bytes(sum, at, size);
}
#else
static inline uint32_t crc32_of(const unsigned char *at, size_t size) {
    return ~crc32_bytes(UINT32_MAX, at, size);
}
#endif

#endif
