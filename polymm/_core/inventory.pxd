# Inventory terms of the base strategy (docs/strategy.md section 2, steps 7, 11, 12 and 14).
from libc.math cimport NAN
from libc.stdint cimport int64_t

cdef int check_held(int64_t up_e6, int64_t down_e6) except -1

cdef enum:
    SKEW_VALUE = 0
    SKEW_SHARES = 1
    SKEW_NET_LIMIT = 2

cdef enum:
    # 1e-9 dollars, in the unit of the value mode: 1e-6 shares times half of 1e-4 dollars.
    VALUE_MIN = 20


cdef inline double value_skew(
    int64_t up_e6, int64_t down_e6, double twice_mid_e4
) noexcept nogil:
    # With a mid on the half grid every product is exact, so that a skew of exactly 0.7 is 0.7.
    cdef double up = <double>up_e6 * twice_mid_e4
    cdef double down = <double>down_e6 * (20000.0 - twice_mid_e4)
    if up + down <= VALUE_MIN:
        return 0.0
    return (up - down) / (up + down)


cdef inline double shares_skew(int64_t up_e6, int64_t down_e6) noexcept nogil:
    if up_e6 + down_e6 == 0:
        return 0.0
    return <double>(up_e6 - down_e6) / <double>(up_e6 + down_e6)


cdef inline double net_limit_skew(
    int64_t up_e6, int64_t down_e6, int64_t max_position_e6
) noexcept nogil:
    cdef double skew
    if max_position_e6 <= 0:
        return NAN
    skew = <double>(up_e6 - down_e6) / <double>max_position_e6
    if skew > 1.0:
        return 1.0
    if skew < -1.0:
        return -1.0
    return skew


cdef inline double skew_c(
    int64_t up_e6, int64_t down_e6, double twice_mid_e4, int64_t mode, int64_t max_position_e6
) noexcept nogil:
    """Inventory skew in [-1, 1], above 0 when long Up; NaN for an unknown mode."""
    if mode == SKEW_VALUE:
        return value_skew(up_e6, down_e6, twice_mid_e4)
    if mode == SKEW_SHARES:
        return shares_skew(up_e6, down_e6)
    if mode == SKEW_NET_LIMIT:
        return net_limit_skew(up_e6, down_e6, max_position_e6)
    return NAN


cdef inline int64_t limit_c(
    double leaning, int64_t max_position_e6,
    double scale1_skew, double scale1, double scale2_skew, double scale2,
) noexcept nogil:
    """Position limit of the side that adds to the inventory `leaning` measures.

    `leaning` is the skew for the bid and its negative for the ask. NaN leaves no room.
    """
    cdef double limit
    if leaning > scale1_skew:
        limit = scale1 * <double>max_position_e6
    elif leaning > scale2_skew:
        limit = scale2 * <double>max_position_e6
    else:
        limit = <double>max_position_e6
    if leaning != leaning or not 0.0 <= limit <= 1e15:
        return 0
    # To the nearest 1e-6 share: 0.29 * 100 shares must not lose a lot to the last binary digit.
    return <int64_t>(limit + 0.5)


cdef inline int64_t mergeable_c(
    int64_t up_e6, int64_t down_e6, int64_t threshold_e6
) noexcept nogil:
    """Pairs to merge, 0 below the threshold; equality counts."""
    cdef int64_t pairs_e6 = up_e6 if up_e6 < down_e6 else down_e6
    return pairs_e6 if pairs_e6 >= threshold_e6 and pairs_e6 > 0 else 0
