"""One maker on one tape: what happens next, at the venue or on our side, and doing it.

The live `Maker`, a `TapeVenue` and the recorder that paper runs use, one event at a time. Who lets
time pass, for one market or several, stands in `tests.oracle.tape_group`.
"""

from enum import IntEnum
from heapq import heappop, heappush
from itertools import count

from polymm._core.decode import Decoder
from polymm._core.lane import Lane
from polymm._core.layout import REQUOTE, RESOLVED
from polymm.engine.events import NEVER_NS, BookChanged, Closing, Timer
from polymm.engine.maker import Maker
from polymm.errors import LedgerError
from polymm.research.records import OrderTotals
from polymm.research.run_settings import raised
from polymm.research.tape_money import check_money, marked_e6, pnl_of_fills_e6
from polymm.research.tape_recorder import Recorder
from tests.oracle.delays import market_seed
from tests.oracle.tape_venue import TapeVenue


class TapeStanding:
    """What stands at the venue of a tape."""

    __slots__ = ("_venue",)

    def __init__(self, venue: "TapeVenue"):
        self._venue = venue

    @property
    def shares_e6(self):
        """Up and Down held, 1e-6 shares."""
        up_e6, down_e6 = self._venue.account.shares_e6
        return up_e6, down_e6

    def best(self, side):
        """Price and open size of our best level of a side, Up terms; (0, 0) where none rests."""
        orders = self._venue.resting(side)
        if not orders:
            return 0, 0
        price_e4 = orders[0].price_e4
        return price_e4, sum(order.open_e6 for order in orders if order.price_e4 == price_e4)


class Turn(IntEnum):
    """What may be next on our side, in order of coming where all are in one ns."""

    CLOSING = 0
    REPLY = 1
    FRAME = 2
    TIMER = 3


class TapeLoop:
    """One market's run, event by event.

    Args:
        run: Record that is filled.
        frames: (our time, frame) in order, what our side reads.
        account: Our ledger at its venue.
        portfolio: Marked value of all positions, shared by the markets of one account.
    """

    def __init__(self, tape, run, frames, settings, *, account, portfolio, queue, latency):
        market = tape.market
        self.tape, self.run_record, self.frames, self.market = tape, run, frames, market
        self.account, self.portfolio = account, portfolio
        parameters = raised(settings.parameters, market.order_min_e6)
        self.decoder = Decoder()
        slot = self.decoder.add_market(market.up_token, market.down_token, tick_e4=market.tick_e4)
        book = self.decoder.book(slot)
        lane = _lane(book, parameters, market, settings.quoter)
        self.decoder.attach(slot, lane)
        self.maker = Maker(market, book, lane, settings.maker, portfolio=portfolio)
        self.venue = self._make_venue(settings, parameters, queue, latency)
        self.first_ns = min(market.start_ns, self.venue.next_ns)
        self.frame_n = 0
        self.replies = []
        self.reply_numbers = count()
        self.timer_ns = market.start_ns
        self.close_ns = market.end_ns - settings.close_margin_ns
        self.is_over = False

    def _make_venue(self, settings, parameters, queue, latency):
        form = self.run_record.fill_form
        venue = TapeVenue(
            self.tape,
            self.account,
            queue=queue,
            latency=latency,
            fill_form=form if form in ("trades", "through") else "none",
            merge_delay_ns=settings.merge_delay_ns,
            seed=market_seed(settings.seed, self.market.slug),
        )
        witness = _lane(venue.book, parameters, self.market, 0)
        venue.decoder.attach(venue.slot, witness)
        self.recorder = Recorder(self.run_record, witness)
        self.recorder.watch(TapeStanding(venue))
        venue.observe(self.recorder)
        return venue

    @property
    def next(self):
        """(ns, whether on our side) of what happens next; at one ns the venue comes first."""
        return min((self.venue.next_ns, False), (self._turn[0], True))

    def do_next(self):
        """Let it happen."""
        at_ns, is_ours = self.next
        if is_ours:
            self._take_turn(at_ns, self._turn[1])
        else:
            for known_ns, reply in self.venue.step():
                heappush(self.replies, (known_ns, next(self.reply_numbers), reply))

    @property
    def _turn(self):
        """(ns, Turn) of what is next on our side."""
        reply_ns = self.replies[0][0] if self.replies else NEVER_NS
        if self.is_over:
            return reply_ns, Turn.REPLY
        frame_ns = self.frames[self.frame_n][0] if self.frame_n < len(self.frames) else NEVER_NS
        return min(
            (self.close_ns, Turn.CLOSING),
            (reply_ns, Turn.REPLY),
            (frame_ns, Turn.FRAME),
            (self.timer_ns, Turn.TIMER),
        )

    def _take_turn(self, now_ns, turn):
        if turn == Turn.CLOSING:
            self._close(now_ns)
            return
        if turn == Turn.REPLY:
            self._step(now_ns, heappop(self.replies)[2])
        elif turn == Turn.TIMER:
            self._step(now_ns, Timer())
        else:
            flags = self.decoder.feed(self.frames[self.frame_n][1], now_ns)
            self.frame_n += 1
            # Before the window the book is kept and nothing is quoted.
            if not flags & (REQUOTE | RESOLVED) or now_ns < self.market.start_ns:
                return
            self._step(now_ns, BookChanged(flags))
        self.timer_ns = max(self.maker.next_timer_ns, now_ns + 1)

    def _close(self, now_ns):
        """Close where there is a margin before the end; at the end only replies are left."""
        if now_ns < self.market.end_ns:
            self._step(now_ns, Closing())
            self.timer_ns, self.close_ns = self.maker.next_timer_ns, self.market.end_ns
            return
        self.is_over = True
        self.venue.stop_tape()
        self.portfolio.drop(self.market.slug)

    def _step(self, now_ns, event):
        actions = self.maker.step(now_ns, event)
        for action in actions:
            self.venue.send(now_ns, action)
        self.recorder.explain(now_ns, self.maker.no_quote_reasons)

    def conclude(self):
        """Once nothing more happens: write the record, and check that all adds up."""
        self.recorder.finish(self.market.end_ns)
        self._write_outcome()
        self._write_orders()
        self.account.audit()
        check_money(self.run_record)

    def _write_outcome(self):
        run, account = self.run_record, self.account
        if self.tape.outcome is not None:
            run.status = "settled"
            run.payout_up = 1.0 if self.tape.outcome == "up" else 0.0
        else:
            run.exclusion = "no_outcome"
            up_e6, down_e6 = account.shares_e6
            run.unsettled_value_e6 = marked_e6(up_e6, down_e6, self.recorder.fair)
        run.cash_start_e6, run.cash_end_e6 = account.cash_start_e6, account.cash_e6
        fills = [record.fill for record in run.fills]
        run.pnl_fills_e6 = pnl_of_fills_e6(
            fills, run.merges, payout_up=run.payout_up, fair=self.recorder.fair
        )
        rate = self.market.fees.rebate_e6
        run.rebate_e6 = sum(fill.counter_fee_e6 for fill in fills) * rate // 1_000_000
        run.venue_trades_e6 = self.venue.traded_e6

    def _write_orders(self):
        run, venue = self.run_record, self.venue
        run.orders = totals = OrderTotals()
        for order in venue.orders.values():
            totals.placed_n += 1
            totals.placed_e6 += order.place.size_e6
            totals.filled_e6 += order.filled_e6
            totals.cancelled_e6 += order.cancelled_e6
            totals.rejected_e6 += order.rejected_e6
            totals.expired_e6 += order.expired_e6
            totals.open_e6 += order.open_e6
            if order.reject_reason:
                reasons = totals.reject_reasons
                reasons[order.reject_reason] = reasons.get(order.reject_reason, 0) + 1
            if order.has_rested:
                row = (order.front_e6, order.place.size_e6, order.filled_e6)
                run.order_queue.append(row)
            ends = order.filled_e6 + order.cancelled_e6 + order.rejected_e6 + order.expired_e6
            if ends != order.place.size_e6 or order.open_e6:
                raise LedgerError(
                    f"order {order.place.order_id} must end as filled + cancelled + rejected +"
                    f" expired = {order.place.size_e6}, was {ends} with {order.open_e6} open"
                )
        run.cycles = dict(sorted(self.maker.cycles.items()))
        run.counts = dict(sorted(self.maker.counts.items()))
        noted = {
            "mirrored_trades": venue.mirrored_trades_n,
            "merges_refused": venue.merges_refused_n,
        }
        run.defects |= {name: n for name, n in noted.items() if n}


def _lane(book, parameters, market, quoter):
    return Lane(
        book,
        parameters,
        start_ns=market.start_ns,
        end_ns=market.end_ns,
        lot_e6=market.lot_e6,
        order_min_e6=market.order_min_e6,
        quoter_address=quoter,
    )
