"""The base strategy for Python: prices from scalars, and whole quotes from columns of states."""

from collections import namedtuple
from operator import index

from libc.stdint cimport int64_t, uintptr_t

from polymm._core.book cimport check_tick
from polymm._core.layout cimport (
    BOOK_CROSSED, Params, PRICE_E4_MAX, PRICE_E4_MIN, Quote, State, whole_t,
)

from polymm._core import layout
from polymm.errors import InputError, QuoterError

MmPrices = namedtuple("MmPrices", "bid_e4 ask_e4 bid ask reasons", module=__name__)


cdef Params params_of(object params) except *:
    """Read all fields from a mapping or from an object with as_fields()."""
    names = [name for name, _ in layout.PARAMS_FIELDS]
    fields = {name: 0.0 for name in names if name.startswith("user")}
    fields.update(params.as_fields() if hasattr(params, "as_fields") else params)
    unknown = sorted(set(fields) - set(names))
    missing = [name for name in names if name not in fields]
    wild = [name for name, value in fields.items() if not isfinite(<double>value)]
    cut = [
        name for name, kind in layout.PARAMS_FIELDS
        if kind == "i8" and not hasattr(fields.get(name, 0), "__index__")
    ]
    if unknown or missing or wild or cut:
        raise InputError(
            f"params must name every field once, finite: unknown {unknown}, missing {missing}, "
            f"not finite {wild}, not whole {cut}"
        )
    return fields


cdef quoter_t quoter_at(object quoter_address) except *:
    """Take an address or what stands for one (quoter.Quoter); 0 is the base strategy."""
    try:
        return <quoter_t><uintptr_t>index(quoter_address)
    except QuoterError:
        raise
    except (TypeError, OverflowError) as error:
        raise InputError(
            f"quoter_address must be a compiled quoter or its address, was {quoter_address!r}"
        ) from error


cdef Params price_params(
    str inventory_sign, double k_inv, double k_imb, double min_spread, double max_spread,
    double quote_min, double quote_max,
) except *:
    cdef Params params
    if inventory_sign not in layout.INVENTORY_SIGNS:
        raise InputError(f"inventory_sign must be prose or literal, was {inventory_sign!r}")
    params.inventory_sign = layout.INVENTORY_SIGNS[inventory_sign]
    params.k_inv = k_inv
    params.k_imb = k_imb
    params.min_spread = min_spread
    params.max_spread = max_spread
    params.quote_min = quote_min
    params.quote_max = quote_max
    return params


cdef void price_c(
    int64_t bid_e4, int64_t ask_e4, double skew, double imbalance, int64_t tick_e4,
    int64_t touch_bid_e4, int64_t touch_ask_e4, const Params* params, Quote* quote,
) noexcept nogil:
    """Steps 4, 5 and 8 to 10 from plain numbers."""
    cdef double mid, width, adj
    clear_quote(quote)
    quote.skew = skew
    if bid_e4 >= ask_e4:
        quote.reasons = BOOK_CROSSED
        return
    mid = <double>(bid_e4 + ask_e4) / 20000.0
    width = quote_width(params, bid_e4, ask_e4)
    adj = adjustment(params, skew, imbalance)
    rest_on_ticks(
        mid - width / 2.0 + adj, mid + width / 2.0 + adj,
        tick_e4, touch_bid_e4, touch_ask_e4, params, quote,
    )


def calculate_mm_prices(
    whole_t bid_e4, whole_t ask_e4, double skew=0.0, double imbalance=0.0, *,
    whole_t tick_e4=100, object touch_bid_e4=None, object touch_ask_e4=None,
    str inventory_sign="prose", double k_inv=0.01, double k_imb=0.005,
    double min_spread=0.002, double max_spread=0.02,
    double quote_min=0.01, double quote_max=0.99,
):
    """Price both sides around the mid (docs/strategy.md section 2, steps 4, 5 and 8 to 10).

    Args:
        bid_e4: Filtered best bid in Up terms, within 1..9999; ``ask_e4`` the best ask.
        skew: See inventory_skew; ``imbalance`` see analyze_depth; both in [-1, 1].
        tick_e4: The market's tick, a divisor of 10000.
        touch_bid_e4: Unfiltered best bid, which the post-only guard looks at, 0 where that side is
            empty; the filtered one by default. ``touch_ask_e4`` the same, 10000 where empty.
        inventory_sign: ``prose``: long Up lowers both quotes; ``literal``: raises them.
        k_inv, k_imb: Dollars at full skew and at full imbalance.
        min_spread, max_spread: Dollars between the two quotes.
        quote_min, quote_max: Dollars, within 0..1.

    Returns:
        MmPrices: ``bid_e4`` and ``ask_e4`` on ticks, 0 where the side is dropped; ``bid`` and
        ``ask`` in dollars before rounding; ``reasons`` for what is absent (layout.reason_names).
        An input that is not finite gives NaN and the reason ``nan``.

    Raises:
        InputError: A price, the tick or the sign is out of range.
    """
    cdef Quote quote
    cdef whole_t touch_bid = bid_e4 if touch_bid_e4 is None else touch_bid_e4
    cdef whole_t touch_ask = ask_e4 if touch_ask_e4 is None else touch_ask_e4
    cdef Params params = price_params(
        inventory_sign, k_inv, k_imb, min_spread, max_spread, quote_min, quote_max
    )
    check_tick(tick_e4)
    if not (
        PRICE_E4_MIN <= bid_e4 <= PRICE_E4_MAX and PRICE_E4_MIN <= ask_e4 <= PRICE_E4_MAX
        and 0 <= touch_bid <= PRICE_E4_MAX and PRICE_E4_MIN <= touch_ask <= PRICE_SCALE
    ):
        raise InputError(
            f"prices must be within 1..9999, were {bid_e4}, {ask_e4}, "
            f"touch {touch_bid}, {touch_ask}"
        )
    price_c(bid_e4, ask_e4, skew, imbalance, tick_e4, touch_bid, touch_ask, &params, &quote)
    return MmPrices(quote.bid_e4, quote.ask_e4, quote.bid, quote.ask, quote.reasons)


cdef object records_of(object array, object dtype):
    import numpy as np

    if array.dtype != dtype or array.ndim != 1:
        raise InputError(f"records must be (n,) of the layout's dtype, was {array.dtype}")
    return np.ascontiguousarray(array)


def calculate_mm_prices_columns(
    states,  # in
    const double[:] skew,  # in
    *,
    str inventory_sign="prose", double k_inv=0.01, double k_imb=0.005,
    double min_spread=0.002, double max_spread=0.02,
    double quote_min=0.01, double quote_max=0.99,
):
    """Price many analysed books at once; see calculate_mm_prices.

    Args:
        states: (n,) layout.STATE, as analyze_depth_columns gives them.
        skew: (n,) float64.

    Returns:
        (n,) layout.QUOTE with prices and reasons and without sizes; the state's own reasons where
        it holds no analysis.

    Raises:
        InputError: Wrong dtype or length, a tick that does not divide 10000, an unknown sign.
    """
    import numpy as np

    records = records_of(states, layout.STATE)
    cdef Py_ssize_t i, n = records.shape[0]
    cdef const State* state
    cdef Quote* quote
    cdef Params params = price_params(
        inventory_sign, k_inv, k_imb, min_spread, max_spread, quote_min, quote_max
    )
    if skew.shape[0] != n:
        raise InputError(f"columns must have one length, were {n} and {skew.shape[0]}")
    quotes = np.zeros(n, dtype=layout.QUOTE)
    cdef const unsigned char[::1] states_raw = records.view(np.uint8)
    cdef unsigned char[::1] quotes_raw = quotes.view(np.uint8)
    for i in range(n):
        state = <const State*>&states_raw[i * sizeof(State)]
        quote = <Quote*>&quotes_raw[i * sizeof(Quote)]
        if not state.usable:
            clear_quote(quote)
            quote.reasons = state.reasons
            continue
        check_tick(state.tick_e4)
        price_c(
            state.bid_e4, state.ask_e4, skew[i], state.imbalance, state.tick_e4,
            state.best_bid_e4, state.best_ask_e4, &params, quote,
        )
    return quotes


def quote_columns(
    states,  # in
    params,
    *,
    object quoter_address=0,
):
    """Form the whole quote of many states at once: what a lane would want in each of them.

    Args:
        states: (n,) layout.STATE.
        params: As for Lane.
        quoter_address: A compiled quoter, or 0 for the base strategy.

    Returns:
        (n,) layout.QUOTE.

    Raises:
        InputError: Wrong dtype, or parameters that a lane would refuse.
    """
    import numpy as np

    records = records_of(states, layout.STATE)
    cdef Py_ssize_t i, n = records.shape[0]
    cdef Params fields = params_of(params)
    cdef quoter_t quoter = quoter_at(quoter_address)
    cdef const State* state
    cdef Quote* quote
    quotes = np.zeros(n, dtype=layout.QUOTE)
    cdef const unsigned char[::1] states_raw = records.view(np.uint8)
    cdef unsigned char[::1] quotes_raw = quotes.view(np.uint8)
    for i in range(n):
        state = <const State*>&states_raw[i * sizeof(State)]
        quote = <Quote*>&quotes_raw[i * sizeof(Quote)]
        if quoter == NULL:
            base_quote(state, &fields, quote)
        else:
            ask_quoter(quoter, state, &fields, quote)
    return quotes
