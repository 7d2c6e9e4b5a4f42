"""The last thing before the socket: what may not go out, whatever the strategy wants.

Every refusal has a name in `polymm.engine.refusals` and a counter. The gate believes the order
manager and the fill ledger, keeps count of what only it must know (how often orders go out, what
the venue said of itself, what was lost), and never asks the strategy.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from polymm.domain.market import Market
from polymm.domain.order import Place, Side, Token
from polymm.engine import evidence as ev
from polymm.engine.actions import Action
from polymm.engine.breakers import MINUTE, OrderRate
from polymm.engine.closings import Closings
from polymm.engine.events import NEVER_NS
from polymm.engine.exposure import NO_LOAD, Load, OrdersView, difference_e6, kind_of, money_e10
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.limits import RiskLimits
from polymm.engine.ports import BudgetView, MarketView
from polymm.engine.records import MergeAsked
from polymm.engine.recovered import Recovered
from polymm.engine.refusals import HALTS, RESTRICTIONS
from polymm.engine.room import Room
from polymm.engine.watch import Watch

_UP, _DOWN = Token
_BUY: Final = Side.BUY


class RiskGate:
    """Says of each order whether it may go out.

    Args:
        limits: What it holds.
        orders: Every order that may be live.
        fills: What was filled, and how far it is settled.
        budget: The mirror of the venue's token buckets.

    Attributes:
        counts: Refusals by name, closings and restrictions with ``closed_`` and ``restricted_``
            before theirs.
        actions: Alarms, to be drained after each step.
        watch: What of the venue and of the past speaks against orders.
        merging_e6: Pairs by market that are on their way into a merge: they are not for sale.
        left_merges: Those of an earlier process among them, by market; nobody tells of them.
        next_timer_ns: When `tick` is due.
        is_thorough: Whether each order is looked at in detail, though there is room for it.
        closer_looks: Orders that were.
    """

    def __init__(
        self, limits: RiskLimits, orders: OrdersView, fills: FillLedger, budget: BudgetView
    ) -> None:
        self.limits = limits
        self.counts: Counter[str] = Counter()
        self.actions: list[Action] = []
        self.watch = Watch(limits, orders, fills)
        self.merging_e6: dict[str, int] = {}
        self.left_merges: dict[str, MergeAsked] = {}
        self.next_timer_ns = NEVER_NS
        self.is_thorough = False
        self.closer_looks = 0
        self._orders = orders
        self._fills = fills
        self._budget = budget
        self._rate = OrderRate(limits.orders_a_second_max, limits.orders_a_minute_max)
        self._shut = Closings()
        self._stopped: dict[str, Closings] = {}
        self._reduced: dict[str, set[str]] = {}
        self._rooms: dict[str, Room] = {}

    # What stands

    @property
    def closed_by(self) -> Mapping[str, int]:
        """Why nothing may go out at all: reasons, and since when each stands."""
        return self._shut.since_ns

    @property
    def is_open(self) -> bool:
        """Whether orders may go out at all; to be asked once more before the bytes leave."""
        return not self._shut.since_ns

    def may_quote(self, market: str) -> bool:
        """Whether orders of a market may go out, be it only those that reduce."""
        return not self._shut.since_ns and market not in self._stopped

    def is_reduce_only(self, market: str) -> bool:
        """Whether orders of a market may only take exposure away."""
        return "" in self._reduced or market in self._reduced

    def close(
        self, now_ns: int, reason: str, market: str = "", *, until_ns: int = NEVER_NS
    ) -> None:
        """Let nothing out, of one market or "" of all, until then or until `reopen`."""
        closings = self._stopped.setdefault(market, Closings()) if market else self._shut
        if closings.put(now_ns, reason, until_ns):
            self.counts[f"closed_{reason}"] += 1
        self._arm()

    def reopen(self, now_ns: int, reason: str, market: str = "") -> None:
        """Take one reason away; those of `HALTS` stay for ever."""
        if not market:
            if reason not in HALTS:
                self._shut.lift(reason)
        elif market in self._stopped:
            self._stopped[market].lift(reason)
            if not self._stopped[market].since_ns:
                del self._stopped[market]
        self._arm()

    def restrict(self, now_ns: int, reason: str, market: str = "") -> None:
        """Let only out what takes exposure away, of one market or "" of all, until `relax`."""
        reasons = self._reduced.setdefault(market, set())
        if reason not in reasons:
            reasons.add(reason)
            self._rooms.clear()
            self.counts[f"restricted_{reason}"] += 1

    def relax(self, now_ns: int, reason: str, market: str = "") -> None:
        """Take one reason of `restrict` away; those of `RESTRICTIONS` stay for ever."""
        reasons = self._reduced.get(market, set())
        self._rooms.clear()
        if reason not in RESTRICTIONS:
            reasons.discard(reason)
        if not reasons:
            self._reduced.pop(market, None)

    # What happens

    def restore(self, now_ns: int, known: Recovered) -> None:
        """Go on with limits as an earlier process left them; the ledger has done so before."""
        for kept in known.orders.values():
            if kept.plan.planned_ns > now_ns - MINUTE:
                self._rate.passed(kept.plan.planned_ns)
        for asked in known.asked.values():
            self.left_merges[asked.market] = asked
            self.merge_sent(asked.market, asked.pairs_e6)
        self.watch.restore(known)
        self._follow(now_ns)

    def note(self, now_ns: int, event: ev.Event) -> None:
        """Take what happened; order manager and ledger have taken it before."""
        match event:
            case ev.Kill():
                self.close(now_ns, "killed")
            case ev.Stop():
                self.close(now_ns, "stopping")
            case ev.JournalFailed():
                self.close(now_ns, "journal")
            case ev.JournalHealed():
                self.reopen(now_ns, "journal")
            case ev.MarketClosed(market):
                self.close(now_ns, "market_closed", market)
            case ev.Merged(market, pairs_e6) | ev.MergeFailed(market, pairs_e6, _):
                self._merge_ended(market, pairs_e6)
        if self.watch.note(now_ns, event):
            self._follow(now_ns)
        self._arm()

    def tick(self, now_ns: int) -> None:
        """Let time pass."""
        self._shut.tick(now_ns)
        for market, closings in list(self._stopped.items()):
            closings.tick(now_ns)
            if not closings.since_ns:
                del self._stopped[market]
        if self.watch.tick(now_ns):
            self._follow(now_ns)
        self._arm()

    def merge_sent(self, market: str, pairs_e6: int) -> None:
        """Know of pairs on their way into a merge, until Merged or MergeFailed."""
        self.merging_e6[market] = self.merging_e6.get(market, 0) + pairs_e6
        self._rooms.clear()

    def merge_found(self, market: str) -> None:
        """Know what became of the merge of an earlier process."""
        self._merge_ended(market, self.left_merges.pop(market).pairs_e6)

    def forget(self, market: str) -> None:
        """Drop what is known of a market that is over."""
        self.left_merges.pop(market, None)
        self._stopped.pop(market, None)
        self._reduced.pop(market, None)
        self.merging_e6.pop(market, None)
        self._rooms.clear()
        self.watch.forget(market)

    def _merge_ended(self, market: str, pairs_e6: int) -> None:
        left_e6 = self.merging_e6.pop(market, 0) - pairs_e6
        self._rooms.clear()
        if left_e6 > 0:
            self.merging_e6[market] = left_e6

    def _follow(self, now_ns: int) -> None:
        """Close, reopen and restrict as the watch has found."""
        findings = self.watch.findings
        for reason, until_ns, market in findings.closings:
            self.close(now_ns, reason, market, until_ns=until_ns)
        for reason in findings.reopenings:
            self.reopen(now_ns, reason)
        for reason in findings.restrictions:
            self.restrict(now_ns, reason)
        self.actions += findings.alarms
        self.actions += findings.memos
        findings.clear()

    def _arm(self) -> None:
        next_ns = min(self._shut.next_timer_ns, self.watch.next_timer_ns)
        for closings in self._stopped.values():
            next_ns = min(next_ns, closings.next_timer_ns)
        self.next_timer_ns = next_ns

    # What may go out

    def check(self, now_ns: int, market: Market, place: Place, view: MarketView) -> str:
        """Say why an order may not go out, "" where it may; then it counts as sent.

        Args:
            now_ns: Of the step that decided on it.
            market: As it was found; the tick is the view's.
            view: The market's book as it is now.
        """
        return next(self.check_each(now_ns, market, (place,), view))

    def check_each(
        self, now_ns: int, market: Market, places: Sequence[Place], view: MarketView
    ) -> Iterator[str]:
        """Say it of several orders, of each when it is asked for: plan one before the next."""
        if now_ns >= self.next_timer_ns:
            self.tick(now_ns)
        standing = self._standing(now_ns, market, view)
        if standing:
            for _ in places:
                self.counts[standing] += 1
                yield standing
            return
        condition_id = market.condition_id
        bid_e4, ask_e4, tick_e4 = view.best_bid_e4, view.best_ask_e4, view.tick_e4
        tokens = self._budget.tokens(now_ns)
        is_sure = self._has_room(market, places, bid_e4, ask_e4, tick_e4, tokens)
        for place in places:
            if not is_sure:
                self.closer_looks += 1
            refusal = (
                ("" if is_sure else self._form(market, place, bid_e4, ask_e4, tick_e4))
                or self._rate.refusal(now_ns)
                or self.watch.refusal(now_ns, condition_id, place)
                or ("" if is_sure else self._worst(condition_id, place, tokens))
            )
            if refusal:
                self.counts[refusal] += 1
            else:
                self._rate.passed(now_ns)
            yield refusal

    def prepare(self, market: Market) -> Room:
        """Measure what there is room for, so that the next orders are only held against it."""
        room = self._rooms.get(market.condition_id)
        version = self._orders.version + self._fills.version
        if room is None or room.version != version:
            room = self._rooms[market.condition_id] = Room(
                market,
                self.limits,
                self._orders,
                self._fills,
                merging_e6=self.merging_e6.get(market.condition_id, 0),
                is_reduce_only=self.is_reduce_only(market.condition_id),
            )
        return room

    def _has_room(
        self,
        market: Market,
        places: Sequence[Place],
        bid_e4: int,
        ask_e4: int,
        tick_e4: int,
        tokens: tuple[int, int],
    ) -> bool:
        """Whether nothing in orders, book, fills and tokens speaks against any of the orders."""
        room = self.prepare(market)
        left, cancels = tokens
        n = len(places)
        return (
            not self.is_thorough
            and left >= room.planned + n
            and cancels >= self._budget.reserve(room.live + n)
            and room.holds(places, bid_e4, ask_e4, tick_e4)
        )

    def _standing(self, now_ns: int, market: Market, view: MarketView) -> str:
        """Look at what does not depend on the order."""
        limits = self.limits
        if self._shut.since_ns:
            return "gate_closed"
        if market.condition_id in self._stopped:
            return "market_stopped"
        if now_ns >= market.end_ns - limits.close_margin_ns:
            return "past_close"
        if not view.has_epoch:
            return "no_book"
        if view.best_bid_e4 >= view.best_ask_e4:
            return "book_crossed"
        if view.is_contradicted:
            return "book_contradicted"
        if self.watch.is_tick_old(now_ns, market.condition_id, view.tick_e4):
            return "tick_refused"
        up_ns, down_ns = view.proven_ns
        if now_ns - (up_ns if up_ns < down_ns else down_ns) > limits.book_age_ns_max:
            return "book_old"
        reference_ns_max = limits.reference_age_ns_max
        if reference_ns_max and now_ns - view.reference_ns > reference_ns_max:
            return "reference_old"
        return ""

    def _form(self, market: Market, place: Place, bid_e4: int, ask_e4: int, tick_e4: int) -> str:
        """Look at the order alone, and at the book in front of it; `Room.holds` must too."""
        limits = self.limits
        _, _, token, side, price_e4, size_e6 = place
        if not 0 < price_e4 < 10_000:
            return "price_out_of_bounds"
        if price_e4 % tick_e4:
            return "off_tick"
        if not limits.price_min_e4 <= price_e4 <= limits.price_max_e4:
            return "price_band"
        if size_e6 < market.order_min_e6 or size_e6 <= 0:
            return "size_below_minimum"
        if size_e6 > limits.order_size_max_e6:
            return "size_cap"
        if size_e6 % market.lot_e6 or price_e4 * size_e6 % 10_000:
            return "off_lot"
        if token is not _UP:
            price_e4 = 10_000 - price_e4
        is_bid = (token is _UP) is (side is _BUY)
        takes = price_e4 >= ask_e4 if is_bid else price_e4 <= bid_e4
        return "would_take" if takes else ""

    def _worst(self, condition_id: str, place: Place, tokens: tuple[int, int]) -> str:
        """Look at the worst that may come of it beside all that may be live; a Room must too."""
        orders = self._orders
        loads = orders.loads()
        load = loads.get(condition_id, NO_LOAD)
        left, cancels = tokens
        for each in loads.values():
            left -= each.planned
        if left <= 0:
            return "order_budget"
        if cancels < self._budget.reserve(len(orders.potentially_live()) + 1):
            return "cancel_reserve"
        token, side = place.token, place.side
        kind = kind_of(token, side)
        if load.unknown & 1 << kind:
            return "side_unknown"
        if load.levels[kind] >= self.limits.levels_max:
            return "levels"
        is_bid = (token is _UP) is (side is _BUY)
        up_e4 = place.price_e4 if token is _UP else 10_000 - place.price_e4
        if load.ask_e4 <= up_e4 if is_bid else load.bid_e4 >= up_e4:
            return "self_match"
        refusal = self._leaning(condition_id, place, load, is_bid=is_bid)
        if refusal:
            return refusal
        if side is _BUY:
            return self._money(condition_id, place, loads)
        held = self._fills.position(condition_id, token)
        held_e6 = min(held.low_e6, held.confirmed_e6) - self.merging_e6.get(condition_id, 0)
        return "coverage" if load.selling_e6[token] + place.size_e6 > held_e6 else ""

    def _leaning(self, condition_id: str, place: Place, load: Load, *, is_bid: bool) -> str:
        """Look at Up less Down, in the direction in which the order moves it.

        The other direction does not matter: an order that leads back must not be refused because
        the venue filled too much.
        """
        up, down = self._fills.positions(condition_id)
        limits = self.limits
        margin_e6 = limits.fill_margin_e6
        most_e6 = difference_e6(load, up, down, margin_e6, is_bid=is_bid) + place.size_e6
        if load.is_quarantined or (self._reduced and self.is_reduce_only(condition_id)):
            # Whatever else is filled or fails, each share of it must lead towards 0.
            return "reduce_only" if most_e6 > 0 else ""
        return "max_market" if most_e6 + margin_e6 > limits.max_market_e6 else ""

    def _money(self, condition_id: str, place: Place, loads: Mapping[str, Load]) -> str:
        """Look at what is paid if every buy is filled and nothing is earned."""
        fills, limits = self._fills, self.limits
        margin_e6 = limits.fill_margin_e6
        own_e10 = (place.size_e6 + margin_e6) * place.price_e4
        cost_e10, cash_e10 = money_e10(loads, fills, margin_e6, condition_id, own_e10)
        if cost_e10 > limits.max_total_cost_e6 * 10_000:
            return "max_total"
        return "cash" if cash_e10 > fills.total.confirmed_e10 else ""
