"""From a signed order's amounts to an order that may enter a book, or the reason why not.

The checks stand in the order of the simulator notes, section 1, from the market on; who sent the
order and whether the signature holds is settled before. Pure functions: nothing is reserved here.
"""

from dataclasses import dataclass

from polymm.domain.order import Side
from polymm.exchange import refusals
from polymm.exchange.flow_book import ASK
from polymm.exchange.flow_wire import decimal_text
from polymm.exchange.listing import Listing
from polymm.exchange.matching import BookOrder, OrderKind
from polymm.exchange.refusals import Refusal
from polymm.exchange.rules import Rules
from polymm.exchange.wallets import CASH, Wallet

AMOUNT_E6_MAX = 10**14


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """An order as the wire brings it, its signature checked.

    Args:
        order_id: EIP-712 hash of the order.
        wallet: The maker's.
        owner: API key that sent it.
        token_id: Outcome id.
        side: Buy or sell.
        maker_amount_e6: What it gives: dollars for a buy, shares for a sell.
        taker_amount_e6: What it wants: shares for a buy, dollars for a sell.
        kind: GTC, GTD, FOK or FAK.
        post_only: Whether it must not match on entry.
        expiration_s: Unix seconds, 0 for none.
    """

    order_id: str
    wallet: Wallet
    owner: str
    token_id: str
    side: Side
    maker_amount_e6: int
    taker_amount_e6: int
    kind: OrderKind = OrderKind.GTC
    post_only: bool = False
    expiration_s: int = 0


def amount_unit_e6(tick_e4: int) -> int:
    """Unit of dollar amounts, 1e-6 dollars: two decimals beyond the tick's (signing notes 4)."""
    unit_e6 = 1
    while tick_e4 % 10 == 0 and unit_e6 < 10_000:
        tick_e4 //= 10
        unit_e6 *= 10
    return unit_e6


def implied_price_e4(cash_e6: int, shares_e6: int, tick_e4: int) -> int | None:
    """Find the tick whose price the two amounts mean, None where they mean none.

    Amounts of dollars over shares hit a tick exactly, or within one unit of the dollar amount:
    that much the clients' own rounding costs.
    """
    ticks = (cash_e6 * 20_000 + shares_e6 * tick_e4) // (2 * shares_e6 * tick_e4)
    price_e4 = ticks * tick_e4
    off_e10 = abs(cash_e6 * 10_000 - shares_e6 * price_e4)
    is_on_grid = tick_e4 <= price_e4 <= 10_000 - tick_e4
    return price_e4 if is_on_grid and off_e10 <= amount_unit_e6(tick_e4) * 10_000 else None


def read_order(
    request: OrderRequest, listing: Listing, now_ns: int, rules: Rules
) -> BookOrder | Refusal:
    """Check a request against its market and turn its amounts into price and size."""
    if not listing.accepting or now_ns < listing.accepts_from_ns:
        return refusals.NOT_READY
    kind, is_buy = request.kind, request.side is Side.BUY
    if request.post_only and not kind.rests:
        return refusals.INVALID_PAYLOAD
    cash_e6, shares_e6 = request.maker_amount_e6, request.taker_amount_e6
    if not is_buy:
        cash_e6, shares_e6 = shares_e6, cash_e6
    if not (0 < cash_e6 < AMOUNT_E6_MAX and 0 < shares_e6 < AMOUNT_E6_MAX):
        return refusals.INVALID_PAYLOAD
    tick_e4 = listing.ladder.tick_e4
    price_e4 = implied_price_e4(cash_e6, shares_e6, tick_e4)
    if price_e4 is None:
        price = decimal_text(cash_e6 * 1_000_000 // shares_e6, 6)
        return refusals.off_tick(request.order_id, price, tick_e4)
    spends = is_buy and not kind.rests
    if not spends and shares_e6 % listing.market.lot_e6:
        return refusals.INVALID_PAYLOAD
    order = BookOrder(
        order_id=request.order_id,
        wallet=request.wallet,
        owner=request.owner,
        held_asset=CASH if is_buy else request.token_id,
        token=listing.token(request.token_id),
        side=request.side,
        price_e4=price_e4,
        size_e6=shares_e6,
        kind=kind,
        post_only=request.post_only,
        expires_s=request.expiration_s,
        created_ns=now_ns,
        budget_e6=cash_e6 if spends else None,
    )
    return _check_limits(order, listing, now_ns, rules) or order


def _check_limits(order: BookOrder, listing: Listing, now_ns: int, rules: Rules) -> Refusal | None:
    """Minimum, expiration, and what may not match or must."""
    order_min_e6 = listing.market.order_min_e6
    if order.kind.rests and order.size_e6 < order_min_e6:
        return refusals.too_small(order.order_id, order.size_e6, order_min_e6)
    is_dated = order.kind is OrderKind.GTD
    now_s = now_ns // 1_000_000_000
    if order.expires_s < now_s + rules.gtd_notice_s if is_dated else order.expires_s:
        return refusals.INVALID_EXPIRATION
    crosses = listing.ladder.crosses(order.up_side, order.up_price_e4)
    if crosses and order.side is Side.BUY:
        cash_e6 = order.budget_e6 or order.price_e4 * order.size_e6 // 10_000
        if cash_e6 < rules.taker_order_min_e6:
            return refusals.too_cheap(cash_e6, rules.taker_order_min_e6)
    return None


def check_match(order: BookOrder, listing: Listing) -> Refusal | None:
    """Say why an order cannot enter the book as it stands: post-only, FOK, FAK."""
    crosses = listing.ladder.crosses(order.up_side, order.up_price_e4)
    if order.post_only:
        return refusals.POST_ONLY_CROSSES if crosses else None
    if order.kind is OrderKind.FAK:
        return None if crosses else refusals.FAK_NO_MATCH
    if order.kind is OrderKind.FOK and not listing.ladder.plan(order, is_trial=True)[1]:
        return refusals.FOK_NOT_FILLED
    return None


def hold_e6(order: BookOrder, listing: Listing, *, takes: bool) -> int:
    """What an order must hold back: shares for a sell, cash for a buy, with the fee if it takes.

    No match at a better price costs more than one at the limit, fee included; a budget's fee
    grows with the discount, so it is taken at the best price of the moment.
    """
    if order.side is Side.SELL:
        return order.open_e6
    fees = listing.market.fees
    if order.budget_e6 is None:
        cash_e6 = order.price_e4 * order.open_e6 // 10_000
        return cash_e6 + (fees.taker_fee_e6(order.price_e4, order.open_e6) if takes else 0)
    best_e4 = listing.ladder.best_ask_e4
    if order.up_side == ASK:
        best_e4 = 10_000 - listing.ladder.best_bid_e4
    most_e6 = order.budget_e6 * 10_000 // max(min(best_e4, order.price_e4), 1)
    return order.budget_e6 + fees.taker_fee_e6(min(best_e4, order.price_e4), most_e6)
