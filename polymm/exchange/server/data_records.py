"""Positions, trades and activity of wallets as the Data API tells them (markets-5m notes 9).

The Data API reads the chain: a trade is there once it is mined, a position is what is owned. What
a position cost is followed over the trades; pairs that were split count half a dollar a share,
shares that were merged likewise, and redeemed ones what they paid.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from polymm.domain.market import NS
from polymm.domain.order import Side, Token
from polymm.exchange.clearing import Rebate
from polymm.exchange.exchange import ChainAct, Exchange
from polymm.exchange.flow_wire import SIDE_TEXTS, decimal_text
from polymm.exchange.listing import Listing
from polymm.exchange.server.clob_records import iso_time
from polymm.exchange.server.gamma_records import event_number
from polymm.exchange.server.glances import Glance
from polymm.exchange.settlement import Trade, TradeStatus
from polymm.exchange.user_channel import transaction_hash
from polymm.exchange.wallets import Wallet

Record = dict[str, Any]

E6 = 1_000_000
HALF_E6 = 500_000
MINED = (TradeStatus.MINED, TradeStatus.CONFIRMED)


class Leg(NamedTuple):
    """One party's side of a mined trade.

    Args:
        trade: The trade.
        wallet: The party's.
        token: Outcome it bought or sold.
        side: What it did.
        size_e6: Shares.
        cash_e6: Dollars, the fee not counted.
        fee_e6: Dollars, the taker's only.
        is_taker: Whether it is the taker's side.
    """

    trade: Trade
    wallet: Wallet
    token: Token
    side: Side
    size_e6: int
    cash_e6: int
    fee_e6: int
    is_taker: bool


@dataclass(frozen=True, slots=True)
class Position:
    """What a wallet has and had of one outcome; amounts in 1e-6 dollars and shares.

    Args:
        wallet: Whose.
        glance: The market, as it is.
        token: The outcome.
        size_e6: Shares owned.
        total_e6: Shares ever got.
        cost_e6: What those cost, without fees.
        fees_e6: Fees paid when they were bought.
        proceeds_e6: What the shares brought that are no longer owned.
        is_pair: Whether shares of the other outcome are owned too.
    """

    wallet: Wallet
    glance: Glance
    token: Token
    size_e6: int
    total_e6: int
    cost_e6: int
    fees_e6: int
    proceeds_e6: int
    is_pair: bool

    @property
    def entry_e6(self) -> int:
        """What the shares that are owned cost."""
        return self.cost_e6 * self.size_e6 // self.total_e6 if self.total_e6 else 0

    @property
    def price_e6(self) -> int:
        """What a share is worth."""
        return self.glance.price_e5(self.token) * 10

    @property
    def value_e6(self) -> int:
        """What the shares that are owned are worth."""
        return self.price_e6 * self.size_e6 // E6

    @property
    def realized_e6(self) -> int:
        """Profit of the shares that are no longer owned."""
        return self.proceeds_e6 - (self.cost_e6 - self.entry_e6)

    @property
    def status(self) -> str:
        """``OPEN``, ``REDEEMABLE`` (whether won or lost) or ``CLOSED``."""
        if not self.size_e6:
            return "CLOSED"
        return "OPEN" if self.glance.winner is None else "REDEEMABLE"

    @property
    def is_mergeable(self) -> bool:
        """Whether it is half of pairs of a market that is not resolved."""
        return self.is_pair and self.status == "OPEN"


def legs(exchange: Exchange, wallet: Wallet | None = None) -> Iterator[Leg]:
    """Go through one wallet's sides of the mined trades of accounts, or all, newest first."""
    for trade in exchange.clearing.all_trades():
        if trade.status not in MINED:
            continue
        orders = (trade.taker, *(fill.maker for fill in trade.fills))
        for order, posting in zip(orders, trade.booking.postings, strict=True):
            if wallet is not None and order.wallet is not wallet:
                continue
            is_buy = order.side is Side.BUY
            cash_e6 = posting.given_e6 if is_buy else posting.got_e6
            size_e6 = posting.got_e6 if is_buy else posting.given_e6
            is_taker = order is trade.taker
            fee_e6 = trade.booking.fee_e6 if is_taker else 0
            cash_e6 += -fee_e6 if is_buy else fee_e6
            amounts = (size_e6, cash_e6, fee_e6)
            yield Leg(trade, order.wallet, order.token, order.side, *amounts, is_taker)


def positions(exchange: Exchange, wallet: Wallet, now_ns: int) -> list[Position]:
    """Everything a wallet has or had in the markets that are not retired."""
    own: defaultdict[str, list[Leg]] = defaultdict(list)
    for leg in legs(exchange, wallet):
        own[leg.trade.listing.token_id(leg.token)].append(leg)
    found = []
    for listing in exchange.listings.values():
        glance = Glance.of(listing, now_ns)
        sizes_e6 = [wallet.balances.get(token_id, 0) for token_id in listing.pool.tokens]
        for token in Token:
            mine = own.get(listing.token_id(token), [])
            if mine or sizes_e6[token]:
                found.append(_position(wallet, glance, token, sizes_e6, mine))
    return found


def _position(
    wallet: Wallet, glance: Glance, token: Token, sizes_e6: list[int], own: list[Leg]
) -> Position:
    bought = [leg for leg in own if leg.side is Side.BUY]
    sold = [leg for leg in own if leg.side is Side.SELL]
    total_e6 = sum(leg.size_e6 for leg in bought)
    cost_e6 = sum(leg.cash_e6 for leg in bought)
    proceeds_e6 = sum(leg.cash_e6 - leg.fee_e6 for leg in sold)
    # What did not come or go by a trade was split or granted, merged or redeemed.
    rest_e6 = sizes_e6[token] + sum(leg.size_e6 for leg in sold) - total_e6
    if rest_e6 > 0:
        total_e6 += rest_e6
        cost_e6 += rest_e6 * HALF_E6 // E6
    else:
        each_e6 = HALF_E6 if glance.winner is None else E6 * (glance.winner is token)
        proceeds_e6 -= rest_e6 * each_e6 // E6
    return Position(
        wallet,
        glance,
        token,
        sizes_e6[token],
        total_e6,
        cost_e6,
        sum(leg.fee_e6 for leg in bought),
        proceeds_e6,
        is_pair=all(sizes_e6),
    )


def position_record(position: Position) -> Record:
    """Write a position as ``/v2/positions`` does: amounts as texts."""
    it = position
    unrealized_e6 = it.value_e6 - it.entry_e6
    total_e6 = it.realized_e6 + unrealized_e6
    return {
        "proxy_wallet": shown_address(it.wallet),
        **_market_facts(it.glance.listing, it.token),
        "opposite_outcome": it.glance.listing.outcome_name(Token(1 - it.token)),
        "opposite_token_id": it.glance.listing.token_id(Token(1 - it.token)),
        "event_id": event_number(it.glance.listing),
        # A day: the official client refuses a time of day here.
        "end_date": iso_time(it.glance.listing.market.end_ns)[:10],
        "current_size": _text(it.size_e6),
        "avg_price": _text(_share(it.cost_e6, it.total_e6)),
        "entry_cost_usdc": _text(it.entry_e6),
        "entry_fees_usdc": _text(it.fees_e6),
        "total_cost_usdc": _text(it.cost_e6),
        "current_price": _text(it.price_e6),
        "current_value": _text(it.value_e6),
        "total_size": _text(it.total_e6),
        "realized_pnl": _text(it.realized_e6),
        "unrealized_pnl": _text(unrealized_e6),
        "total_pnl": _text(total_e6),
        "percent_pnl": _text(100 * _share(total_e6, it.cost_e6)),
        "percent_realized_pnl": _text(100 * _share(it.realized_e6, it.cost_e6)),
        "status": it.status,
        "redeemable": it.status == "REDEEMABLE",
        "mergeable": it.is_mergeable,
        "negative_risk": it.glance.listing.market.neg_risk,
        "archived": False,
        "verified": True,
    }


def old_position_record(position: Position) -> Record:
    """Write a position as ``/positions`` of the first version does: amounts as numbers."""
    it = position
    listing = it.glance.listing
    unrealized_e6 = it.value_e6 - it.entry_e6
    return {
        "proxyWallet": shown_address(it.wallet),
        "asset": listing.token_id(it.token),
        "conditionId": listing.condition_id,
        "size": it.size_e6 / E6,
        "avgPrice": _share(it.cost_e6, it.total_e6) / E6,
        "initialValue": it.entry_e6 / E6,
        "currentValue": it.value_e6 / E6,
        "cashPnl": unrealized_e6 / E6,
        "percentPnl": 100 * _share(unrealized_e6, it.entry_e6) / E6,
        "totalBought": it.total_e6 / E6,
        "realizedPnl": it.realized_e6 / E6,
        "percentRealizedPnl": 100 * _share(it.realized_e6, it.cost_e6) / E6,
        "curPrice": it.price_e6 / E6,
        "redeemable": it.status == "REDEEMABLE",
        "mergeable": it.is_mergeable,
        "title": listing.question,
        "slug": listing.market.slug,
        "icon": "",
        "eventSlug": listing.market.slug,
        "outcome": listing.outcome_name(it.token),
        "outcomeIndex": listing.outcomes.index(it.token),
        "oppositeOutcome": listing.outcome_name(Token(1 - it.token)),
        "oppositeAsset": listing.token_id(Token(1 - it.token)),
        "endDate": iso_time(listing.market.end_ns)[:10],
        "negativeRisk": listing.market.neg_risk,
    }


def trade_row(leg: Leg) -> Record:
    """Write one side of a trade as ``/v2/trades`` does."""
    return {
        "proxy_wallet": shown_address(leg.wallet),
        **_market_facts(leg.trade.listing, leg.token),
        "side": SIDE_TEXTS[leg.side],
        "size": _text(leg.size_e6),
        "price": _text(_share(leg.cash_e6, leg.size_e6)),
        "timestamp": leg.trade.matched_ns // NS,
        "transaction_hash": transaction_hash(leg.trade, leg.trade.transaction),
    }


def old_trade_row(leg: Leg) -> Record:
    """Write one side of a trade as ``/trades`` of the first version does."""
    listing = leg.trade.listing
    return {
        "proxyWallet": shown_address(leg.wallet),
        "side": SIDE_TEXTS[leg.side],
        "asset": listing.token_id(leg.token),
        "conditionId": listing.condition_id,
        "size": leg.size_e6 / E6,
        "price": _share(leg.cash_e6, leg.size_e6) / E6,
        "timestamp": leg.trade.matched_ns // NS,
        "title": listing.question,
        "slug": listing.market.slug,
        "icon": "",
        "eventSlug": listing.market.slug,
        "outcome": listing.outcome_name(leg.token),
        "outcomeIndex": listing.outcomes.index(leg.token),
        "name": "",
        "pseudonym": "",
        "bio": "",
        "profileImage": "",
        "profileImageOptimized": "",
        "transactionHash": transaction_hash(leg.trade, leg.trade.transaction),
    }


def trade_activity(leg: Leg) -> Record:
    """Write one side of a trade as ``/v2/activity`` does."""
    return {**trade_row(leg), "type": "TRADE", "is_combo": False, "usdc_size": _text(leg.cash_e6)}


def act_activity(act: ChainAct) -> Record:
    """Write a split, merge or redemption as ``/v2/activity`` does."""
    name = f"{act.kind} {act.address} {act.listing.condition_id} {act.at_ns} {act.cash_e6}"
    return {
        "proxy_wallet": act.address,
        "type": act.kind,
        "is_combo": False,
        "condition_id": act.listing.condition_id,
        "usdc_size": _text(act.cash_e6),
        "timestamp": act.at_ns // NS,
        "transaction_hash": f"0x{sha256(name.encode()).hexdigest()}",
        "title": act.listing.question,
        "slug": act.listing.market.slug,
        "event_slug": act.listing.market.slug,
    }


def rebate_activity(rebate: Rebate) -> Record:
    """Write a maker rebate as ``/v2/activity`` does."""
    name = f"rebate {rebate.address} {rebate.condition_id}"
    return {
        "proxy_wallet": rebate.address,
        "type": "MAKER_REBATE",
        "condition_id": rebate.condition_id,
        "usdc_size": _text(rebate.amount_e6),
        "timestamp": rebate.at_ns // NS,
        "transaction_hash": f"0x{sha256(name.encode()).hexdigest()}",
    }


def resolution_record(listing: Listing) -> Record:
    """Write how a resolved market was resolved."""
    at = iso_time(listing.closed_ns)
    winner = listing.winner
    return {
        "condition_id": listing.condition_id,
        "status": "resolved",
        "extended_review": False,
        "was_disputed": False,
        "new_version_q": False,
        "transaction_hash": f"0x{sha256(f'resolve {listing.condition_id}'.encode()).hexdigest()}",
        "log_index": "0",
        "last_update_timestamp": at,
        "payouts": [E6 * (token is winner) for token in listing.outcomes],
        "resolution_source": "reported",
        "resolved_block": listing.closed_ns // NS,
        "resolved_at": at,
    }


def shown_address(wallet: Wallet) -> str:
    """Give a wallet's address; the exchange's own traders have names, and get one made of them."""
    if not wallet.is_house:
        return wallet.address
    return f"0x{sha256(wallet.address.encode()).hexdigest()[:40]}"


def _market_facts(listing: Listing, token: Token) -> Record:
    return {
        "token_id": listing.token_id(token),
        "condition_id": listing.condition_id,
        "title": listing.question,
        "slug": listing.market.slug,
        "icon": "",
        "event_slug": listing.market.slug,
        "outcome": listing.outcome_name(token),
        "outcome_index": listing.outcomes.index(token),
    }


def _share(part_e6: int, whole_e6: int) -> int:
    """A ratio in 1e-6, 0 of nothing."""
    return part_e6 * E6 // whole_e6 if whole_e6 else 0


def _text(value_e6: int) -> str:
    text = decimal_text(abs(value_e6), 6)
    return f"-{text}" if value_e6 < 0 else text
