"""The trading cycle of one market (docs/strategy.md section 2, steps a to i), without I/O.

`Maker.step(now_ns, event)` answers actions. Cancelling is asynchronous: a cycle that has to wait
for proofs is suspended and goes on, on the book of that moment, in the step that brings the last
one. Whether to requote is the Lane's answer; the maker obeys. What is counted, and under which
name, stands in `polymm.engine.outcomes`.
"""

from collections import Counter
from collections.abc import Sequence

from polymm._core.layout import ASK, BID, REQUOTE, reason_names
from polymm.domain.inventory import Inventory, Portfolio
from polymm.domain.market import Market
from polymm.domain.order import (
    Accepted,
    Action,
    Cancelled,
    CancelRefused,
    Fill,
    Merged,
    Rejected,
    Reply,
    Voided,
)
from polymm.engine.cycle import BOTH, Cycle
from polymm.engine.events import NEVER_NS, NOTHING, BookChanged, Closing, Event, Timer, says_closed
from polymm.engine.holdings import Holdings
from polymm.engine.placing import SELF_MATCH, Placer
from polymm.engine.planning import is_safe, price_exit, reference_price, silence_reason, wanted_legs
from polymm.engine.ports import BookView, LaneView, QuoteView
from polymm.engine.settings import MakerSettings
from polymm.engine.working import Leg, WorkingOrders
from polymm.engine.worth import Worth
from polymm.errors import InputError


class Maker:
    """Makes one market.

    The step that answers `NOTHING` for a frame without REQUOTE is the usual one and costs a type
    check and a mask.

    Args:
        market: The market's own facts.
        book: Its streamed book, read in cycles only.
        lane: Its way from book to quote; the maker alone tells it inventory and working orders.
        settings: The cycle's parameters.
        first_order_id: Order ids run upwards from here; makers of one run need ranges apart.
        portfolio: Marked value of all positions, shared by the makers of one account.
        worth: Which requotes are worth their tokens (requote = diff); None where tokens are free.

    Attributes:
        cycles: Outcomes of ended cycles; they sum to `cycles_started`, but for a suspended one.
        counts: Everything else worth counting.
        inventory: Shares and cash by our own fills.
        orders: Everything that may be live.
        no_quote_reasons: Why not both sides are quoted; () when they are. ``awaiting_proof``
            stands for the gap between cancel and placement, ``between_quotes`` for a side that
            was filled and waits for the next cycle; the other names are outcomes, reasons of the
            quote or of a rejection.
    """

    def __init__(
        self,
        market: Market,
        book: BookView,
        lane: LaneView,
        settings: MakerSettings,
        *,
        first_order_id: int = 1,
        portfolio: Portfolio | None = None,
        worth: Worth | None = None,
    ) -> None:
        self.market = market
        self.settings = settings
        self.portfolio = Portfolio() if portfolio is None else portfolio
        self.inventory = Inventory()
        self.cycles: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.cycles_started = 0
        self.no_quote_reasons: tuple[str, ...] = ("starting",)
        self.orders = WorkingOrders(
            market.slug,
            self.counts,
            first_order_id=first_order_id,
            proof_wait_ns=settings.proof_wait_ns,
            cancels_max=settings.cancels_max,
        )
        self._holdings = Holdings(
            market.slug, self.inventory, self.orders, self.counts, merges=settings.merge_enabled
        )
        self._book = book
        self._lane = lane
        self._per_side = settings.requote == "diff"
        self._cycle: Cycle | None = None
        self._closing = False
        self._why: tuple[str, ...] = self.no_quote_reasons
        self._price_x2_e4 = 0
        self._last_ns: int | None = None
        self._looked_again = False
        self._placer = Placer(self.orders, self.counts, book, settings, worth)

    @property
    def working(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """What rests of bid and ask as far as is known: see `WorkingOrders.resting`."""
        return self.orders.resting(BID), self.orders.resting(ASK)

    @property
    def price_x2_e4(self) -> int:
        """Twice the last price of Up that a cycle went by, 1e-4 dollars; 0 before the first."""
        return self._price_x2_e4

    def owns(self, order_id: int) -> bool:
        """Whether the maker placed this order; others are those of an earlier run."""
        return self.orders.is_own(order_id)

    def adopt(self, fill: Fill) -> None:
        """Book a fill of an order that an earlier run placed."""
        self._holdings.adopt(fill)

    @property
    def is_suspended(self) -> bool:
        """Whether a cycle waits for the proofs of its cancels."""
        return self._cycle is not None

    @property
    def is_closing(self) -> bool:
        """Whether nothing is placed any more."""
        return self._closing

    @property
    def next_timer_ns(self) -> int:
        """When to step with Timer at the latest; NEVER_NS where no event but others can help."""
        if self._closing:
            retry_ns = self.orders.retry_ns()
            return NEVER_NS if retry_ns is None else retry_ns
        if self._last_ns is None:
            return NEVER_NS
        deadline_ns = self.orders.deadline_ns() if self._cycle is not None else None
        if deadline_ns is None:
            return self._due_ns(self._last_ns)
        return min(deadline_ns, self._due_ns(self._last_ns)) if self._per_side else deadline_ns

    def step(self, now_ns: int, event: Event) -> Sequence[Action]:
        """Take one event and answer what to send, in order; cancels come before placements.

        Args:
            now_ns: Time of the event on the clock of the market's window, never falling.
        """
        if type(event) is BookChanged:
            if not event.flags & REQUOTE or self._is_deaf:
                return NOTHING
            actions = self.look(now_ns)
        else:
            self.orders.expire(now_ns)
            match event:
                case Timer():
                    actions = self._on_timer(now_ns)
                case Closing():
                    actions = self._close(now_ns)
                case _:
                    actions = self._on_reply(now_ns, event)
        self.rest()
        return actions

    def look(self, now_ns: int) -> Sequence[Action]:
        """Act on a book that asks for a quote; `rest` must follow, and may once all is sent."""
        if self._is_deaf:
            return NOTHING
        orders = self.orders
        if orders:
            orders.expire(now_ns)
        # The lane knows the orders since the last step.
        self._tell_shares()
        if self._lane.evaluate(now_ns) & REQUOTE:
            return self._begin(now_ns)
        return NOTHING

    def rest(self) -> None:
        """End a step: let the lane know what works now, and say why not both sides do."""
        quoted = self._tell_lane()
        self.no_quote_reasons = () if quoted else self._why or ("between_quotes",)

    @property
    def _is_deaf(self) -> bool:
        """Whether no book matters: a suspended cycle will look at that of its own moment."""
        return self._closing or (self._cycle is not None and not self._per_side)

    def _on_book(self, now_ns: int) -> Sequence[Action]:
        # A frame may touch several markets, and its flags do not say whose Lane spoke.
        if self._evaluate(now_ns) & REQUOTE:
            return self._begin(now_ns)
        return NOTHING

    def _on_timer(self, now_ns: int) -> Sequence[Action]:
        if self._closing:
            return self.orders.cancel_all(now_ns)
        actions = self._resume(now_ns)
        if self._is_deaf:
            return actions
        last_ns = self._last_ns
        if last_ns is not None and now_ns < self._due_ns(last_ns):
            return actions
        self._looked_again = True
        wanted = self._evaluate(now_ns) & REQUOTE
        if wanted or last_ns is None or now_ns >= last_ns + self.settings.cycle_ns:
            return [*actions, *self._begin(now_ns)]
        return actions

    def _on_reply(self, now_ns: int, reply: Reply) -> Sequence[Action]:
        if isinstance(reply, Fill | Voided | Merged):
            self._holdings.take(reply)
        else:
            self._apply(now_ns, reply)
            if not self._closing and says_closed(reply):
                return self._close(now_ns)
        if self._closing:
            return NOTHING
        if self._cycle is not None:
            return self._resume(now_ns)
        # A rejected placement waits for a newer book; an accepted one changes nothing we wanted.
        if isinstance(reply, Accepted | Rejected):
            return NOTHING
        return self._on_book(now_ns)

    def _apply(self, now_ns: int, reply: Accepted | Rejected | Cancelled | CancelRefused) -> None:
        order = self.orders.get(reply.order_id)
        if self.orders.apply(now_ns, reply) and order is not None and isinstance(reply, Rejected):
            self.counts[f"rejected_{reply.reason}"] += 1
            self._placer.note_rejected(now_ns, order.side)
            self._why = (reply.reason,)

    def _close(self, now_ns: int) -> Sequence[Action]:
        if self._closing:
            return NOTHING
        if self._cycle is not None:
            self._finish("closing")
        self._closing = True
        self._why = ("closing",)
        return self.orders.cancel_all(now_ns)

    def _begin(self, now_ns: int) -> Sequence[Action]:
        """Run steps a to i on the quote the Lane has just answered, as far as proofs allow."""
        if self._is_over(now_ns):
            return self._close(now_ns)
        if self._cycle is not None:
            self._finish("superseded")
        self.cycles_started += 1
        self._last_ns = now_ns
        self._looked_again = False
        self._cycle = Cycle()
        actions: list[Action] = []
        legs = self._wanted(now_ns, merges=actions)
        if not legs:
            return [*actions, *self._pull(now_ns)]
        if self.orders:
            kept = self._placer.kept(now_ns, legs) if self._per_side else ()
            actions += self.orders.cancel_all(now_ns, but=kept)
        return self._advance(now_ns, self._cycle, legs, actions)

    def _resume(self, now_ns: int) -> Sequence[Action]:
        """Go on with a suspended cycle if the proofs allow it, on the book of this moment."""
        cycle = self._cycle
        if cycle is None:
            return NOTHING
        waiting, blocked = self.orders.unproven(cycle.held)
        if self._per_side:
            if cycle.sides & waiting & ~blocked == cycle.sides:
                return NOTHING
        elif blocked:
            self._finish("cancel_unproven")
            return NOTHING
        elif waiting:
            return NOTHING
        if self._is_over(now_ns):
            return self._close(now_ns)
        self._evaluate(now_ns)
        legs = self._wanted(now_ns, merges=None)
        if not legs:
            return self._pull(now_ns)
        return self._advance(now_ns, cycle, legs, [])

    def _wanted(self, now_ns: int, *, merges: list[Action] | None) -> tuple[Leg, ...]:
        """Steps a to e, then what g and h leave of the quote; () after ending the cycle.

        Step b puts a merge into ``merges``; None in a cycle that goes on, which has done b.
        """
        quote = self._lane.quote
        outcome = self._early_exit(now_ns, quote, merges)
        if outcome:
            self._finish(outcome)
            return ()
        legs = wanted_legs(
            quote,
            sellable_up_e6=self.inventory.sellable_up_e6(),
            order_min_e6=self.market.order_min_e6,
            lot_e6=self.market.lot_e6,
        )
        names = reason_names(quote.reasons)
        if not legs:
            self._finish(silence_reason(quote.reasons), names)
        self._why = names
        if merges is not None and legs and legs[0].side == legs[-1].side:
            self.counts.update(f"side_{name}" for name in names)
        return legs

    def _early_exit(self, now_ns: int, quote: QuoteView, merges: list[Action] | None) -> str:
        """Steps a to e: the outcome that ends the cycle, "" to go on."""
        settings = self.settings
        price = reference_price(self._book, now_ns, settings.book_age_ns_max)
        self._price_x2_e4 = price.x2_e4 or self._price_x2_e4
        if self._price_x2_e4:
            self.portfolio.mark(self.market.slug, self.inventory.value_e6(self._price_x2_e4))
        if self.portfolio.value_e6 >= settings.max_total_position_e6:
            return "max_total_position"
        if merges is not None and (merge := self._holdings.merge(quote)) is not None:
            merges.append(merge)
        outcome = price.missing or price_exit(price, settings)
        if not outcome and not is_safe(price, settings):
            self.counts["safe_range_warning"] += 1
        return outcome

    def _advance(
        self, now_ns: int, cycle: Cycle, legs: tuple[Leg, ...], actions: list[Action]
    ) -> Sequence[Action]:
        """Steps f and i: place where every earlier order is proven gone, wait or give up else."""
        waiting, blocked = self.orders.unproven(cycle.held)
        if not self._per_side:
            # One unproven order anywhere holds both sides: a duplicate is worse than a miss.
            if blocked:
                self._finish("cancel_unproven")
                return actions
            waiting = BOTH if waiting else 0
        ready = cycle.sides & ~waiting & ~blocked
        if blocked:
            cycle.is_blocked = cycle.is_blocked or bool(cycle.sides & blocked)
        cycle.sides &= waiting & ~blocked
        for side in (BID, ASK):
            if ready & 1 << side:
                placed, withheld = self._placer.place(now_ns, side, legs)
                actions += placed
                cycle.placed += len(placed)
                if withheld == SELF_MATCH and waiting:
                    cycle.held |= 1 << side
                    cycle.sides |= 1 << side
                else:
                    cycle.withheld = cycle.withheld or withheld
        if cycle.sides or cycle.is_blocked or cycle.withheld:
            self._why += cycle.hindrances
        if not cycle.sides:
            self._finish(cycle.outcome, self._why)
        return actions

    def _finish(self, outcome: str, why: tuple[str, ...] | None = None) -> None:
        self._cycle = None
        self.cycles[outcome] += 1
        self._why = (outcome,) if why is None else why

    def _pull(self, now_ns: int) -> Sequence[Action]:
        """End early: later cycles wait for the proofs."""
        return self.orders.cancel_all(now_ns) if self.settings.early_exit == "pull" else NOTHING

    def _due_ns(self, last_ns: int) -> int:
        """When to look again after a cycle, be it that nothing moves.

        Without an interval nothing was missed in it, and a second look at the same book is none.
        """
        settings = self.settings
        interval_ns = settings.requote_interval_min_ns
        if settings.cycle == "event" and interval_ns and not self._looked_again:
            return last_ns + min(settings.cycle_ns, interval_ns)
        return last_ns + settings.cycle_ns

    def _is_over(self, now_ns: int) -> bool:
        return 0 < self.market.end_ns <= now_ns

    def _evaluate(self, now_ns: int) -> int:
        self._tell_lane()
        return self._lane.evaluate(now_ns)

    def _tell_lane(self) -> bool:
        """Tell the Lane what we mean to have there, pulled orders not; whether on both sides."""
        self._tell_shares()
        bid_e4, bid_e6 = self.orders.intended(BID)
        ask_e4, ask_e6 = self.orders.intended(ASK)
        if self._last_ns is not None:
            self._lane.set_working(bid_e4, bid_e6, ask_e4, ask_e6, self._last_ns)
        return bid_e6 > 0 < ask_e6

    def _tell_shares(self) -> None:
        # It refuses shares below 0, after taking note, and then quotes nothing: `bad_inventory`.
        try:
            inventory = self.inventory
            self._lane.set_inventory(
                inventory.up_e6, inventory.down_e6, inventory.unsettled_up_e6 + inventory.merging_e6
            )
        except InputError:
            pass
