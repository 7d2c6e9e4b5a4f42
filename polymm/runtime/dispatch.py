"""Between one maker and order entry: numbers to hashes, answers and events to replies.

A reply is given to the maker only when it is proven. An order whose placement was not answered is
cancelled once it is; one whose outcome is unknown stays as live as it was until the venue has been
asked often enough; a cancel counts as done when the venue tells how much was filled before.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from polymm.domain.market import Market
from polymm.domain.order import (
    REJECT_REASONS,
    Accepted,
    Cancel,
    Cancelled,
    CancelRefused,
    Fill,
    Place,
    Rejected,
    Reply,
)
from polymm.runtime.ports import OrderEntry
from polymm.venues.polymarket.results import (
    CancelResult,
    CancelState,
    NewOrder,
    PlaceResult,
    PlaceState,
)
from polymm.venues.polymarket.user_events import OrderChange, OrderEvent, OwnFill

# Reasons of a refusal that the engine has a word of its own for, beside those that are the same.
ENGINE_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "not_found": "market_closed",
        "amount_below_minimum": "size_below_minimum",
    }
)
# Statuses of a cancellation that end a market and not one order.
CLOSED_STATUSES: Final = frozenset({"CANCELED_MARKET_RESOLVED", "CANCELED_MARKET_NOT_FOUND"})
# Ids of trades are texts, the engine's are numbers.
MS: Final = 1_000_000
# The venue rounds matches: an order with no more than this left is done (user-ws notes 2).
DUST_E6: Final = 10_000


@dataclass(slots=True, eq=False)
class Sent:
    """One order on its way, resting or ending.

    Attributes:
        place: As the engine knows it.
        order_id: As the venue does.
        sent_ns: When it was handed to order entry.
        is_alive: Whether the venue showed that it took the order.
        is_wanted_gone: A cancel waits for the placement's answer.
        is_doubtful: The venue is being asked about it; that sees to its cancel too.
        is_out: The answer to a cancel said that it no longer rests.
        owed_e6: Filled according to the venue; what of it was not heard of is still to come.
        reject_reason: Why the venue refused it, "" where it did not.
        front_e6: What stood at its price when it was sent.
        booked_e6: Fills told to the engine.
        cancelled_ns: When the cancel was first sent, 0 for never.
        end: How it ended: "" while it may be live, else filled, cancelled, rejected or expired.
    """

    place: Place
    order_id: str
    sent_ns: int
    front_e6: int = 0
    is_alive: bool = False
    is_wanted_gone: bool = False
    is_doubtful: bool = False
    is_out: bool = False
    owed_e6: int = 0
    reject_reason: str = ""
    booked_e6: int = 0
    cancelled_ns: int = 0
    end: str = ""


class Dispatch:
    """Sends what one maker decides and answers what became of it.

    Args:
        market: The maker's; its tick follows the book's.
        entry: Where orders go.
        reply: Takes replies to the maker, in any turn, also while it sends.
        doubt: Has the venue asked about an order: see `polymm.runtime.doubts`.
        on_answer: Told of each placement's answer, for its time stamps.
        clock_ns: The session's.

    Attributes:
        sent: All orders by the engine's number, ended ones too: the report counts them.
        by_hash: The same by the venue's.
        counts: What was odd, by name.
    """

    def __init__(
        self,
        market: Market,
        entry: OrderEntry,
        reply: Callable[[Reply], None],
        doubt: Callable[[Sent], None],
        on_answer: Callable[[PlaceResult], None],
        clock_ns: Callable[[], int],
    ) -> None:
        self.market = market
        self.sent: dict[int, Sent] = {}
        self.by_hash: dict[str, Sent] = {}
        self.counts: Counter[str] = Counter()
        self._entry = entry
        self._reply = reply
        self._doubt = doubt
        self._on_answer = on_answer
        self._clock_ns = clock_ns
        self._trades: dict[str, int] = {}

    @property
    def open(self) -> list[Sent]:
        """Orders that may be live."""
        return [sent for sent in self.sent.values() if not sent.end]

    # From the maker

    def place(self, places: Sequence[Place], fronts_e6: Iterable[int], tick_e4: int) -> None:
        """Send placements; each is known by its hash before its answer can come.

        Args:
            fronts_e6: What stands at the price of each; asked for when all are sent.
            tick_e4: The grid on which they were quoted.
        """
        now_ns = self._clock_ns()
        if tick_e4 != self.market.tick_e4:
            self.market = replace(self.market, tick_e4=tick_e4)
        orders = [
            NewOrder(self.market, place.token, place.side, place.price_e4, place.size_e6)
            for place in places
        ]
        ids = self._entry.place(orders, self.take_placed)
        for place, order_id, front_e6 in zip(places, ids, fronts_e6, strict=True):
            sent = Sent(place, order_id, now_ns, front_e6)
            self.sent[place.order_id] = self.by_hash[order_id] = sent

    def cancel(self, cancels: Iterable[Cancel]) -> None:
        """Send cancels of what is proven to have arrived; others follow when that is proven."""
        now_ns = self._clock_ns()
        ready = []
        for cancel in cancels:
            sent = self.sent[cancel.order_id]
            sent.cancelled_ns = sent.cancelled_ns or now_ns
            if not sent.is_alive:
                sent.is_wanted_gone = True
            elif not sent.is_doubtful:
                ready.append(sent.order_id)
        if ready:
            self._entry.cancel(ready, self.take_cancelled)

    # From order entry

    def take_placed(self, result: PlaceResult) -> None:
        """Take the answer to a placement."""
        self._on_answer(result)
        sent = self.by_hash[result.order_id]
        if result.is_accepted:
            self.find(sent)
        elif result.state is PlaceState.UNKNOWN:
            self.counts["placement_unknown"] += 1
            self.ask(sent)
        elif sent.is_alive or sent.end:
            self.counts["refused_alive"] += 1
        else:
            self._end(sent, "rejected")
            sent.reject_reason = result.reason
            self._reply(Rejected(sent.place.order_id, engine_reason(result.reason)))

    def take_cancelled(self, result: CancelResult) -> None:
        """Take the answer to a cancel."""
        sent = self.by_hash[result.order_id]
        if sent.end:
            return
        if result.state is CancelState.CANCELED:
            # How much was filled before is told by the event, or asked for where none comes.
            sent.is_alive = sent.is_out = True
            self.ask(sent)
        elif result.is_final:
            self.counts[f"cancel_{result.reason}"] += 1
            # Of an order that was never seen it says only that it was not there yet.
            sent.is_out = sent.is_alive
            if sent.is_alive:
                self._reply(CancelRefused(sent.place.order_id, "matched"))
            self.ask(sent)
        else:
            self.counts[f"cancel_{result.state}"] += 1
            self._reply(CancelRefused(sent.place.order_id, "unavailable"))

    # From the user channel, and from whoever asked

    def take_event(self, event: OrderEvent) -> None:
        """Take what the venue tells of an order."""
        sent = self.by_hash[event.order_id]
        if event.change is OrderChange.CANCELLATION:
            filled_e6 = max(event.matched_e6 or 0, sent.booked_e6)
            self.prove(sent, filled_e6, event.status)
        else:
            self.find(sent)
            # The trade that moved it is told on its own, usually before this.
            sent.owed_e6 = max(sent.owed_e6, event.matched_e6 or 0)
            if sent.owed_e6 > sent.booked_e6:
                self.ask(sent)

    def take_fill(self, fill: OwnFill) -> Fill | None:
        """Take a fill that is heard of for the first time; answers what the engine is told."""
        sent = self.by_hash.get(fill.order_id)
        if sent is None:
            return None
        self.find(sent)
        schedule, place = self.market.fees, sent.place
        fee_e6 = schedule.taker_fee_e6(fill.price_e4, fill.size_e6)
        told = Fill(
            trade_id=self._trades.setdefault(fill.trade_id, len(self._trades) + 1),
            order_id=place.order_id,
            slug=self.market.slug,
            token=place.token,
            side=place.side,
            price_e4=fill.price_e4,
            size_e6=fill.size_e6,
            fee_e6=0 if fill.is_maker else fee_e6,
            exch_ns=fill.stamp_ms * MS or fill.matched_s * 1_000 * MS,
            front_e6=sent.front_e6,
            after_cancel_sent=sent.cancelled_ns > 0,
            counter_fee_e6=fee_e6 if fill.is_maker else 0,
        )
        sent.booked_e6 += fill.size_e6
        left_e6 = place.size_e6 - sent.booked_e6
        is_done = left_e6 <= DUST_E6 and not sent.end
        if is_done:
            self._end(sent, "filled")
        self._reply(told)
        if is_done and left_e6 > 0:
            self._reply(Cancelled(place.order_id, sent.booked_e6, "venue"))
        return told

    def find(self, sent: Sent) -> None:
        """Know that the venue took an order; send the cancel that waited for it."""
        if sent.is_alive:
            return
        sent.is_alive = True
        self._reply(Accepted(sent.place.order_id))
        if sent.is_wanted_gone and not sent.end and not sent.is_doubtful:
            self._entry.cancel([sent.order_id], self.take_cancelled)

    def prove(self, sent: Sent, filled_e6: int, status: str = "") -> None:
        """Know that an order no longer rests, and how much of it was filled before."""
        if sent.end in ("rejected", "filled"):
            return
        sent.owed_e6 = max(sent.owed_e6, filled_e6)
        if not sent.end:
            is_over = status in CLOSED_STATUSES
            self._end(sent, "expired" if is_over else "cancelled")
            reason = "expired" if is_over else "requested" if sent.cancelled_ns else "venue"
            self._reply(Cancelled(sent.place.order_id, filled_e6, reason))
        if sent.owed_e6 > sent.booked_e6:
            self.ask(sent)

    def disprove(self, sent: Sent) -> None:
        """Know that an order whose outcome was unknown never rested and never will."""
        if not sent.end and not sent.is_alive:
            self._end(sent, "rejected")
            sent.reject_reason = "never_rested"
            self._reply(Rejected(sent.place.order_id, "never_rested"))

    def cancel_again(self, sent: Sent) -> None:
        """Send the cancel of an order that the venue has not shown yet, if one is wanted."""
        if sent.is_wanted_gone and not sent.end:
            self._entry.cancel([sent.order_id], self.take_cancelled)

    def ask(self, sent: Sent) -> None:
        """Have the venue asked about an order, unless that is going on."""
        if not sent.is_doubtful:
            sent.is_doubtful = True
            self._doubt(sent)

    def _end(self, sent: Sent, how: str) -> None:
        sent.end = how


def engine_reason(reason: str) -> str:
    """Name a refusal as the engine does; words it does not know are counted as they are."""
    if reason in REJECT_REASONS:
        return reason
    return ENGINE_REASONS.get(reason, reason or "refused")
