/* Keccak-256 as Ethereum uses it: the original padding 0x01, not the 0x06 of SHA3-256.
 *
 * Source: "The Keccak reference", version 3.0 (2011), sections 1.2 and 2; the offsets of rho and
 * the constants of iota are its tables 2.1 and 2.2. The 25 lanes live in registers and on the
 * stack, two rounds a turn, because an order's digest is four permutations and nothing else.
 * Little-endian machines only, as scan.h.
 */
#ifndef POLYMM_KECCAK_H
#define POLYMM_KECCAK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define POLYMM_KECCAK_RATE 136

static const uint64_t polymm_keccak_iota[24] = {
    0x0000000000000001ULL, 0x0000000000008082ULL, 0x800000000000808AULL, 0x8000000080008000ULL,
    0x000000000000808BULL, 0x0000000080000001ULL, 0x8000000080008081ULL, 0x8000000000008009ULL,
    0x000000000000008AULL, 0x0000000000000088ULL, 0x0000000080008009ULL, 0x000000008000000AULL,
    0x000000008000808BULL, 0x800000000000008BULL, 0x8000000000008089ULL, 0x8000000000008003ULL,
    0x8000000000008002ULL, 0x8000000000000080ULL, 0x000000000000800AULL, 0x800000008000000AULL,
    0x8000000080008081ULL, 0x8000000000008080ULL, 0x0000000080000001ULL, 0x8000000080008008ULL,
};

#define POLYMM_ROTATE(x, n) ((x) << (n) | (x) >> (64 - (n)))

/* One plane of the new state out of five lanes of the old: theta's d, rho's offsets, chi. */
#define POLYMM_PLANE(to, y, w0, w1, w2, w3, w4)                                                   \
    b0 = (w0), b1 = (w1), b2 = (w2), b3 = (w3), b4 = (w4);                                        \
    to[y] = b0 ^ (~b1 & b2);                                                                      \
    to[y + 1] = b1 ^ (~b2 & b3);                                                                  \
    to[y + 2] = b2 ^ (~b3 & b4);                                                                  \
    to[y + 3] = b3 ^ (~b4 & b0);                                                                  \
    to[y + 4] = b4 ^ (~b0 & b1)

#define POLYMM_LANE(a, i, d, n) POLYMM_ROTATE(a[i] ^ d, n)

#define POLYMM_ROUND(a, e, constant)                                                              \
    c0 = a[0] ^ a[5] ^ a[10] ^ a[15] ^ a[20];                                                     \
    c1 = a[1] ^ a[6] ^ a[11] ^ a[16] ^ a[21];                                                     \
    c2 = a[2] ^ a[7] ^ a[12] ^ a[17] ^ a[22];                                                     \
    c3 = a[3] ^ a[8] ^ a[13] ^ a[18] ^ a[23];                                                     \
    c4 = a[4] ^ a[9] ^ a[14] ^ a[19] ^ a[24];                                                     \
    d0 = c4 ^ POLYMM_ROTATE(c1, 1);                                                               \
    d1 = c0 ^ POLYMM_ROTATE(c2, 1);                                                               \
    d2 = c1 ^ POLYMM_ROTATE(c3, 1);                                                               \
    d3 = c2 ^ POLYMM_ROTATE(c4, 1);                                                               \
    d4 = c3 ^ POLYMM_ROTATE(c0, 1);                                                               \
    POLYMM_PLANE(e, 0, a[0] ^ d0, POLYMM_LANE(a, 6, d1, 44), POLYMM_LANE(a, 12, d2, 43),          \
                 POLYMM_LANE(a, 18, d3, 21), POLYMM_LANE(a, 24, d4, 14));                         \
    e[0] ^= (constant);                                                                           \
    POLYMM_PLANE(e, 5, POLYMM_LANE(a, 3, d3, 28), POLYMM_LANE(a, 9, d4, 20),                      \
                 POLYMM_LANE(a, 10, d0, 3), POLYMM_LANE(a, 16, d1, 45),                           \
                 POLYMM_LANE(a, 22, d2, 61));                                                     \
    POLYMM_PLANE(e, 10, POLYMM_LANE(a, 1, d1, 1), POLYMM_LANE(a, 7, d2, 6),                       \
                 POLYMM_LANE(a, 13, d3, 25), POLYMM_LANE(a, 19, d4, 8),                           \
                 POLYMM_LANE(a, 20, d0, 18));                                                     \
    POLYMM_PLANE(e, 15, POLYMM_LANE(a, 4, d4, 27), POLYMM_LANE(a, 5, d0, 36),                     \
                 POLYMM_LANE(a, 11, d1, 10), POLYMM_LANE(a, 17, d2, 15),                          \
                 POLYMM_LANE(a, 23, d3, 56));                                                     \
    POLYMM_PLANE(e, 20, POLYMM_LANE(a, 2, d2, 62), POLYMM_LANE(a, 8, d3, 55),                     \
                 POLYMM_LANE(a, 14, d4, 39), POLYMM_LANE(a, 15, d0, 41),                          \
                 POLYMM_LANE(a, 21, d1, 2))

static void polymm_keccak_permute(uint64_t state[25]) {
    uint64_t a[25], e[25];
    uint64_t b0, b1, b2, b3, b4, c0, c1, c2, c3, c4, d0, d1, d2, d3, d4;
    int i;
    memcpy(a, state, sizeof a);
    for (i = 0; i < 24; i += 2) {
        POLYMM_ROUND(a, e, polymm_keccak_iota[i]);
        POLYMM_ROUND(e, a, polymm_keccak_iota[i + 1]);
    }
    memcpy(state, a, sizeof a);
}

static inline void polymm_keccak_absorb(uint64_t state[25], const unsigned char *block) {
    uint64_t lane;
    int i;
    for (i = 0; i < POLYMM_KECCAK_RATE / 8; i++) {
        memcpy(&lane, block + 8 * i, 8);
        state[i] ^= lane;
    }
    polymm_keccak_permute(state);
}

/* Hash n bytes into 32; `out` may overlap `in`. */
static void polymm_keccak256(const unsigned char *in, size_t n, unsigned char out[32]) {
    uint64_t state[25] = {0};
    unsigned char last[POLYMM_KECCAK_RATE] = {0};
    for (; n >= POLYMM_KECCAK_RATE; in += POLYMM_KECCAK_RATE, n -= POLYMM_KECCAK_RATE)
        polymm_keccak_absorb(state, in);
    memcpy(last, in, n);
    last[n] = 0x01;
    last[POLYMM_KECCAK_RATE - 1] |= 0x80;
    polymm_keccak_absorb(state, last);
    memcpy(out, state, 32);
}

#endif
