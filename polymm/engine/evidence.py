"""Everything that is told to the engine, each item with the times it speaks of.

Evidence about an order never depends on when it is delivered: an item carries when its request was
sent and when its answer was received, and the belief is a function of the set of items. What a
venue's own words mean is decided before, by whoever makes these. Markets are named by condition
id, orders by the venue's hash; all times are ns of the engine's clock unless they say otherwise.
"""

from typing import NamedTuple, final

from polymm.domain.order import Side, Token
from polymm.engine.host_events import ClockJumped as ClockJumped
from polymm.engine.host_events import JournalFailed as JournalFailed
from polymm.engine.host_events import JournalHealed as JournalHealed
from polymm.engine.host_events import Kill as Kill
from polymm.engine.host_events import Stalled as Stalled
from polymm.engine.host_events import Started as Started
from polymm.engine.host_events import Stop as Stop
from polymm.engine.host_events import Timer as Timer
from polymm.engine.verdicts import CancelVerdict as CancelVerdict
from polymm.engine.verdicts import OrderNews as OrderNews
from polymm.engine.verdicts import PlaceVerdict as PlaceVerdict
from polymm.engine.verdicts import ReadKind as ReadKind
from polymm.engine.verdicts import Settlement as Settlement


@final
class Signed(NamedTuple):
    """A planned order has its hash and is in the journal; no byte of it has left."""

    order_id: int
    order: str


@final
class Unsigned(NamedTuple):
    """Planned orders cannot be signed: they have no hash, and nothing of them will ever leave."""

    order_ids: tuple[int, ...]
    reason: str


@final
class Written(NamedTuple):
    """The bytes of orders were handed over at this time."""

    orders: tuple[str, ...]
    sent_ns: int


@final
class CancelWritten(NamedTuple):
    """The bytes of a cancel of these orders were handed over at this time."""

    orders: tuple[str, ...]
    sent_ns: int


@final
class PlaceAnswered(NamedTuple):
    """A placement's request ended; it is evidence as of its sending.

    Args:
        reason: "" where it was accepted, else the venue's reason by our names.
        sent_ns: 0 where no byte left.
        retry_after_ns: The venue's wish, 0 for none.
    """

    order: str
    verdict: PlaceVerdict
    reason: str
    sent_ns: int
    recv_ns: int
    retry_after_ns: int = 0


@final
class CancelAnswered(NamedTuple):
    """A cancel's request ended, for one of its orders.

    Args:
        sent_ns: Where no byte left, when it was handed over as `CancelWritten` says, 0 where it
            does not.
    """

    order: str
    verdict: CancelVerdict
    reason: str
    sent_ns: int
    recv_ns: int
    retry_after_ns: int = 0


@final
class Swept(NamedTuple):
    """A cancel of all orders, or of one market's, ended.

    Args:
        market: "" for all.
        verdict: Of the request: CANCELED (perhaps no order at all), REFUSED, NOT_SENT or UNKNOWN.
        canceled: Orders that rest no longer.
        not_canceled: Orders that were not cancelled by it.
    """

    market: str
    verdict: CancelVerdict
    canceled: tuple[str, ...]
    not_canceled: tuple[str, ...]
    reason: str
    sent_ns: int
    recv_ns: int
    retry_after_ns: int = 0


@final
class OrderTold(NamedTuple):
    """The user channel tells of an order.

    Args:
        status: The venue's, such as LIVE, CANCELED_MARKET_RESOLVED, INVALID.
        matched_e6: All that was matched so far, -1 where it is not said.
        stamp_ns: The venue's time, 0 where unknown.
    """

    order: str
    news: OrderNews
    status: str
    market: str
    matched_e6: int
    stamp_ns: int
    recv_ns: int


@final
class FillTold(NamedTuple):
    """One leg of a trade that is ours, by the user channel or a listing.

    Args:
        leg: Tells two parts of one order in one trade apart, 0 for the first.
        token, side: Our own order's.
        cash_e10: Paid or got for all of it without fee, 1e-10 dollars.
        fee_e6: What we paid as taker, 1e-6 dollars.
        counter_fee_e6: What the taker paid on our maker fill, 1e-6 dollars.
        stamp_ns: The venue's time of the match, 0 where unknown.
    """

    trade: str
    order: str
    leg: int
    status: Settlement
    market: str
    token: Token
    side: Side
    size_e6: int
    cash_e10: int
    is_maker: bool
    fee_e6: int
    counter_fee_e6: int
    stamp_ns: int
    recv_ns: int

    @property
    def key(self) -> tuple[str, str, int]:
        """What makes it one and the same fill."""
        return self.trade, self.order, self.leg


@final
class OpenSeen(NamedTuple):
    """One open order as the venue lists it."""

    order: str
    market: str
    matched_e6: int
    size_e6: int


# Reads. One that is partial, unparsed or timed out is `ReadFailed` and proves nothing.


@final
class OpenListed(NamedTuple):
    """A complete list of open orders, all pages; ``market`` "" for those of all markets."""

    market: str
    orders: tuple[OpenSeen, ...]
    began_ns: int
    recv_ns: int


@final
class OrderRead(NamedTuple):
    """The venue was asked for one order; None where it knows no such open order."""

    order: str
    seen: OpenSeen | None
    began_ns: int
    recv_ns: int


@final
class TradesRead(NamedTuple):
    """A complete list of trades matched from ``after_ns`` on (venue time), all pages."""

    market: str
    after_ns: int
    fills: tuple[FillTold, ...]
    began_ns: int
    recv_ns: int


@final
class BalancesRead(NamedTuple):
    """What the venue believes we hold: cash, and shares by (condition id, token)."""

    cash_e6: int
    shares: tuple[tuple[str, Token, int], ...]
    began_ns: int
    recv_ns: int


@final
class Correction(NamedTuple):
    """The venue's balances showed what the ledger did not know; from now on the ledger agrees.

    Args:
        correction: Its id: says what it corrects, so that the same one is never booked twice.
        market: Condition id, "" where it is cash.
        token: None where it is cash.
        before_e6, after_e6: Confirmed by the ledger before and from now on, 1e-6 shares or dollars.
    """

    correction: str
    market: str
    token: Token | None
    before_e6: int
    after_e6: int
    recv_ns: int

    @property
    def delta_e6(self) -> int:
        """What it adds, 1e-6 shares or dollars."""
        return self.after_e6 - self.before_e6


@final
class ReadFailed(NamedTuple):
    """A read gave nothing that can be used; ``subject`` is its market or order."""

    kind: ReadKind
    subject: str
    reason: str
    began_ns: int
    recv_ns: int


@final
class PreflightRead(NamedTuple):
    """Version, contracts, clock skew and key policy were looked at; ``faults`` speak against."""

    faults: tuple[str, ...]
    skew_ns: int
    began_ns: int
    recv_ns: int


@final
class KeysRead(NamedTuple):
    """The venue gave API credentials anew: what is sent after ``recv_ns`` carries them."""

    began_ns: int
    recv_ns: int


# The rest of the world.


@final
class BeatAnswered(NamedTuple):
    """A heartbeat's request ended."""

    is_accepted: bool
    reason: str
    sent_ns: int
    recv_ns: int


@final
class UserChannel(NamedTuple):
    """The user channel lives, or does not since ``since_ns`` (what came after it is missed)."""

    is_live: bool
    since_ns: int


@final
class BookChanged(NamedTuple):
    """The decoder applied a frame that asks for a look at this market."""

    market: str
    flags: int


@final
class Obstacle(NamedTuple):
    """Something speaks against quoting a market, or no longer does; "" is all markets."""

    market: str
    name: str
    stands: bool


@final
class Merged(NamedTuple):
    """Pairs became cash on chain."""

    market: str
    pairs_e6: int


@final
class MergeFailed(NamedTuple):
    """A merge did not happen and will not."""

    market: str
    pairs_e6: int
    reason: str


@final
class MarketOpened(NamedTuple):
    """From now on this market may be quoted: its window has begun."""

    market: str


@final
class MarketClosed(NamedTuple):
    """The venue says that this market takes no orders any more."""

    market: str


@final
class MarketSettled(NamedTuple):
    """Everything of this market is counted and paid: it may be forgotten."""

    market: str
    cash_e6: int


@final
class Mark(NamedTuple):
    """What a share of Up is worth now, 1e-4 dollars twice: for losses and mark-outs."""

    market: str
    price_x2_e4: int


Event = (
    Signed
    | Unsigned
    | Written
    | CancelWritten
    | PlaceAnswered
    | CancelAnswered
    | Swept
    | OrderTold
    | FillTold
    | OpenListed
    | OrderRead
    | TradesRead
    | BalancesRead
    | Correction
    | ReadFailed
    | PreflightRead
    | KeysRead
    | BeatAnswered
    | UserChannel
    | BookChanged
    | Obstacle
    | Merged
    | MergeFailed
    | MarketOpened
    | MarketClosed
    | MarketSettled
    | Mark
    | Timer
    | Started
    | ClockJumped
    | Stalled
    | JournalFailed
    | JournalHealed
    | Kill
    | Stop
)
