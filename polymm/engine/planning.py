"""What the cycle computes without deciding: a price to go by, the orders a quote asks for."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from polymm._core.layout import (
    ASK,
    BAD_INVENTORY,
    BID,
    BOOK_CROSSED,
    NAN,
    NO_BOOK,
    NO_PRICE,
    NO_SIZE,
    QUOTER_FAILED,
    QUOTER_SILENT,
    THIN_BOOK,
    reason_names,
)
from polymm.domain.order import Side, Token
from polymm.domain.tuples import filled
from polymm.engine.ports import BookView, QuoteView
from polymm.engine.settings import MakerSettings
from polymm.engine.working import Leg, WorkingOrder

_UP, _DOWN = Token
_BUY, _SELL = Side
# The cause to name first when a quote has several.
_CAUSES: Final = (
    BAD_INVENTORY,
    NAN,
    NO_BOOK,
    BOOK_CROSSED,
    NO_PRICE,
    NO_SIZE,
    QUOTER_FAILED,
    QUOTER_SILENT,
    THIN_BOOK,
)


class Price(NamedTuple):
    """Twice a price of Up in 1e-4 dollars, 0 with the reason where there is none."""

    x2_e4: int
    missing: str


def reference_price(book: BookView, now_ns: int, age_ns_max: int) -> Price:
    """Price of step c: the mid of the streamed book's touch, else its last trade.

    It bounds the cycle and marks the position. Where this answers none, another source (the
    venue's REST book) would be asked. A thin book is quoted around the Lane's own last price.
    """
    if not book.has_epoch:
        return Price(0, "no_book")
    if age_ns_max and book.timestamp_ms and now_ns - book.timestamp_ms * 1_000_000 > age_ns_max:
        return Price(0, "stale_book")
    bid_e4, ask_e4 = book.best_bid_e4, book.best_ask_e4
    if bid_e4 > 0 and ask_e4 < 10_000:
        return filled(Price, (bid_e4 + ask_e4, ""))
    if book.last_trade_e4 > 0:
        return Price(2 * book.last_trade_e4, "")
    return Price(0, "no_price")


def price_exit(price: Price, settings: MakerSettings) -> str:
    """Step d: the outcome of a price outside the range, "" inside."""
    inside = 2 * settings.price_min_e4 <= price.x2_e4 <= 2 * settings.price_max_e4
    return "" if inside else "price_range"


def is_safe(price: Price, settings: MakerSettings) -> bool:
    """Step e: whether nobody needs to be warned of this price."""
    return 2 * settings.safe_low_e4 <= price.x2_e4 <= 2 * settings.safe_high_e4


def wanted_legs(
    quote: QuoteView, *, sellable_up_e6: int, order_min_e6: int, lot_e6: int
) -> tuple[Leg, ...]:
    """Orders the quote asks for, bid first; parts below the minimum are dropped, never raised.

    Args:
        sellable_up_e6: Up shares a sell may be backed by; a merge on its way has taken the rest,
            or they are not settled.
    """
    legs = []
    bid_e6, ask_buy_e6 = quote.bid_e6, quote.ask_buy_e6
    if bid_e6 >= order_min_e6:
        legs.append(filled(Leg, (BID, _UP, _BUY, quote.bid_e4, bid_e6)))
    sell_e6 = min(quote.ask_sell_e6, sellable_up_e6) // lot_e6 * lot_e6
    if sell_e6 >= order_min_e6:
        legs.append(filled(Leg, (ASK, _UP, _SELL, quote.ask_e4, sell_e6)))
    if ask_buy_e6 >= order_min_e6:
        legs.append(filled(Leg, (ASK, _DOWN, _BUY, 10_000 - quote.ask_e4, ask_buy_e6)))
    return tuple(legs)


def is_for(order: WorkingOrder, leg: Leg) -> bool:
    """Whether the order stands in the leg's place, whatever its price and size."""
    return order.place.token is leg.token and order.place.side is leg.action


def holds(order: WorkingOrder, legs: Iterable[Leg], tick_e4: int, settings: MakerSettings) -> bool:
    """Whether an order is what one of the legs asks for, within the tolerance of a requote."""
    if not order.is_intended or order.is_unanswered:
        return False
    for leg in legs:
        if is_for(order, leg):
            distance_e4 = abs(leg.price_e4 - order.place.price_e4)
            missing_e6 = leg.size_e6 - order.remaining_e6
            return distance_e4 < settings.requote_ticks * tick_e4 and (
                missing_e6 == 0 or 0 < missing_e6 < settings.requote_size_ratio * order.remaining_e6
            )
    return False


def meets(leg: Leg, opposite: Iterable[WorkingOrder]) -> bool:
    """Whether the leg could trade with an own order that may be live on the other side."""
    price_e4 = leg.up_price_e4
    for order in opposite:
        gap_e4 = order.up_price_e4 - price_e4
        if gap_e4 <= 0 if leg.side == BID else gap_e4 >= 0:
            return True
    return False


def silence_reason(reasons: int) -> str:
    """The one name under which a cycle without any quote is counted."""
    for bit in _CAUSES:
        if reasons & bit:
            return reason_names(bit)[0]
    names = reason_names(reasons)
    return names[0] if names else "no_size"
