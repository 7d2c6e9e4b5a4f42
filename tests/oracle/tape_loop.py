"""One maker driven through one tape: frames, replies and timers in order of our own time.

The slow twin of `polymm.research.backtest`: the live `Maker`, a `TapeVenue` and the recorder that
paper runs use, one event at a time.
"""

from dataclasses import replace
from heapq import heappop, heappush
from itertools import count

from polymm._core.decode import Decoder
from polymm._core.lane import Lane
from polymm._core.layout import REQUOTE, RESOLVED
from polymm.engine.events import NEVER_NS, BookChanged, Closing, Timer
from polymm.engine.maker import Maker
from polymm.errors import LedgerError
from polymm.exchange.accounts import Account
from polymm.exchange.tape import Latency
from polymm.research.records import MarketRun, OrderTotals
from polymm.research.run_settings import raised
from polymm.research.tape_money import check_money, marked_e6, pnl_of_fills_e6
from polymm.research.tape_recorder import GAP_NS, NS, Recorder
from tests.oracle.tape_venue import TapeVenue


def run_tape(tape, settings, *, queue="risk_averse", latency=None, fill_form="none"):
    """Run a maker on one tape; as `polymm.research.tape_run.run_tape`."""
    latency = latency or Latency()
    run = MarketRun(
        market=tape.market,
        source=tape.source,
        status="unsettled",
        fill_form="trades" if tape.has_trades else fill_form,
        defects=dict(tape.defects),
    )
    tape = replace(tape, frames=list(tape.frames))
    frames = received(tape, latency)
    gaps = gaps_n(tape)
    if gaps:
        run.defects[f"gaps_over_{GAP_NS // NS}_s"] = gaps
    run.exclusion = _exclusion(tape.market, frames)
    if run.exclusion:
        run.status = "excluded"
        run.cash_start_e6 = run.cash_end_e6 = settings.cash_e6
        return run
    loop = TapeLoop(tape, run, frames, settings, queue, latency)
    loop.run()
    loop.settle()
    return run


def _exclusion(market, frames):
    """Why a market is not run, "" where it is."""
    if market.fees.exponent != 1:
        return "fees_unknown"
    known = any(market.start_ns <= ns < market.end_ns for ns, _ in frames)
    return "" if known else "outside_window"


def received(tape, latency):
    """Frames in order of our receipt, those without a usable time after the feed's latency."""
    feed_ns = latency.feed_ns
    frames = [(recv_ns or exch_ns + feed_ns, frame) for exch_ns, recv_ns, frame in tape.frames]
    frames.sort(key=lambda frame: frame[0])
    return frames


def gaps_n(tape):
    """Count the silences inside the window, its ends included."""
    last_ns = tape.market.start_ns
    gaps = 0
    for frame in tape.frames:
        at_ns = min(frame.exch_ns, tape.market.end_ns)
        if at_ns > last_ns:
            gaps += at_ns - last_ns > GAP_NS
            last_ns = at_ns
    return gaps + (tape.market.end_ns - last_ns > GAP_NS)


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


class TapeLoop:
    """One market's run. Ties of our own time: replies, then frames, then timers."""

    def __init__(self, tape, run, frames, settings, queue, latency):
        market = tape.market
        self.tape, self.run_record, self.frames, self.market = tape, run, frames, market
        self.close_ns = market.end_ns - settings.close_margin_ns
        parameters = raised(settings.parameters, market.order_min_e6)
        self.decoder = Decoder()
        slot = self.decoder.add_market(market.up_token, market.down_token, tick_e4=market.tick_e4)
        book = self.decoder.book(slot)
        lane = _lane(book, parameters, market, settings.quoter)
        self.decoder.attach(slot, lane)
        self.maker = Maker(market, book, lane, settings.maker)
        self.venue = self._make_venue(tape, run, settings, parameters, queue, latency)
        self.replies = []
        self.reply_numbers = count()

    def _make_venue(self, tape, run, settings, parameters, queue, latency):
        form = "trades"
        if run.fill_form != "trades":
            form = "through" if run.fill_form == "through" else "none"
        run.cash_start_e6 = settings.cash_e6
        venue = TapeVenue(
            tape,
            Account(settings.cash_e6),
            queue=queue,
            latency=latency,
            fill_form=form,
            merge_delay_ns=settings.merge_delay_ns,
        )
        witness = _lane(venue.book, parameters, tape.market, 0)
        venue.decoder.attach(venue.slot, witness)
        self.recorder = Recorder(run, witness)
        self.recorder.watch(TapeStanding(venue))
        venue.observe(self.recorder)
        return venue

    def run(self):
        """Let time pass to the market's end."""
        start_ns, end_ns = self.market.start_ns, self.market.end_ns
        feed, advance = self.decoder.feed, self.venue.advance
        frames, frames_n, replies = self.frames, len(self.frames), self.replies
        i = 0
        timer_ns = start_ns
        close_ns = self.close_ns
        while True:
            now_ns = frames[i][0] if i < frames_n else NEVER_NS
            is_timer = timer_ns < now_ns
            if is_timer:
                now_ns = timer_ns
            is_reply = bool(replies) and replies[0][0] <= now_ns
            if is_reply:
                now_ns = replies[0][0]
            is_closing = now_ns >= close_ns
            if is_closing:
                now_ns = close_ns
            if news := advance(now_ns):
                self._take(news)  # some of it may be known before this
                continue
            if is_closing:
                if close_ns >= end_ns:
                    return
                self._step(close_ns, Closing())
                timer_ns, close_ns = self.maker.next_timer_ns, end_ns
                continue
            if is_reply:
                self._step(now_ns, heappop(replies)[2])
            elif is_timer:
                self._step(now_ns, Timer())
            else:
                flags = feed(frames[i][1], now_ns)
                i += 1
                # Before the window the book is kept and nothing is quoted.
                if not flags & (REQUOTE | RESOLVED) or now_ns < start_ns:
                    continue
                self._step(now_ns, BookChanged(flags))
            timer_ns = self.maker.next_timer_ns
            if timer_ns <= now_ns:
                timer_ns = now_ns + 1

    def settle(self):
        """Bring every order to its end, pay out or mark, and check that all adds up."""
        end_ns = self.market.end_ns
        if not self.venue.is_closed:
            self.venue.close(end_ns)
        # What is on its way arrives, in order of time, and so do the answers to it.
        while True:
            if news := self.venue.drain(self.replies[0][0] if self.replies else NEVER_NS - 1):
                self._take(news)
            elif self.replies:
                at_ns, _, reply = heappop(self.replies)
                self._step(at_ns, reply)
            else:
                break
        self.recorder.finish(end_ns)
        self._write_outcome()
        self._write_orders()
        self.venue.account.audit()
        check_money(self.run_record)

    def _take(self, news):
        for at_ns, reply in news:
            heappush(self.replies, (at_ns, next(self.reply_numbers), reply))

    def _step(self, now_ns, event):
        actions = self.maker.step(now_ns, event)
        for action in actions:
            self.venue.send(now_ns, action)
        self.recorder.explain(now_ns, self.maker.no_quote_reasons)

    def _write_outcome(self):
        run, account = self.run_record, self.venue.account
        if self.tape.outcome is None:
            run.exclusion = "no_outcome"
        else:
            run.status = "settled"
            run.payout_up = 1.0 if self.tape.outcome == "up" else 0.0
        if run.status == "settled":
            account.settle(up_wins=self.tape.outcome == "up")
        else:
            up_e6, down_e6 = account.shares_e6
            run.unsettled_value_e6 = marked_e6(up_e6, down_e6, self.recorder.fair)
        run.cash_end_e6 = account.cash_e6
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
