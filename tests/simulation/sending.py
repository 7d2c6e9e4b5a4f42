"""What must hold of each request as its bytes leave: I3 to I7, I12 to I19, I22 and I27.

Everything is worked out from the truth, from what was sent before, from what the world delivered
and from what the engine was told; of the engine itself only its book and its gate are read.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from polymm.domain.order import Place, Side
from polymm.engine.limits import RiskLimits
from polymm.exchange.entry import OrderRequest
from polymm.exchange.listing import Listing
from polymm.exchange.matching import OrderKind
from tests.simulation.losing import Losing
from tests.simulation.rates import Rates
from tests.simulation.senses import NEVER, Senses
from tests.simulation.told import Told
from tests.simulation.truth import Truth
from tests.simulation.violations import Violated
from tests.simulation.wire import Sent

if TYPE_CHECKING:
    from polymm.engine.engine import Engine

MS: Final = 1_000_000
SECOND: Final = 1_000 * MS
BEAT_DEADLINE_NS: Final = 10 * SECOND
LAG_NS_MAX: Final = 250 * MS
CANCELS_MAX: Final = 5
CANCEL_GAPS_NS: Final = (500 * MS, SECOND, 2 * SECOND, 4 * SECOND)
REPLANS_MAX: Final = 3
CANCEL_ROUNDS_MAX: Final = 2
HEALTH_NS: Final = 2 * SECOND


class Sending(NamedTuple):
    """One order whose bytes have left.

    Args:
        life: Number of the engine process that sent it.
    """

    at_ns: int
    market: str
    place: Place
    life: int

    @property
    def cash_e6(self) -> int:
        """Dollars it means."""
        return self.place.price_e4 * self.place.size_e6 // 10_000


class Sends:
    """All requests of one account so far, and the checks at each.

    Attributes:
        sent: Every order whose bytes ever left, by hash.
        flying: Of those, the ones that may still reach the exchange.
        cancels: Times of cancels by id, by hash, of the engine process that runs.
        tried: Orders for which any cancel or sweep was ever written.
        posts: Placements so far.
        dearest_e6: Most dollars that one of them means.
        losing: What was lost, and what limits that breaks.
    """

    def __init__(self, truth: Truth, limits: RiskLimits, senses: Senses) -> None:
        self.sent: dict[str, Sending] = {}
        self.flying: dict[str, Sending] = {}
        self.cancels: defaultdict[str, list[int]] = defaultdict(list)
        self.tried: set[str] = set()
        self.posts = 0
        self.dearest_e6 = 0
        self.losing = Losing(truth, limits, senses)
        self._truth = truth
        self._limits = limits
        self._senses = senses
        self._intents: dict[tuple[int, int], str] = {}
        self._rates = Rates(limits)

    def began(self) -> None:
        """A new engine process: what it repeats of an earlier one's cancels counts anew."""
        self.cancels.clear()

    def arrived(self, now_ns: int, request: OrderRequest, listing: Listing) -> None:
        """An order has reached the exchange: hold that it is what was meant."""
        sending = self.sent.get(request.order_id)
        if sending is None:
            return
        self.flying.pop(request.order_id, None)
        _check_meaning(now_ns, sending.place, request, listing)
        last_ns = listing.market.end_ns - self._limits.close_margin_ns
        if request.expiration_s * SECOND > last_ns:
            text = f"expires at {request.expiration_s} s, after close - margin {last_ns}"
            raise Violated("I5", text, now_ns)

    # Cancels

    def cancel(self, now_ns: int, sent: Sent, told: Told, engine: "Engine") -> None:
        """Hold I15 and count what the cancel costs."""
        self._rates.cancel(now_ns, len(sent.orders))
        for order in sent.orders:
            self.tried.add(order)
            times = self.cancels[order]
            if len(times) >= CANCELS_MAX:
                raise Violated("I15", f"{order}: cancel number {len(times) + 1}", now_ns)
            if order in told.ended_orders:
                raise Violated("I15", f"{order}: cancelled again after a final answer", now_ns)
            known = engine.orders.by_hash.get(order)
            if known is not None and known.life.is_final:
                raise Violated("I15", f"{order}: cancelled though {known.life.name}", now_ns)
            if times:
                gap_ns = CANCEL_GAPS_NS[min(len(times), len(CANCEL_GAPS_NS)) - 1]
                if now_ns - times[-1] < gap_ns:
                    text = f"{order}: cancel {len(times) + 1} after {now_ns - times[-1]} ns"
                    raise Violated("I15", f"{text}, the gap is {gap_ns}", now_ns)
            times.append(now_ns)

    def sweep(self, now_ns: int, market: str) -> None:
        """Count what a cancel of all costs."""
        swept = list(self._truth.orders(market))
        self._rates.cancel(now_ns, 1 + len(swept))
        self.tried.update(order.order_id for order in swept)
        self.tried.update(key for key, one in self.flying.items() if market in ("", one.market))

    # Heartbeats

    def beat(self, now_ns: int, told: Told, engine: "Engine") -> None:
        """Hold I17: a beat says that feeds and cancels are well, which they must be."""
        is_live = bool(self.flying) or any(self._truth.open.values())
        if is_live and told.cancel_failures >= CANCEL_ROUNDS_MAX:
            text = f"a beat after {told.cancel_failures} failed rounds of cancels"
            raise Violated("I17", text, now_ns)
        if not told.user_is_live and now_ns - told.user_told_ns > HEALTH_NS:
            text = f"a beat, and the user channel is known to be lost since {told.user_told_ns}"
            raise Violated("I17", text, now_ns)
        # A window that is over vouches for the feed no less than one that runs, while it is fresh;
        # without one that runs there is nothing to be blind to.
        heard = [min(self._senses.book_ns.get(market, (NEVER, NEVER))) for market in engine.seats]
        running = any(
            seat.is_open and market not in told.closed and not self._is_over(now_ns, market)
            for market, seat in engine.seats.items()
        )
        if running and now_ns - max(heard) > self._limits.book_age_ns_max + 2 * HEALTH_NS:
            text = f"a beat, and no market was heard of since {max(heard)}"
            raise Violated("I17", text, now_ns)

    def _is_over(self, now_ns: int, market: str) -> bool:
        listing = self._truth.exchange.listings.get(market)
        return listing is not None and now_ns >= listing.market.end_ns

    # Placements

    def post(self, now_ns: int, sent: Sent, told: Told, engine: "Engine", life: int) -> None:
        """Hold everything that must hold at a POST."""
        listing = self._truth.exchange.listings.get(sent.market)
        if listing is None:
            raise Violated("I5", f"a placement in {sent.market}, which is not listed", now_ns)
        self._check_intents(now_ns, sent, life)
        self._check_known(now_ns, engine, life)
        self._check_gate(now_ns, told, engine)
        last_ns = listing.market.end_ns - self._limits.close_margin_ns
        if now_ns > last_ns:
            raise Violated("I5", f"posted {now_ns - last_ns} ns after close - margin", now_ns)
        self._check_inputs(now_ns, sent.market, told)
        self._check_book(now_ns, sent.market, engine)
        for place, order in zip(sent.places, sent.orders, strict=True):
            self._check_one(now_ns, listing, place, order, told)
            sending = Sending(now_ns, sent.market, place, life)
            self.sent[order] = self.flying[order] = sending
            self._intents[life, place.order_id] = order
            self.dearest_e6 = max(self.dearest_e6, sending.cash_e6)
            self._check_cover(now_ns, listing, place)
        live = len(list(self._truth.orders())) + len(self.flying)
        self._rates.check(now_ns, len(sent.orders), live)
        self.posts += len(sent.orders)

    def _check_intents(self, now_ns: int, sent: Sent, life: int) -> None:
        """I14: each intent has one hash, each hash is sent once."""
        for place, order in zip(sent.places, sent.orders, strict=True):
            if order in self.sent:
                raise Violated("I14", f"{order}: sent again", now_ns)
            intent = self._intents.get((life, place.order_id))
            if intent is not None:
                raise Violated("I14", f"intent {place.order_id}: {intent}, now {order}", now_ns)

    def _check_one(
        self, now_ns: int, listing: Listing, place: Place, order: str, told: Told
    ) -> None:
        self._check_form(now_ns, listing, place)
        market = listing.condition_id
        self._check_meeting(now_ns, market, place, order)
        times = told.rejected[market, place.sign]
        if len(times) >= REPLANS_MAX and now_ns - times[-REPLANS_MAX] < SECOND:
            text = f"{order}: sent after {REPLANS_MAX} rejections of its side within a second"
            raise Violated("I15", text, now_ns)
        limits = self._limits
        if told.has_failed(limits.failures_max, limits.failures_window_ns):
            self.losing.broken.setdefault("failed_settlements", now_ns)
        if self.losing.broken:
            self._check_reduces(now_ns, market, place)

    # I7

    def _check_form(self, now_ns: int, listing: Listing, place: Place) -> None:
        limits, tick_e4 = self._limits, listing.ladder.tick_e4
        _, _, _, _, price_e4, size_e6 = place
        if not 0 < price_e4 < 10_000 or price_e4 % tick_e4:
            raise Violated("I7", f"{place}: off the grid of {tick_e4}", now_ns)
        if not limits.price_min_e4 <= price_e4 <= limits.price_max_e4:
            band = f"{limits.price_min_e4}..{limits.price_max_e4}"
            raise Violated("I7", f"{place}: price out of {band}", now_ns)
        if not listing.market.order_min_e6 <= size_e6 <= limits.order_size_max_e6:
            band = f"{listing.market.order_min_e6}..{limits.order_size_max_e6}"
            raise Violated("I7", f"{place}: size out of {band}", now_ns)

    # I3

    def _check_meeting(self, now_ns: int, market: str, place: Place, order: str) -> None:
        up_e4, sign = place.up_price_e4, place.sign
        for other, other_sign, other_e4 in self._alive(market):
            if other_sign != sign and (up_e4 - other_e4) * sign >= 0:
                text = f"{order} at {up_e4} could meet {other} at {other_e4}, in Up terms"
                raise Violated("I3", text, now_ns)

    def _alive(self, market: str) -> Iterator[tuple[str, int, int]]:
        """Id, sign and Up price of what rests or may come to rest."""
        for order in self._truth.open[market].values():
            yield order.order_id, -1 if order.up_side else 1, order.up_price_e4
        for order_id, sending in self.flying.items():
            if sending.market == market:
                yield order_id, sending.place.sign, sending.place.up_price_e4

    # L4

    def _check_known(self, now_ns: int, engine: "Engine", life: int) -> None:
        """Whoever posts knows everything that rests from earlier lives."""
        by_hash = engine.orders.by_hash
        for order in self._truth.orders():
            sending = self.sent.get(order.order_id)
            if sending is None or sending.life == life:
                continue
            known = by_hash.get(order.order_id)
            if known is None or not known.is_potentially_live:
                text = f"{order.order_id} of life {sending.life} rests unknown to life {life}"
                raise Violated("L4", text, now_ns)

    # I6, I26

    def _check_gate(self, now_ns: int, told: Told, engine: "Engine") -> None:
        if told.ended[0]:
            raise Violated("I6", f"posted after {told.ended[0]} at {told.ended[1]}", now_ns)
        if not told.clean_pairs:
            raise Violated("I6", "posted before two empty lists of open orders", now_ns)
        for name, read_ns in (
            ("trades", told.trades),
            ("balances", told.balances),
            ("preflight", told.preflights),
        ):
            if read_ns < told.began_ns:
                raise Violated("I6", f"posted before the {name} were read", now_ns)
        if told.preflights < told.jumped_ns:
            text = f"posted after the clock jumped at {told.jumped_ns}, not looked at since"
            raise Violated("I26", text, now_ns)
        read_ns = min(told.opens, told.trades)
        for name, begun_ns, since_ns in (
            ("the user channel came back", read_ns, told.reread_ns),
            ("the venue took no orders", read_ns, told.venue_ns),
            ("a heartbeat was missed", told.opens, told.missed_ns),
        ):
            if begun_ns < since_ns:
                raise Violated("I6", f"posted, and nothing was read since {name}", now_ns)
        if self._senses.is_beating_enforced and now_ns - told.beat_ns > BEAT_DEADLINE_NS:
            raise Violated("I6", f"posted {now_ns - told.beat_ns} ns after the last beat", now_ns)
        if not engine.gate.is_open:
            text = f"posted while the gate is closed: {dict(engine.gate.closed_by)}"
            raise Violated("I6", text, now_ns)

    # I4

    def _check_inputs(self, now_ns: int, market: str, told: Told) -> None:
        senses, limits = self._senses, self._limits
        stamps = senses.book_ns.get(market, (NEVER, NEVER))
        ages = [
            ("Up book", now_ns - stamps[0], limits.book_age_ns_max),
            ("Down book", now_ns - stamps[1], limits.book_age_ns_max),
            ("loop lag", senses.lag_ns, LAG_NS_MAX),
        ]
        if limits.reference_age_ns_max:
            age_ns = now_ns - senses.reference_ns
            ages.append(("reference", age_ns, limits.reference_age_ns_max))
        if not told.user_is_live:
            ages.append(("user channel", now_ns - told.user_lost_ns, limits.user_age_ns_max))
        for name, age_ns, most_ns in ages:
            if age_ns > most_ns:
                raise Violated("I4", f"posted with {name} {age_ns} ns old, limit {most_ns}", now_ns)

    # I18

    def _check_book(self, now_ns: int, market: str, engine: "Engine") -> None:
        seen = engine.seats[market].view
        # What notes each look for a replay must not note those of the checker.
        view = getattr(seen, "_market", seen)
        bid_e4, ask_e4 = view.best_bid_e4, view.best_ask_e4
        if not view.has_epoch:
            raise Violated("I18", "posted without a book", now_ns)
        if bid_e4 >= ask_e4:
            raise Violated("I18", f"posted from a crossed book, {bid_e4} to {ask_e4}", now_ns)
        since_ns = now_ns - self._limits.book_age_ns_max
        if not self._truth.histories[market].held((bid_e4, ask_e4), since_ns):
            text = f"posted from a book of {bid_e4} to {ask_e4}, never true since {since_ns}"
            raise Violated("I18", text, now_ns)

    # I12, I13

    def _check_cover(self, now_ns: int, listing: Listing, place: Place) -> None:
        truth, side = self._truth, place.side
        resting = [order for order in truth.orders() if order.side is side]
        flying = [one for one in self.flying.values() if one.place.side is side]
        if side is Side.BUY:
            held_e6 = sum(order.price_e4 * order.open_e6 // 10_000 for order in resting)
            held_e6 += sum(one.cash_e6 for one in flying)
            if held_e6 > truth.cash_confirmed_e6:
                text = f"buys hold {held_e6} of {truth.cash_confirmed_e6} confirmed dollars (1e-6)"
                raise Violated("I12", text, now_ns)
            return
        token_id, market = listing.token_id(place.token), listing.condition_id
        held_e6 = sum(order.open_e6 for order in resting if order.held_asset == token_id)
        held_e6 += sum(
            one.place.size_e6
            for one in flying
            if one.market == market and one.place.token is place.token
        )
        owned_e6 = truth.shares_confirmed_e6(token_id)
        if held_e6 > owned_e6:
            text = f"sells hold {held_e6} of {owned_e6} confirmed shares (1e-6) of {token_id}"
            raise Violated("I13", text, now_ns)

    # I27

    def _check_reduces(self, now_ns: int, market: str, place: Place) -> None:
        """Each share must lead towards holding nothing, whatever else is filled or fails."""
        low_e6, high_e6 = self._truth.exposure_e6(market)
        flying_e6 = sum(
            one.place.size_e6
            for one in self.flying.values()
            if one.market == market and one.place.sign == place.sign
        )
        worst_e6 = (high_e6 if place.sign > 0 else -low_e6) + flying_e6 + place.size_e6
        if worst_e6 > 0:
            text = f"{sorted(self.losing.broken)} broken, {place} may lead {worst_e6} beyond 0"
            raise Violated("I27", text, now_ns)


def _check_meaning(now_ns: int, place: Place, request: OrderRequest, listing: Listing) -> None:
    """Hold the bytes against the intent: I7 and I19."""
    cash_e6, shares_e6 = request.maker_amount_e6, request.taker_amount_e6
    if request.side is Side.SELL:
        cash_e6, shares_e6 = shares_e6, cash_e6
    if request.token_id != listing.token_id(place.token):
        text = f"{request.order_id}: {place.token.name} is not {request.token_id}"
        raise Violated("I19", text, now_ns)
    is_exact = shares_e6 == place.size_e6 and cash_e6 * 10_000 == place.price_e4 * shares_e6
    is_kind = request.post_only and request.kind in (OrderKind.GTC, OrderKind.GTD)
    if not is_exact or not is_kind or request.side is not place.side:
        raise Violated("I7", f"{request} does not mean {place}, post-only", now_ns)
