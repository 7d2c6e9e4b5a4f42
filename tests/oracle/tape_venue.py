"""A venue that replays a tape and lets our orders live in it (docs/strategy.md section 4).

The slow twin of `polymm._core.backtest`: the same rules, one frame and one object at a time.

The tape's frames build the venue's own books at venue time. Our orders are not on the tape: they
join the back of what is displayed, are filled by recorded trades, and move nothing.

The venue knows two clocks only: venue time, in which it advances, and the delays of ``Latency``
that separate it from us. A recorded trade happened at its time, taker delay included; a cancel
that arrived before that time wins, one that arrives with it or after it loses.
"""

import re
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import count
from typing import Final

from polymm._core.decode import Decoder
from polymm._core.layout import ASK, BID, CHANGED, TRADE
from polymm.domain.order import (
    Accepted,
    Action,
    Cancel,
    Cancelled,
    CancelRefused,
    Fill,
    Merge,
    Merged,
    Place,
    Rejected,
    Reply,
)
from polymm.domain.tape import Tape
from polymm.errors import DecodeError, InputError, RecordingError
from polymm.exchange.accounts import Account
from polymm.exchange.tape import MERGE_DELAY_NS, FillForm, Latency
from tests.oracle.delays import DrawnDelays
from tests.oracle.tape_orders import Observer, VenueOrder
from tests.oracle.tape_queues import RestingOrders

NEVER_NS: Final = 2**63 - 1

_TRADE_EVENT = re.compile(rb'"event_type": ?"last_trade_price"')


class TapeVenue:
    """One market's tape with our orders in it.

    Args:
        tape: What is replayed.
        account: Our ledger at this venue, for this market alone.
        queue: Queue model: see ``parse_queue``.
        latency: Delays between us and the venue.
        fill_form: ``trades`` where the tape has them; else ``none`` (quotes only) or ``through``
            (an order fills only when a later book's opposite touch lies strictly beyond it).
        merge_delay_ns: From a merge's arrival to its dollars.
        seed: Of delays that are drawn.

    Attributes:
        decoder: The venue's own; market in ``slot``.
        orders: Every order that was sent, by id.
        merges_refused_n: Merges of more pairs than were free.
        traded_e6: Shares traded on the tape within the window so far.
    """

    def __init__(
        self,
        tape: Tape,
        account: Account,
        *,
        queue: str = "risk_averse",
        latency: Latency | None = None,
        fill_form: FillForm = "trades",
        merge_delay_ns: int = MERGE_DELAY_NS,
        seed: int = 0,
    ) -> None:
        if (fill_form == "trades") != tape.has_trades:
            raise InputError(
                f"fill_form must be {'trades' if tape.has_trades else 'none or through'}"
                f" on this tape, was {fill_form!r}"
            )
        self.tape = tape
        self.market = tape.market
        self.account = account
        self.latency = latency or Latency()
        self._delays = DrawnDelays(self.latency, seed)
        self.fill_form = fill_form
        self.decoder = Decoder()
        self.slot = self.decoder.add_market(
            self.market.up_token, self.market.down_token, tick_e4=self.market.tick_e4
        )
        self.book = self.decoder.book(self.slot)
        self.orders: dict[int, VenueOrder] = {}
        self.merges_refused_n = 0
        self.traded_e6 = 0
        self.is_closed = False
        self._is_settling = False
        self._now_ns = 0
        self._merge_delay_ns = merge_delay_ns
        self._observer: Observer | None = None
        self._frames = _frames_in_match_order(tape)
        self._frame_n = 0
        self._frame_ns = self._frames[0][0] if self._frames else NEVER_NS
        self._arrivals: list[tuple[int, int, Callable[[int], None]]] = []
        self._sequence = count()
        self._trade_ids = count(1)
        self._resting = RestingOrders(
            self.book,
            queue=queue,
            fill_form=fill_form,
            match_ns=self.latency.match_ns,
            fill=self._fill,
        )
        self._replies: list[tuple[int, Reply]] = []

    @property
    def mirrored_trades_n(self) -> int:
        """Trades that were told for each token; counted once."""
        return self._resting.mirrored_n

    def observe(self, observer: Observer) -> None:
        """Tell someone what happens, at venue time."""
        self._observer = observer

    # Time

    @property
    def next_ns(self) -> int:
        """When the next thing happens here, NEVER_NS where nothing more does."""
        next_ns = min(self._frame_ns, self._arrivals[0][0] if self._arrivals else NEVER_NS)
        return next_ns if self.is_closed else min(next_ns, self.market.end_ns)

    def step(self) -> list[tuple[int, Reply]]:
        """Let the next thing happen: of one ns the market's end, then the tape, then arrivals.

        Returns:
            (our time of knowing, reply), in order of both.

        Raises:
            RecordingError: A frame of the tape is malformed.
        """
        self._now_ns = now_ns = self.next_ns
        if not self.is_closed and now_ns == self.market.end_ns:
            self._close(now_ns)
        elif now_ns == self._frame_ns:
            self._take_frame(now_ns)
        else:
            _, _, arrive = heappop(self._arrivals)
            arrive(now_ns)
        replies, self._replies = self._replies, []
        return replies

    def advance(self, to_ns: int) -> list[tuple[int, Reply]]:
        """Step up to and with ``to_ns`` or to the first event that we will hear of.

        It stops there because what we send in answer may arrive before the next event: call it
        again until it answers nothing.
        """
        while self.next_ns <= to_ns:
            if replies := self.step():
                return replies
        return []

    def stop_tape(self) -> None:
        """Read no more of the tape; what is on its way still arrives."""
        self._frame_ns = NEVER_NS

    def send(self, now_ns: int, action: Action) -> None:
        """Take an action that we send now; it arrives after its latency."""
        assert now_ns >= self._now_ns or self.is_closed, "an action may not arrive in the past"
        match action:
            case Place():
                if action.order_id in self.orders:
                    raise InputError(f"order ids must be unique, {action.order_id} came twice")
                side = BID if action.sign > 0 else ASK
                order = VenueOrder(action, side, action.up_price_e4, action.size_e6)
                self.orders[action.order_id] = order
                self._arrive(
                    now_ns + self._delays.next_ns("order"), lambda ns: self._join(ns, order)
                )
            case Cancel():
                if (sent := self.orders.get(action.order_id)) is not None:
                    sent.cancel_sent = True
                arrives_ns = now_ns + self._delays.next_ns("cancel")
                self._arrive(arrives_ns, lambda ns: self._cancel(ns, action.order_id))
            case Merge():
                arrives_ns = now_ns + self._delays.next_ns("order")
                self._arrive(arrives_ns, lambda ns: self._merge(ns, action.pairs_e6))

    def resting(self, side: int) -> Sequence[VenueOrder]:
        """Our orders that rest on one side, best price first."""
        return self._resting.on_side(side)

    def _arrive(self, at_ns: int, arrive: Callable[[int], None]) -> None:
        heappush(self._arrivals, (at_ns, next(self._sequence), arrive))

    def _reply(self, now_ns: int, reply: Reply) -> None:
        self._replies.append((now_ns + self._delays.next_ns("reply"), reply))

    # The tape

    def _take_frame(self, now_ns: int) -> None:
        frame = self._frames[self._frame_n][1]
        try:
            flags = self.decoder.feed(frame, now_ns)
        except DecodeError as error:
            raise RecordingError(
                f"{self.tape.source}: frame {self._frame_n + 1} of {self.market.slug}: {error}"
            ) from error
        self._frame_n += 1
        more = self._frame_n < len(self._frames)
        self._frame_ns = self._frames[self._frame_n][0] if more else NEVER_NS
        if flags & CHANGED and self._observer is not None:
            self._observer.on_book(now_ns)
        if self.is_closed:
            return
        if flags & TRADE:
            for trade in self.decoder.trades():
                if self._resting.take_trade(now_ns, trade) and now_ns >= self.market.start_ns:
                    self.traded_e6 += trade.size_e6
        if self._resting.is_watched and flags & CHANGED and self.book.has_epoch:
            self._resting.take_book(now_ns)

    def _close(self, now_ns: int) -> None:
        """End the market: every resting order expires, later ones are rejected, shares are paid."""
        self.is_closed = True
        for side in (BID, ASK):
            for order in tuple(self._resting.on_side(side)):
                order.expired_e6, order.open_e6 = order.open_e6, 0
                proof = Cancelled(order.place.order_id, order.filled_e6, "expired")
                self._leave(now_ns, order, proof)
        if self.tape.outcome is not None:
            self._arrive(now_ns, self._settle)

    def _settle(self, now_ns: int) -> None:
        """Pay out, once nothing is merging any more."""
        self._is_settling = bool(self.account.merging_e6)
        if not self._is_settling:
            self.account.settle(up_wins=self.tape.outcome == "up")

    # Our orders

    def _join(self, now_ns: int, order: VenueOrder) -> None:
        """An order arrives: reject it, or let it join the back of its queue."""
        reason = self._refusal(order)
        if reason:
            order.rejected_e6, order.open_e6 = order.open_e6, 0
            order.reject_reason = reason
            self._reply(now_ns, Rejected(order.place.order_id, reason))
            return
        order.has_rested = True
        self._resting.join(order)
        self._reply(now_ns, Accepted(order.place.order_id))
        self._tell_orders(now_ns)

    def _refusal(self, order: VenueOrder) -> str:
        """Why an arriving order does not rest, "" where it does; reserves for one that does."""
        market, place, book = self.market, order.place, self.book
        if self.is_closed:
            return "market_closed"
        if place.size_e6 < market.order_min_e6:
            return "size_below_minimum"
        if place.size_e6 % market.lot_e6:
            return "off_lot"
        if not 0 < place.price_e4 < 10_000 or place.price_e4 % book.tick_e4:
            return "off_tick"
        if not book.has_epoch:
            # Nothing tells what rests there: an order that joined an unknown queue would lead it.
            return "book_unknown"
        own = self._resting.on_side(1 - order.side)
        if order.side == BID:
            crosses = order.price_e4 >= min([book.best_ask_e4, *(o.price_e4 for o in own)])
        else:
            crosses = order.price_e4 <= max([book.best_bid_e4, *(o.price_e4 for o in own)])
        if crosses:
            return "post_only_crosses"
        return "" if self.account.reserve(place) else "balance"

    def _cancel(self, now_ns: int, order_id: int) -> None:
        order = self.orders.get(order_id)
        if order is None or not order.has_rested:
            self._reply(now_ns, CancelRefused(order_id, "unknown"))
        elif order.open_e6:
            order.cancelled_e6, order.open_e6 = order.open_e6, 0
            self._leave(now_ns, order, Cancelled(order_id, order.filled_e6))
        elif order.filled_e6 == order.place.size_e6:
            self._reply(now_ns, CancelRefused(order_id, "matched"))
        else:
            self._reply(now_ns, CancelRefused(order_id, "unknown"))

    def _leave(self, now_ns: int, order: VenueOrder, reply: Cancelled) -> None:
        self.account.release(order.place.order_id)
        self._resting.remove(order)
        self._reply(now_ns, reply)
        self._tell_orders(now_ns)

    def _fill(self, now_ns: int, order: VenueOrder, reached_e6: int) -> int:
        """Fill an order with whole lots of what reached it; answer how much that was."""
        size_e6 = min(order.open_e6, reached_e6)
        size_e6 -= size_e6 % self.market.lot_e6
        if not size_e6:
            return 0
        place, inferred = order.place, self.fill_form == "through"
        # An inferred fill has no taker on the tape, so that no fee and no rebate follow from it.
        taker_fee_e6 = self.market.fees.taker_fee_e6(place.price_e4, size_e6)
        self.account.fill(place.order_id, size_e6)
        order.filled_e6 += size_e6
        order.open_e6 -= size_e6
        fill = Fill(
            trade_id=next(self._trade_ids),
            order_id=place.order_id,
            slug=place.slug,
            token=place.token,
            side=place.side,
            price_e4=place.price_e4,
            size_e6=size_e6,
            fee_e6=0,
            exch_ns=now_ns,
            inferred=inferred,
            front_e6=order.front_e6,
            after_cancel_sent=order.cancel_sent,
            counter_fee_e6=0 if inferred else taker_fee_e6,
        )
        self._reply(now_ns, fill)
        if self._observer is not None:
            self._observer.on_fill(fill)
        if not order.open_e6:
            self._resting.remove(order)
        self._tell_orders(now_ns)
        return size_e6

    def _tell_orders(self, now_ns: int) -> None:
        if self._observer is not None:
            self._observer.on_orders(now_ns)

    # Merges

    def _merge(self, now_ns: int, pairs_e6: int) -> None:
        # What is held at the end is paid out; there is nothing left to merge.
        if self.is_closed or not self.account.merge_begin(pairs_e6):
            self.merges_refused_n += 1
            self._reply(now_ns, Merged(self.market.slug, 0))
            return
        self._arrive(now_ns + self._merge_delay_ns, lambda ns: self._merged(ns, pairs_e6))

    def _merged(self, now_ns: int, pairs_e6: int) -> None:
        self.account.merge_finish(pairs_e6)
        self._reply(now_ns, Merged(self.market.slug, pairs_e6))
        if self._observer is not None:
            self._observer.on_merge(now_ns, pairs_e6)
        if self._is_settling:
            self._settle(now_ns)


def _frames_in_match_order(tape: Tape) -> list[tuple[int, bytes]]:
    """Frames at venue time, trades moved back to their match.

    A trade message is stamped later than its match (``Tape.trade_lag_ns``). Without this a cancel
    arriving in between would win over a trade that had already happened.
    """
    lag_ns = tape.trade_lag_ns
    if not lag_ns:
        return [(frame.exch_ns, frame.frame) for frame in tape.frames]
    frames = [
        (frame.exch_ns - lag_ns if _TRADE_EVENT.search(frame.frame) else frame.exch_ns, frame.frame)
        for frame in tape.frames
    ]
    return sorted(frames, key=lambda frame: frame[0])
