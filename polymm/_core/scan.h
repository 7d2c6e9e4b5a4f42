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
        static const int64_t power[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
        const uint64_t whole = polymm_load64(p) & (~0ULL >> (64 - 8 * dot));
        const uint64_t kept = polymm_load64(p + dot + 1) & ((1ULL << (8 * decimals)) - 1);
        if (dot + decimals <= 8)
            *value = (int64_t)polymm_digits8((whole | kept << (8 * dot & 63))
                                             << (64 - 8 * (dot + decimals)))
                     * power[places - decimals];
        else
            *value = (int64_t)(polymm_digits8(whole << (64 - 8 * dot)) * (uint64_t)power[places]
                               + polymm_digits8(kept << (64 - 8 * decimals))
                                     * (uint64_t)power[places - decimals]);
    }
    return length;
}

/* Read a price, "0", "1" or "0." and 1 to 4 digits, up to the next quote, into 1e-4.
 *
 * Needs POLYMM_DECIMAL_READS readable bytes at p. Answers the length of the text, or 0 when it is
 * another; polymm_decimal would read the same with twice the work. */
static inline int polymm_price(const char *p, int64_t *value) {
    const uint32_t ones = 0x01010101U, high = 0x80808080U;
    uint64_t text, quote;
    uint32_t mask, t;
    int digits;
    if (p[1] == '"' && (p[0] == '0' || p[0] == '1')) {
        *value = (p[0] - '0') * 10000;
        return 1;
    }
    if (p[0] != '0' || p[1] != '.') return 0;
    text = polymm_load64(p + 2);
    quote = text ^ (0x0101010101010101ULL * '"');
    quote = (quote - 0x0101010101010101ULL) & ~quote & 0x8080808080ULL;
    if (!quote) return 0;
    digits = __builtin_ctzll(quote) >> 3;
    if (digits < 1) return 0;
    mask = (uint32_t)((1ULL << (8 * digits)) - 1);
    t = ((uint32_t)text & mask) ^ (ones * '0' & mask);
    if (((t + ones * 0x76) | t) & high) return 0;
    t = (t * 2561 >> 8) & 0x00FF00FFU;
    *value = (t * 6553601ULL >> 16) & 0xFFFF;
    return 2 + digits;
}

/* True if n (at least 16) bytes are printable ASCII without quote and backslash: text that stands
 * in a JSON string as it is. Compares are signed: bytes from 0x80 on are below a blank too. */
static inline __attribute__((always_inline)) int polymm_is_plain(const char *p, int n) {
    int i;
#if defined(__SSE2__)
    __m128i bad = _mm_setzero_si128();
    for (i = 0; i < n; i += 16) {
        const __m128i text = _mm_loadu_si128((const __m128i *)(p + (i + 16 <= n ? i : n - 16)));
        bad = _mm_or_si128(bad, _mm_cmplt_epi8(text, _mm_set1_epi8(' ')));
        bad = _mm_or_si128(bad, _mm_cmpeq_epi8(text, _mm_set1_epi8('"')));
        bad = _mm_or_si128(bad, _mm_cmpeq_epi8(text, _mm_set1_epi8('\\')));
    }
    return !_mm_movemask_epi8(bad);
#else
    for (i = 0; i < n; i++)
        if ((signed char)p[i] < ' ' || p[i] == '"' || p[i] == '\\') return 0;
    return 1;
#endif
}

/* True if n bytes agree. Inline, because a call for each token id costs more than the compare. */
static inline __attribute__((always_inline)) int polymm_same(const char *a, const char *b, int n) {
#if defined(__SSE2__)
    int i;
    __m128i bad;
    if (n < 16) return !memcmp(a, b, (size_t)n);
    bad = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(a + n - 16)),
                        _mm_loadu_si128((const __m128i *)(b + n - 16)));
    for (i = 0; i + 16 <= n; i += 16)
        bad = _mm_or_si128(bad, _mm_xor_si128(_mm_loadu_si128((const __m128i *)(a + i)),
                                              _mm_loadu_si128((const __m128i *)(b + i))));
    return _mm_movemask_epi8(_mm_cmpeq_epi8(bad, _mm_setzero_si128())) == 0xFFFF;
#else
    return !memcmp(a, b, (size_t)n);
#endif
}

/* Step over a literal of the wire; NULL when the bytes are others. The literal is a constant at
 * every call, so that the comparison becomes a few wide loads. */
static inline __attribute__((always_inline)) const char *polymm_skip(const char *p, const char *end,
                                                                     const char *text) {
    const size_t n = __builtin_strlen(text);
    return (size_t)(end - p) >= n && !memcmp(p, text, n) ? p + n : NULL;
}

/* The same for the two usual spacings; both literals stay constants. */
static inline __attribute__((always_inline)) const char *polymm_skip_spaced(
    const char *p, const char *end, int spaced, const char *blanks, const char *dense) {
    return spaced ? polymm_skip(p, end, blanks) : polymm_skip(p, end, dense);
}

/* Read 13 digits and a closing quote (epoch milliseconds); answers -1 for anything else.
 * Needs 16 readable bytes. */
static inline int64_t polymm_millis(const char *p) {
#if defined(__SSE2__)
    const __m128i low = _mm_xor_si128(_mm_loadu_si128((const __m128i *)p), _mm_set1_epi8('0'));
    const int digits =
        _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(low, _mm_set1_epi8(9)), low));
    if ((digits & 0x1FFF) != 0x1FFF || p[13] != '"') return -1;
#else
    int i;
    for (i = 0; i < 13; i++)
        if (p[i] < '0' || p[i] > '9') return -1;
    if (p[13] != '"') return -1;
#endif
    return (int64_t)(polymm_digits8(polymm_load64(p)) * 100000
                     + polymm_digits8(polymm_load64(p + 8) << 24));
}

#endif
