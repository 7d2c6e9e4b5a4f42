/* SHA-256 from a saved state, for the HMAC on every private request.
 *
 * Source: FIPS 180-4, sections 4.1.2, 4.2.2 and 6.2. Libraries hash as fast, but each of their
 * calls allocates an object, and an HMAC makes four; here a state is 32 bytes that are copied.
 * Where the processor has SHA extensions they are used; the plain C gives the same anywhere.
 */
#ifndef POLYMM_SHA256_H
#define POLYMM_SHA256_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__) && defined(__GNUC__)
#define POLYMM_SHA_EXTENSIONS 1
#include <cpuid.h>
#include <immintrin.h>
#endif

static const uint32_t polymm_sha256_start[8] = {
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
};

static const uint32_t polymm_sha256_k[64] __attribute__((aligned(16))) = {
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5,
    0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174,
    0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
    0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967,
    0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85,
    0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
    0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3,
    0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2,
};

#define POLYMM_TURN(x, n) ((x) >> (n) | (x) << (32 - (n)))

/* One round; the caller renames the eight words instead of moving them. */
#define POLYMM_SHA_ROUND(a, b, c, d, e, f, g, h, i)                                               \
    t = h + (POLYMM_TURN(e, 6) ^ POLYMM_TURN(e, 11) ^ POLYMM_TURN(e, 25)) + (g ^ (e & (f ^ g)))   \
        + polymm_sha256_k[i] + w[i];                                                              \
    d += t;                                                                                       \
    h = t + (POLYMM_TURN(a, 2) ^ POLYMM_TURN(a, 13) ^ POLYMM_TURN(a, 22))                         \
        + ((a & b) | (c & (a | b)))

static void polymm_sha256_plain(uint32_t state[8], const unsigned char *in, size_t blocks) {
    for (; blocks; blocks--, in += 64) {
        uint32_t w[64], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4],
                        f = state[5], g = state[6], h = state[7], t;
        int i;
        for (i = 0; i < 16; i++)
            w[i] = (uint32_t)in[4 * i] << 24 | (uint32_t)in[4 * i + 1] << 16
                   | (uint32_t)in[4 * i + 2] << 8 | in[4 * i + 3];
        for (; i < 64; i++) {
            const uint32_t u = w[i - 15], v = w[i - 2];
            w[i] = w[i - 16] + w[i - 7] + (POLYMM_TURN(u, 7) ^ POLYMM_TURN(u, 18) ^ u >> 3)
                   + (POLYMM_TURN(v, 17) ^ POLYMM_TURN(v, 19) ^ v >> 10);
        }
        for (i = 0; i < 64; i += 8) {
            POLYMM_SHA_ROUND(a, b, c, d, e, f, g, h, i);
            POLYMM_SHA_ROUND(h, a, b, c, d, e, f, g, i + 1);
            POLYMM_SHA_ROUND(g, h, a, b, c, d, e, f, i + 2);
            POLYMM_SHA_ROUND(f, g, h, a, b, c, d, e, i + 3);
            POLYMM_SHA_ROUND(e, f, g, h, a, b, c, d, i + 4);
            POLYMM_SHA_ROUND(d, e, f, g, h, a, b, c, i + 5);
            POLYMM_SHA_ROUND(c, d, e, f, g, h, a, b, i + 6);
            POLYMM_SHA_ROUND(b, c, d, e, f, g, h, a, i + 7);
        }
        state[0] += a, state[1] += b, state[2] += c, state[3] += d;
        state[4] += e, state[5] += f, state[6] += g, state[7] += h;
    }
}

#ifdef POLYMM_SHA_EXTENSIONS
/* Four rounds a step; the schedule runs three steps ahead in the four words of 128 bits. */
__attribute__((target("sha,sse4.1"))) static void polymm_sha256_extended(
    uint32_t state[8], const unsigned char *in, size_t blocks) {
    const __m128i order = _mm_set_epi64x(0x0C0D0E0F08090A0BLL, 0x0405060700010203LL);
    __m128i s0, s1, t = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
    s1 = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1B);
    s0 = _mm_alignr_epi8(t, s1, 8);
    s1 = _mm_blend_epi16(s1, t, 0xF0);
    for (; blocks; blocks--, in += 64) {
        const __m128i before0 = s0, before1 = s1;
        __m128i w[4];
        int r;
        for (r = 0; r < 4; r++)
            w[r] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(in + 16 * r)), order);
#pragma GCC unroll 16
        for (r = 0; r < 16; r++) {
            const __m128i now = w[r & 3];
            t = _mm_add_epi32(now, _mm_load_si128((const __m128i *)(polymm_sha256_k + 4 * r)));
            s1 = _mm_sha256rnds2_epu32(s1, s0, t);
            if (r >= 3 && r < 15) {
                __m128i *next = &w[(r + 1) & 3];
                *next = _mm_add_epi32(*next, _mm_alignr_epi8(now, w[(r + 3) & 3], 4));
                *next = _mm_sha256msg2_epu32(*next, now);
            }
            s0 = _mm_sha256rnds2_epu32(s0, s1, _mm_shuffle_epi32(t, 0x0E));
            if (r >= 1 && r < 13)
                w[(r + 3) & 3] = _mm_sha256msg1_epu32(w[(r + 3) & 3], now);
        }
        s0 = _mm_add_epi32(s0, before0);
        s1 = _mm_add_epi32(s1, before1);
    }
    t = _mm_shuffle_epi32(s0, 0x1B);
    s1 = _mm_shuffle_epi32(s1, 0xB1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(t, s1, 0xF0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(s1, t, 8));
}
#endif

/* Whether this processor has the extensions (CPUID leaf 7, EBX bit 29). */
static int polymm_sha256_has_extensions(void) {
#ifdef POLYMM_SHA_EXTENSIONS
    unsigned a, b = 0, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b >> 29 & 1;
#else
    return 0;
#endif
}

static void polymm_sha256_blocks(uint32_t state[8], const unsigned char *in, size_t blocks,
                                 int extended) {
#ifdef POLYMM_SHA_EXTENSIONS
    if (extended) {
        polymm_sha256_extended(state, in, blocks);
        return;
    }
#endif
    (void)extended;
    polymm_sha256_plain(state, in, blocks);
}

/* A message in pieces: what does not fill a block waits in `rest`. */
typedef struct {
    uint32_t state[8];
    uint64_t length;
    unsigned char rest[64];
    int extended;
} polymm_sha256;

static void polymm_sha256_init(polymm_sha256 *h, int extended) {
    memcpy(h->state, polymm_sha256_start, sizeof h->state);
    h->length = 0;
    h->extended = extended;
}

static void polymm_sha256_update(polymm_sha256 *h, const unsigned char *in, size_t n) {
    const size_t used = h->length & 63;
    h->length += n;
    if (used) {
        const size_t taken = n < 64 - used ? n : 64 - used;
        memcpy(h->rest + used, in, taken);
        in += taken;
        n -= taken;
        if (used + taken < 64) return;
        polymm_sha256_blocks(h->state, h->rest, 1, h->extended);
    }
    polymm_sha256_blocks(h->state, in, n >> 6, h->extended);
    memcpy(h->rest, in + (n & ~(size_t)63), n & 63);
}

static void polymm_sha256_final(polymm_sha256 *h, unsigned char out[32]) {
    unsigned char last[128] = {0};
    const size_t used = h->length & 63, blocks = used < 56 ? 1 : 2;
    const uint64_t bits = h->length << 3;
    int i;
    memcpy(last, h->rest, used);
    last[used] = 0x80;
    for (i = 0; i < 8; i++) last[64 * blocks - 1 - i] = (unsigned char)(bits >> 8 * i);
    polymm_sha256_blocks(h->state, last, blocks, h->extended);
    for (i = 0; i < 32; i++) out[i] = (unsigned char)(h->state[i >> 2] >> (24 - 8 * (i & 3)));
}

/* 32 bytes in the base64 alphabet of URLs, padded: 44 characters (RFC 4648, section 5). */
static void polymm_base64url(const unsigned char in[32], char out[44]) {
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    int i;
    for (i = 0; i < 11; i++) {
        const uint32_t w = (uint32_t)in[3 * i] << 16 | (uint32_t)in[3 * i + 1] << 8
                           | (i < 10 ? in[3 * i + 2] : 0);
        out[4 * i] = digits[w >> 18];
        out[4 * i + 1] = digits[w >> 12 & 63];
        out[4 * i + 2] = digits[w >> 6 & 63];
        out[4 * i + 3] = i < 10 ? digits[w & 63] : '=';
    }
}

#endif
