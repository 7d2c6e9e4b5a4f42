/* Leaves of the fast pass: word-at-a-time reading of what a frame's texts hold.
 *
 * Every function reads only inside the bytes it was promised and answers "not the usual form"
 * for anything else; the tolerant pass then decides what it means.
 */
#ifndef POLYMM_SCAN_H
#define POLYMM_SCAN_H

#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define POLYMM_DECIMAL_READS 24 /* bytes polymm_decimal may look at, whatever the text */

static inline uint64_t polymm_load64(const char *p) {
    uint64_t w;
    memcpy(&w, p, 8);
    return w;
}

/* Eight digits, one a byte and the first in the lowest byte, to a number: three multiplications
 * instead of eight, no branch on the digits. */
static inline uint64_t polymm_digits8(uint64_t w) {
    w = (w & 0x0F0F0F0F0F0F0F0FULL) * 2561 >> 8;
    w = (w & 0x00FF00FF00FF00FFULL) * 6553601 >> 16;
    return (w & 0x0000FFFF0000FFFFULL) * 42949672960001ULL >> 32;
}

/* Read the decimal text that ends at the next quote into an integer of 10**-places.
 *
 * Needs POLYMM_DECIMAL_READS readable bytes at p. Answers the length of the text, or 0 when it is
 * not 1 to 8 digits with at most `places` (4 or 6) decimals. Little-endian machines only.
 */
static inline int polymm_decimal(const char *p, int places, int64_t *value) {
    unsigned inside, dots, digits;
    int length, dot, decimals;
#if defined(__SSE2__)
    const __m128i text = _mm_loadu_si128((const __m128i *)p);
    const __m128i low = _mm_xor_si128(text, _mm_set1_epi8('0'));
    const unsigned quotes =
        (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8('"')));
    if (!quotes) return 0;
    length = __builtin_ctz(quotes);
    inside = (1u << length) - 1;
    dots = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8('.'))) & inside;
    digits = (unsigned)_mm_movemask_epi8(
                 _mm_cmpeq_epi8(_mm_min_epu8(low, _mm_set1_epi8(9)), low)) & inside;
#else
    dots = digits = 0;
    for (length = 0; length < 16 && p[length] != '"'; length++) {
        dots |= (unsigned)(p[length] == '.') << length;
        digits |= (unsigned)(p[length] >= '0' && p[length] <= '9') << length;
    }
    if (length == 16) return 0;
    inside = (1u << length) - 1;
#endif
    if ((digits | dots) != inside || (dots & (dots - 1))) return 0;
    dot = __builtin_ctz(dots | (1u << length));
    decimals = length - dot - (dots != 0);
    if (dot < 1 || dot > 8 || decimals > places || (dots && !decimals)) return 0;
    {
        const uint64_t whole = (polymm_load64(p) & 0x0F0F0F0F0F0F0F0FULL) << (64 - 8 * dot);
        const uint64_t kept = polymm_load64(p + dot + 1) & ((1ULL << (8 * decimals)) - 1);
        const uint64_t scale = places == 6 ? 1000000 : 10000;
        *value = (int64_t)(polymm_digits8(whole) * scale
                           + polymm_digits8(kept << (8 * (8 - places))));
    }
    return length;
}

/* True if n (a multiple of 8) bytes are printable ASCII without quote and backslash: text that
 * stands in a JSON string as it is. */
static inline int polymm_is_plain(const char *p, int n) {
    const uint64_t ones = 0x0101010101010101ULL, high = 0x8080808080808080ULL;
    uint64_t bad = 0;
    int i;
    for (i = 0; i < n; i += 8) {
        const uint64_t w = polymm_load64(p + i);
        const uint64_t quote = w ^ (ones * '"'), backslash = w ^ (ones * '\\');
        bad |= w | ((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote)
               | ((backslash - ones) & ~backslash);
    }
    return !(bad & high);
}

/* Step over a literal of the wire; NULL when the bytes are others. The literal is a constant at
 * every call, so that the comparison becomes a few wide loads. */
static inline __attribute__((always_inline)) const char *polymm_skip(const char *p, const char *end,
                                                                     const char *text) {
    const size_t n = __builtin_strlen(text);
    return (size_t)(end - p) >= n && !memcmp(p, text, n) ? p + n : NULL;
}

/* Read 13 digits and a closing quote (epoch milliseconds); answers -1 for anything else.
 * Needs 16 readable bytes. */
static inline int64_t polymm_millis(const char *p) {
    uint64_t bad = 0;
    int i;
    for (i = 0; i < 13; i++) bad |= (unsigned char)(p[i] - '0') > 9;
    if (bad || p[13] != '"') return -1;
    return (int64_t)(polymm_digits8(polymm_load64(p)) * 100000
                     + polymm_digits8(polymm_load64(p + 5)) % 100000);
}

#endif
