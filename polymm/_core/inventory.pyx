"""Inventory terms of the base strategy for Python: scalars in, scalars out, and columns.

docs/strategy.md section 2, steps 7, 11, 12 and 14. Shares are 1e-6 shares, a skew is in [-1, 1] and
above 0 when long Up, a side is BID (0) or ASK (1) in Up terms. A float where whole units are meant
is a TypeError.
"""

from libc.math cimport NAN
from libc.stdint cimport int64_t

from polymm._core.layout cimport ASK, BID, whole_t

from polymm._core.layout import SKEW_MODES
from polymm.errors import InputError

# Two of them still add up, and limit_c knows no greater limit.
cdef int64_t SHARES_E6_MAX = 10 ** 15

REASON_TOO_LONG = "Inventory too long"
REASON_TOO_SHORT = "Inventory too short"


cdef int64_t mode_of(str mode) except -1:
    if mode not in SKEW_MODES:
        raise InputError(f"mode must be one of {', '.join(SKEW_MODES)}, was {mode!r}")
    return SKEW_MODES[mode]


cdef int check_held(int64_t up_e6, int64_t down_e6) except -1:
    if not (0 <= up_e6 <= SHARES_E6_MAX and 0 <= down_e6 <= SHARES_E6_MAX):
        raise InputError(
            "shares held must be at most 1e15 (1e-6 shares) and at least 0, were "
            f"{up_e6} Up, {down_e6} Down"
        )
    return 0


cdef double leaning_of(whole_t side, double skew) except? -2.0:
    """Skew as the side sees it: above 0 when an order on it would add to the inventory."""
    if side != BID and side != ASK:
        raise InputError(f"side must be 0 (bid) or 1 (ask), was {side}")
    return skew if side == BID else -skew


cdef int check_skew(double skew) except -1:
    if not -1.0 <= skew <= 1.0:
        raise InputError(f"skew must be within -1..1, was {skew}")
    return 0


def inventory_skew(
    whole_t up_e6, whole_t down_e6, double mid, *, str mode="value",
    whole_t max_position_e6=5_000_000,
):
    """Measure how far the inventory leans to Up.

    Args:
        up_e6: Up shares held; ``down_e6`` Down shares.
        mid: Price of Up in dollars, within (0, 1); only the value mode looks at it.
        mode: ``value``: (u - d) / (u + d) of the values u = UP * mid, d = DOWN * (1 - mid), 0 where
            both are worth 1e-9 dollars or less. ``shares``: the same of the shares. ``net_limit``:
            (UP - DOWN) / max_position within [-1, 1].
        max_position_e6: 1e-6 shares, above 0.

    Returns:
        Skew in [-1, 1], above 0 when long Up. A hedged book away from 0.5 leans in the value mode.

    Raises:
        InputError: A position outside 0..1e15, a mid outside (0, 1), an unknown mode or no
            max_position.
    """
    check_held(up_e6, down_e6)
    if not 0.0 < mid < 1.0 or max_position_e6 <= 0:
        raise InputError(
            f"mid must be within (0, 1) and max_position_e6 above 0, were {mid}, {max_position_e6}"
        )
    return skew_c(up_e6, down_e6, mid * 20000.0, mode_of(mode), max_position_e6)


def should_skip_side(whole_t side, double skew, *, double skip_skew=0.7):
    """Say whether a side must not be quoted because the inventory already leans its way.

    Args:
        side: BID or ASK.
        skew: See inventory_skew.
        skip_skew: Strict: a skew of exactly this keeps the side.

    Returns:
        (False, "") or (True, reason): ``Inventory too long`` for the bid, ``Inventory too short``
        for the ask.

    Raises:
        InputError: An unknown side, or one of the skews is NaN or outside [-1, 1].
    """
    check_skew(skew)
    check_skew(skip_skew)
    if leaning_of(side, skew) > skip_skew:
        return True, REASON_TOO_LONG if side == BID else REASON_TOO_SHORT
    return False, ""


def position_limit(
    whole_t side, double skew, whole_t max_position_e6, *,
    double scale1_skew=0.5, double scale1=0.2, double scale2_skew=0.3, double scale2=0.5,
):
    """Limit the shares held of the token that a side buys.

    Args:
        side: BID (limits Up) or ASK (limits Down).
        skew: See inventory_skew.
        max_position_e6: Limit while the inventory does not lean the side's way, 0..1e15.
        scale1_skew: Above it (strict) the limit is scaled by ``scale1``; else above ``scale2_skew``
            by ``scale2``.

    Returns:
        1e-6 shares, to the nearest.

    Raises:
        InputError: An unknown side, a skew that is NaN or outside [-1, 1], or a maximum out of
            range.
    """
    check_skew(skew)
    if not 0 <= max_position_e6 <= SHARES_E6_MAX:
        raise InputError(
            f"max_position_e6 must be at least 0 and at most 1e15, was {max_position_e6}"
        )
    return limit_c(
        leaning_of(side, skew), max_position_e6, scale1_skew, scale1, scale2_skew, scale2
    )


def merge_opportunity(whole_t up_e6, whole_t down_e6, whole_t threshold_e6=100_000):
    """Count the pairs worth merging into a dollar each.

    Args:
        up_e6: Up shares held; ``down_e6`` Down shares.
        threshold_e6: Fewest pairs worth a merge; equality counts.

    Returns:
        1e-6 pairs, 0 below the threshold.

    Raises:
        InputError: A position outside 0..1e15.
    """
    check_held(up_e6, down_e6)
    return mergeable_c(up_e6, down_e6, threshold_e6)


cdef int check_lengths(Py_ssize_t n, Py_ssize_t other) except -1:
    if n != other:
        raise InputError(f"columns must have one length, were {n} and {other}")
    return 0


def inventory_skew_columns(
    const int64_t[:] up_e6,  # in
    const int64_t[:] down_e6,  # in
    const double[:] mid,  # in
    *,
    str mode="value",
    whole_t max_position_e6=5_000_000,
):
    """Measure many inventories at once; see inventory_skew.

    Args:
        up_e6: (n,) int64; ``down_e6`` (n,) int64; ``mid`` (n,) float64, dollars.

    Returns:
        (n,) float64, NaN where a position is negative or the mid is outside (0, 1).

    Raises:
        InputError: Lengths differ, or an unknown mode.
    """
    import numpy as np

    cdef Py_ssize_t i, n = up_e6.shape[0]
    cdef int64_t mode_n = mode_of(mode)
    check_lengths(n, down_e6.shape[0])
    check_lengths(n, mid.shape[0])
    skews = np.empty(n)
    cdef double[::1] out = skews
    for i in range(n):
        out[i] = NAN
        if up_e6[i] >= 0 and down_e6[i] >= 0 and 0.0 < mid[i] < 1.0:
            out[i] = skew_c(up_e6[i], down_e6[i], mid[i] * 20000.0, mode_n, max_position_e6)
    return skews


def should_skip_side_columns(
    whole_t side,
    const double[:] skew,  # in
    *,
    double skip_skew=0.7,
):
    """Say for many skews whether a side is skipped; see should_skip_side.

    Args:
        skew: (n,) float64.

    Returns:
        (n,) bool, True where the skew is NaN.
    """
    import numpy as np

    cdef Py_ssize_t i, n = skew.shape[0]
    skips = np.empty(n, dtype=np.bool_)
    cdef unsigned char[::1] out = skips.view(np.uint8)
    for i in range(n):
        out[i] = not leaning_of(side, skew[i]) <= skip_skew
    return skips


def position_limit_columns(
    whole_t side,
    const double[:] skew,  # in
    whole_t max_position_e6,
    *,
    double scale1_skew=0.5,
    double scale1=0.2,
    double scale2_skew=0.3,
    double scale2=0.5,
):
    """Limit a side for many skews; see position_limit.

    Args:
        skew: (n,) float64.

    Returns:
        (n,) int64, 1e-6 shares, 0 where the skew is NaN.
    """
    import numpy as np

    cdef Py_ssize_t i, n = skew.shape[0]
    limits = np.empty(n, dtype=np.int64)
    cdef int64_t[::1] out = limits
    for i in range(n):
        out[i] = limit_c(
            leaning_of(side, skew[i]), max_position_e6, scale1_skew, scale1, scale2_skew, scale2
        )
    return limits


def merge_opportunity_columns(
    const int64_t[:] up_e6,  # in
    const int64_t[:] down_e6,  # in
    whole_t threshold_e6=100_000,
):
    """Count mergeable pairs of many inventories; see merge_opportunity.

    Args:
        up_e6: (n,) int64; ``down_e6`` (n,) int64.

    Returns:
        (n,) int64, 1e-6 pairs, 0 where a position is negative.
    """
    import numpy as np

    cdef Py_ssize_t i, n = up_e6.shape[0]
    check_lengths(n, down_e6.shape[0])
    pairs = np.empty(n, dtype=np.int64)
    cdef int64_t[::1] out = pairs
    for i in range(n):
        out[i] = mergeable_c(up_e6[i], down_e6[i], threshold_e6)
    return pairs
