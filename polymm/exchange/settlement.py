"""From a match to its end on the chain: who gives and gets what, and the statuses told on the way.

A trade is one taker's match with all its makers, as one transaction. Its course is drawn when it
is matched; the chain's part of it (mined, failed) and the telling of it are apart, because the
faults of the user channel change only what is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import NamedTuple

from polymm.domain.order import Side
from polymm.exchange.faults import Fault, Faults
from polymm.exchange.listing import Listing
from polymm.exchange.matching import BookOrder, Fill, MatchKind
from polymm.exchange.rules import MS, Rules
from polymm.exchange.wallets import CASH, Booking, Posting


class TradeStatus(StrEnum):
    """Where a trade stands."""

    MATCHED = "MATCHED"
    MINED = "MINED"
    CONFIRMED = "CONFIRMED"
    RETRYING = "RETRYING"
    FAILED = "FAILED"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return self in (TradeStatus.CONFIRMED, TradeStatus.FAILED)


class Step(NamedTuple):
    """One change of a trade's status.

    Args:
        at_ns: When it happens.
        status: The new one.
        transaction: Number of the try whose hash is shown, 0 for none yet.
        told_ns: When the parties are told, None for never.
    """

    at_ns: int
    status: TradeStatus
    transaction: int
    told_ns: int | None


@dataclass(slots=True, eq=False)
class Trade:
    """One match and its fate.

    Args:
        trade_id: The id all parties see.
        listing: Its market.
        taker: The order that came.
        fills: What it took of whom.
        booking: Who gave and gets what.
        matched_ns: When.
        status: Where it stands.
        updated_ns: Since when.
        transaction: Number of its try on the chain.
    """

    trade_id: str
    listing: Listing
    taker: BookOrder
    fills: tuple[Fill, ...]
    booking: Booking
    matched_ns: int
    status: TradeStatus = TradeStatus.MATCHED
    updated_ns: int = 0
    transaction: int = 0

    @property
    def size_e6(self) -> int:
        """Shares the taker took."""
        return sum(fill.size_e6 for fill in self.fills)

    @property
    def price_e4(self) -> int:
        """Worst price the taker met, in its token's terms: always on the grid."""
        return self.fills[-1].price_e4(self.taker.token)

    @property
    def cash_e6(self) -> int:
        """Dollars the taker paid or got, without the fee."""
        token = self.taker.token
        return sum(fill.price_e4(token) * fill.size_e6 // 10_000 for fill in self.fills)

    def owners(self) -> list[str]:
        """Accounts with a part in it, the taker's first, each once."""
        orders = (self.taker, *(fill.maker for fill in self.fills))
        return list(dict.fromkeys(order.owner for order in orders if order.owner))


def make_booking(taker: BookOrder, fills: Sequence[Fill], listing: Listing) -> Booking:
    """Work out what a match moves. The fee is the taker's, rounded once for the whole match."""
    weights = tuple(
        (
            fill.maker.wallet.address,
            fill.size_e6 * fill.up_price_e4 * (10_000 - fill.up_price_e4),
        )
        for fill in fills
    )
    fee_e6 = listing.market.fees.fee_of_e6(sum(weight for _, weight in weights))
    pairs_e6 = 0
    cash_e6 = size_e6 = 0
    postings = []
    for fill in fills:
        kind = fill.kind(taker)
        if kind is MatchKind.MINT:
            pairs_e6 += fill.size_e6
        elif kind is MatchKind.MERGE:
            pairs_e6 -= fill.size_e6
        own_e6 = fill.price_e4(fill.maker.token) * fill.size_e6 // 10_000
        postings.append(_posting(fill.maker, fill.size_e6, own_e6, listing))
        cash_e6 += fill.price_e4(taker.token) * fill.size_e6 // 10_000
        size_e6 += fill.size_e6
    paid_e6 = cash_e6 + fee_e6 if taker.side is Side.BUY else cash_e6 - fee_e6
    first = _posting(taker, size_e6, paid_e6, listing)
    return Booking(listing.pool, (first, *postings), pairs_e6, fee_e6, weights)


def _posting(order: BookOrder, size_e6: int, cash_e6: int, listing: Listing) -> Posting:
    token_id = listing.token_id(order.token)
    if order.side is Side.BUY:
        return Posting(order.wallet, CASH, cash_e6, token_id, size_e6)
    return Posting(order.wallet, token_id, size_e6, CASH, cash_e6)


def plan_course(rng: Random, now_ns: int, rules: Rules, faults: Faults) -> list[Step]:
    """Draw a trade's statuses, in the order in which they happen, and their telling."""

    def draw(bounds_ms: tuple[int, int]) -> int:
        return rng.randint(*bounds_ms) * MS

    statuses = [(now_ns, TradeStatus.MATCHED, 0)]
    at_ns, transaction = now_ns + draw(rules.mined_ms), 1
    if faults.strikes(Fault.TRADE_RETRIED):
        statuses.append((at_ns, TradeStatus.RETRYING, transaction))
        at_ns, transaction = at_ns + draw(rules.retry_ms), 2
    if faults.strikes(Fault.TRADE_FAILED):
        statuses.append((at_ns, TradeStatus.FAILED, transaction))
    else:
        statuses.append((at_ns, TradeStatus.MINED, transaction))
        statuses.append((at_ns + draw(rules.confirmed_ms), TradeStatus.CONFIRMED, transaction))
    told = [_told_ns(at_ns, status, faults) for at_ns, status, _ in statuses]
    if told[0] is not None and told[1] is not None and faults.strikes(Fault.USER_MINED_FIRST):
        told[0] = told[1] + MS
    return [Step(*status, ns) for status, ns in zip(statuses, told, strict=True)]


def _told_ns(at_ns: int, status: TradeStatus, faults: Faults) -> int | None:
    may_skip = status in (TradeStatus.MATCHED, TradeStatus.MINED)
    return None if may_skip and faults.strikes(Fault.USER_STATUS_SKIPPED) else at_ns
