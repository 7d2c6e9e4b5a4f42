"""The base strategy written in Python and compiled as a user's quoter: a start for your own.

Every step of the strategy stands here in plain Python over the records that the core fills in.
Compiled by Numba it gives the same bits as the built-in one. Run it:

    python examples/base_quoter.py
"""

from math import ceil, floor, isfinite, nan

import numba

from polymm import BaseParameters, Book, Lane, compile_quoter, reason_names
from polymm._core.layout import (
    ASK_GUARDED_OUT,
    ASK_NO_ROOM,
    ASK_TOO_SHORT,
    BAD_INVENTORY,
    BID_GUARDED_OUT,
    BID_NO_ROOM,
    BID_TOO_LONG,
    NAN,
    NO_BOOK,
    NO_PRICE,
    NO_SIZE,
    THIN_BOOK,
)

kernel = numba.njit(error_model="numpy")


@kernel
def inventory_skew(state, params, twice_mid_e4):
    """Skew in [-1, 1], above 0 when long Up, by the mode asked for."""
    if params.skew_mode == 0:
        up = float(state.up_e6) * twice_mid_e4
        down = float(state.down_e6) * (20000.0 - twice_mid_e4)
        return 0.0 if up + down <= 20.0 else (up - down) / (up + down)
    if params.skew_mode == 1:
        held_e6 = state.up_e6 + state.down_e6
        return 0.0 if held_e6 == 0 else float(state.up_e6 - state.down_e6) / float(held_e6)
    if params.max_position_e6 <= 0:
        return nan
    return max(-1.0, min(1.0, float(state.up_e6 - state.down_e6) / float(params.max_position_e6)))


@kernel
def position_limit(leaning, params):
    """Most shares of the token that a side buys, 1e-6 shares."""
    scale = 1.0
    if leaning > params.scale1_skew:
        scale = params.scale1
    elif leaning > params.scale2_skew:
        scale = params.scale2
    limit = scale * float(params.max_position_e6)
    return int(limit + 0.5) if 0.0 <= limit <= 1e15 else 0


@kernel
def order_size(wanted_e6, room_e6, state):
    """Floor to the lot; below the venue's minimum there is no order."""
    size_e6 = max(0, min(wanted_e6, room_e6))
    size_e6 -= size_e6 % state.lot_e6
    return size_e6 if size_e6 >= state.order_min_e6 else 0


@kernel
def set_prices(bid, ask, state, params, quote):
    """Clamp, round to ticks and keep both sides post-only; a dropped side keeps price 0."""
    quote.bid = max(params.quote_min, min(params.quote_max, bid))
    quote.ask = max(params.quote_min, min(params.quote_max, ask))
    ticks = 10000.0 / float(state.tick_e4)  # in a dollar
    low = max(1, ceil((params.quote_min - 1e-9) * ticks))
    high = max(0, min(10000 // state.tick_e4 - 1, floor((params.quote_max + 1e-9) * ticks)))
    bid_n = max(low, min(high, floor((quote.bid + 1e-9) * ticks)))
    ask_n = max(low, min(high, ceil((quote.ask - 1e-9) * ticks)))
    if ask_n <= bid_n:
        ask_n = bid_n + 1
        if ask_n > high:
            bid_n, ask_n = high - 1, high
    if bid_n * state.tick_e4 >= state.best_ask_e4:
        bid_n = (state.best_ask_e4 - 1) // state.tick_e4
    if ask_n * state.tick_e4 <= state.best_bid_e4:
        ask_n = state.best_bid_e4 // state.tick_e4 + 1
    if low <= bid_n <= high:
        quote.bid_e4 = bid_n * state.tick_e4
    else:
        quote.reasons |= BID_GUARDED_OUT
    if low <= ask_n <= high:
        quote.ask_e4 = ask_n * state.tick_e4
    else:
        quote.reasons |= ASK_GUARDED_OUT


@kernel
def set_sizes(state, params, quote):
    """Skip the side the inventory leans to, limit the other, and drop what is too small."""
    if quote.bid_e4 > 0:
        if quote.skew > params.skip_skew:
            quote.reasons |= BID_TOO_LONG
        else:
            room_e6 = position_limit(quote.skew, params) - state.up_e6
            quote.bid_e6 = order_size(params.order_size_e6, room_e6, state)
            if quote.bid_e6 == 0:
                quote.reasons |= BID_NO_ROOM
    if quote.ask_e4 > 0:
        if quote.skew < -params.skip_skew:
            quote.reasons |= ASK_TOO_SHORT
        else:
            if params.ask_mode == 1:
                quote.ask_sell_e6 = order_size(params.order_size_e6, state.sellable_up_e6, state)
            room_e6 = position_limit(-quote.skew, params) - state.down_e6
            rest_e6 = params.order_size_e6 - quote.ask_sell_e6
            quote.ask_buy_e6 = order_size(rest_e6, room_e6, state)
            if quote.ask_sell_e6 + quote.ask_buy_e6 == 0:
                quote.reasons |= ASK_NO_ROOM
    if quote.bid_e6 == 0:
        quote.bid_e4 = 0
    if quote.ask_sell_e6 + quote.ask_buy_e6 == 0:
        quote.ask_e4 = 0
    if quote.bid_e4 == 0 and quote.ask_e4 == 0:
        quote.reasons |= NO_SIZE


def base_quoter(state, params, quote):
    """The documented base strategy, steps 3 to 14."""
    pairs_e6 = min(state.up_e6, state.down_e6)
    quote.merge_e6 = pairs_e6 if pairs_e6 >= max(1, params.merge_threshold_e6) else 0
    if state.up_e6 < 0 or state.down_e6 < 0:
        quote.reasons = BAD_INVENTORY
        return
    if not (0 < state.tick_e4 < 10000 and state.lot_e6 > 0):
        quote.reasons = NO_BOOK
        return
    if state.usable == 0 and (state.reasons != THIN_BOOK or params.thin_book == 1):
        quote.reasons = state.reasons
        return

    adjustment = 0.0
    if state.usable != 0:
        twice_mid_e4 = float(state.bid_e4 + state.ask_e4)
        touch_width = float(state.ask_e4 - state.bid_e4) / 10000.0
        width = max(params.min_spread, min(params.max_spread, touch_width))
    elif 0 < state.last_price_e4 < 10000:
        twice_mid_e4 = float(2 * state.last_price_e4)
        width = params.spread
    else:
        quote.reasons = THIN_BOOK | NO_PRICE
        return
    quote.skew = inventory_skew(state, params, twice_mid_e4)
    if not isfinite(quote.skew):
        quote.reasons = NAN
        return
    if state.usable != 0:
        shift = float(params.inventory_sign) * params.k_inv * quote.skew
        adjustment = shift + params.k_imb * state.imbalance
    mid = twice_mid_e4 / 20000.0
    bid = mid - width / 2.0 + adjustment
    ask = mid + width / 2.0 + adjustment
    if not (isfinite(bid) and isfinite(ask)):
        quote.reasons |= NAN
        return
    set_prices(bid, ask, state, params, quote)
    set_sizes(state, params, quote)


def main() -> None:
    """Quote one book by the compiled Python strategy and by the built-in one."""
    book = Book()
    book.replace(
        bids=[(4_800, 100_000_000), (4_700, 200_000_000)],
        asks=[(5_200, 80_000_000), (5_300, 120_000_000)],
    )
    params = BaseParameters(order_size_e6=20_000_000, max_position_e6=200_000_000)
    quoter = compile_quoter(base_quoter)
    for lane in (Lane(book, params), Lane(book, params, quoter_address=quoter)):
        lane.set_inventory(up_e6=60_000_000, down_e6=40_000_000)
        lane.evaluate(now_ns=1)
        print(lane.quote, *reason_names(lane.quote.reasons))


if __name__ == "__main__":
    main()
