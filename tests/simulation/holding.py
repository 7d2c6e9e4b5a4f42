"""What must hold of truth and belief at every step: I1, I2, I3, I5, I8, I9, I11 and I17.

Truth is looked at when an order enters the book or is filled beyond its size, since nothing else
widens what may come of it; belief after each step. The sums here are written anew, case by case,
and share nothing with `polymm.engine.exposure`.
"""

from collections import defaultdict
from collections.abc import Container, Iterable
from typing import TYPE_CHECKING

from polymm.domain.order import Side, Token
from polymm.engine import evidence as ev
from polymm.engine.limits import RiskLimits
from polymm.engine.order_life import Life, Order
from polymm.engine.recovered import Recovered
from polymm.exchange.listing import Listing
from polymm.exchange.matching import BookOrder
from tests.simulation.told import Told
from tests.simulation.truth import Truth
from tests.simulation.violations import Violated

if TYPE_CHECKING:
    from polymm.engine.engine import Engine

# What the venue rounds when it fills an order (user-ws notes 2), 1e-6 shares.
DUST_E6 = 10_000
# Time until the engine has read what nobody told it: trades are listed every ten seconds.
QUIET_NS = 25_000_000_000
_TOKENS = tuple(Token)


class TruthChecks:
    """Holds I1, I2, I3 and I5 over the venue's own book."""

    def __init__(self, truth: Truth, limits: RiskLimits) -> None:
        self._truth = truth
        self._limits = limits

    def entered(self, now_ns: int, order: BookOrder, listing: Listing) -> None:
        """An order of ours has come into the book."""
        market = listing.condition_id
        mine = self._truth.open[market].values()
        self._check_levels(now_ns, order, mine)
        self._check_meeting(now_ns, mine)
        if not listing.accepting or now_ns >= listing.market.end_ns:
            raise Violated("I5", f"{order.order_id} entered after the close", now_ns)
        self.check_exposure(now_ns, market)

    def check_exposure(self, now_ns: int, market: str) -> None:
        """I1: what may come of a market, and what all of them may cost."""
        low_e6, high_e6 = self._truth.exposure_e6(market)
        is_ours = market not in self._truth.trespassed
        if is_ours and max(-low_e6, high_e6) > self._limits.max_market_e6:
            text = f"T: Up - Down of {market} may become {low_e6}..{high_e6}"
            raise Violated("I1", f"{text}, limit {self._limits.max_market_e6}", now_ns)
        cost_e6 = self.total_cost_e6() - self._truth.foreign_e6
        if cost_e6 > self._limits.max_total_cost_e6:
            text = f"T: cost may become {cost_e6}, limit {self._limits.max_total_cost_e6}"
            raise Violated("I1", text, now_ns)

    def total_cost_e6(self) -> int:
        """Dollars that all markets may have cost in the worst case."""
        return sum(map(self.cost_e6, self._markets()))

    def _markets(self) -> list[str]:
        """Markets whose shares may still be worth anything or nothing."""
        listings = self._truth.exchange.listings
        names = {*self._truth.open, *self._truth.net_e6}
        return [name for name in names if name in listings and listings[name].winner is None]

    def cost_e6(self, market: str) -> int:
        """Dollars a market may have cost in the worst case: all buys, no sale but the sure ones."""
        truth = self._truth
        cost_e6 = truth.paid_e6[market]
        for order in truth.open[market].values():
            if order.side is Side.BUY:
                cost_e6 += order.price_e4 * order.open_e6 // 10_000
        for trade_id in truth.pending[market]:
            cost_e6 += sum(leg.cash_e6 for leg in truth.legs[trade_id] if leg.sign < 0)
        return max(cost_e6, 0)

    def _check_levels(self, now_ns: int, order: BookOrder, mine: Iterable[BookOrder]) -> None:
        same = [o for o in mine if o.token is order.token and o.side is order.side]
        if len(same) > self._limits.levels_max:
            text = f"{len(same)} live orders for {order.token.name} {order.side.name}"
            raise Violated("I2", f"{text}, limit {self._limits.levels_max}", now_ns)

    @staticmethod
    def _check_meeting(now_ns: int, mine: Iterable[BookOrder]) -> None:
        bids = [order.up_price_e4 for order in mine if not order.up_side]
        asks = [order.up_price_e4 for order in mine if order.up_side]
        if bids and asks and max(bids) >= min(asks):
            text = f"own bid {max(bids)} and own ask {min(asks)}, in Up terms"
            raise Violated("I3", text, now_ns)


class BeliefChecks:
    """Holds belief against truth for one engine process.

    Args:
        truth: The venue's.
        told: What this engine process was told.
        engine: Whose belief it is.
        state: What its journal tells; read for correcting entries.
        lost: Sent orders whose plans were lost with the end of the journal.
        is_sure: The journal was found whole; else belief counts from the first POST on.

    Attributes:
        is_sure: Whether the belief must be right.
        corrected: Markets with correcting entries.
        untold_e6: Merges that earlier processes asked for and nobody was told of, by market.
    """

    def __init__(
        self,
        truth: Truth,
        limits: RiskLimits,
        told: Told,
        engine: "Engine",
        state: Recovered,
        lost: Container[str],
        *,
        is_sure: bool,
    ) -> None:
        self.is_sure = is_sure
        self._truth = truth
        self._limits = limits
        self._told = told
        self._engine = engine
        self._state = state
        self._lost = lost
        self.corrected: set[str] = set()
        self._corrected: set[str] = set()
        self._is_ready = False
        # Shares the ledger must have booked, no more and no less, by market.
        self._booked_e6: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.untold_e6 = dict(truth.merging_e6)
        self._begin()

    def _begin(self) -> None:
        """Take over what the engine has booked; what it makes of more is then held."""
        self._corrected = set(self._state.corrections)
        self.corrected = {entry.market for entry in self._state.corrections.values()}
        self._booked_e6.clear()
        fills = self._engine.fills
        for market in {*self._truth.net_e6, *self._engine.seats}:
            for token in Token:
                self._booked_e6[market][token] = fills.position(market, token).booked_e6
            for fill in fills.fills(market):
                self._told.fills[fill.key] = fill

    def ready(self) -> None:
        """The engine posts: all that it could not know from its journal is proven now."""
        # The pairs of a merge that it knows of are kept aside until it is found out about.
        asked = self._state.asked
        self.untold_e6 = {name: e6 for name, e6 in self.untold_e6.items() if name in asked}
        if not self.is_sure:
            self._is_ready = True

    def settle(self) -> None:
        """Begin to hold the belief once the step that posted first is over."""
        if self._is_ready:
            self._is_ready = False
            self.is_sure = True
            self._begin()

    def book(self) -> None:
        """Count the fills that were told of since."""
        told = self._told
        for fill, before in told.news:
            if fill.status is ev.Settlement.VOID:
                times = 0 if before is None else -1
            else:
                times = 1 if before is None else 0
            if fill.side is Side.SELL:
                times = -times
            self._booked_e6[fill.market][fill.token] += times * fill.size_e6
        told.news.clear()

    def merged(self, market: str, pairs_e6: int) -> None:
        """Count a merge that was told of."""
        for token in Token:
            self._booked_e6[market][token] -= pairs_e6

    def found(self, market: str, pairs_e6: int) -> None:
        """Count a merge that an earlier process asked for and that balances show."""
        self.merged(market, pairs_e6)
        self.untold_e6[market] = max(self.untold_e6.get(market, 0) - pairs_e6, 0)

    def correct(self) -> set[str]:
        """Count the correcting entries that were written down since; answer their markets."""
        markets = set()
        for name, entry in self._state.corrections.items():
            if name not in self._corrected:
                self._corrected.add(name)
                self.corrected.add(entry.market)
                if entry.token is not None:
                    self._booked_e6[entry.market][entry.token] += entry.delta_e6
                    markets.add(entry.market)
        return markets

    @property
    def is_behind(self) -> bool:
        """Whether there are correcting entries that were not counted yet."""
        return len(self._state.corrections) != len(self._corrected)

    # At every step

    def check_orders(self, now_ns: int) -> None:
        """I11: whatever rests is known, and its rest is held back."""
        by_hash = self._engine.orders.by_hash
        for market, orders in self._truth.open.items():
            for order_id, order in orders.items():
                known = by_hash.get(order_id)
                if known is None:
                    if order_id in self._lost:
                        continue
                    raise Violated("I11", f"{order_id} rests in {market} and is unknown", now_ns)
                if known.reserve_e6 + DUST_E6 < order.open_e6:
                    text = f"{order_id} rests with {order.open_e6}, {known.life.name} holds back"
                    raise Violated("I11", f"{text} {known.reserve_e6}", now_ns)

    def check_markets(self, now_ns: int, markets: Iterable[str]) -> None:
        """I1, I8 and I9 of some markets."""
        if not self.is_sure:
            return
        orders: defaultdict[str, list[Order]] = defaultdict(list)
        for order in self._engine.orders.potentially_live():
            orders[order.market].append(order)
        for market in markets:
            self._check_position(now_ns, market, orders[market])

    def _check_position(self, now_ns: int, market: str, orders: list[Order]) -> None:
        fills, truth = self._engine.fills, self._truth
        lows, highs = [0, 0], [0, 0]
        told_e6 = self._booked_e6[market]
        for token in _TOKENS:
            position = fills.position(market, token)
            sure_e6, selling_e6 = position.confirmed_e6, position.selling_e6
            low_e6 = lows[token] = sure_e6 - selling_e6
            highs[token] = sure_e6 + position.buying_e6
            booked_e6 = low_e6 + position.buying_e6
            if booked_e6 != told_e6[token]:
                text = f"{token.name} of {market}: told of {told_e6[token]}, booked {booked_e6}"
                raise Violated("I9", text, now_ns)
        if market in truth.trespassed:
            return  # what somebody else did there is known once it is told of
        for order in orders:
            place = order.place
            if place.side is Side.BUY:
                highs[place.token] += order.reserve_e6
            else:
                lows[place.token] -= order.reserve_e6
        self._check_limit(now_ns, market, lows, highs)
        true = truth.shares_e6(market)
        merging_e6 = truth.merging_e6[market] + self.untold_e6.get(market, 0)
        # Who lost the redemption with its journal holds the shares until it compares balances.
        is_redeemed = _is_redeemed(truth, market)
        for token in _TOKENS:
            # What is filled beyond an order's size is known once it is told of.
            dust_e6 = DUST_E6 + truth.exceeded_e6[market][token]
            low_e6, high_e6 = lows[token] - merging_e6 - dust_e6, highs[token] + dust_e6
            right = low_e6 <= true[token] <= high_e6
            if not right and not (is_redeemed and low_e6 <= 0 <= high_e6):
                text = f"{token.name} of {market} is {true[token]}"
                raise Violated("I8", f"{text}, believed {lows[token]}..{highs[token]}", now_ns)

    def _check_limit(self, now_ns: int, market: str, lows: list[int], highs: list[int]) -> None:
        worst_e6 = max(highs[0] - lows[1], highs[1] - lows[0])
        if worst_e6 > self._limits.max_market_e6:
            text = f"B: abs(Up - Down) of {market} may become {worst_e6}"
            raise Violated("I1", f"{text}, limit {self._limits.max_market_e6}", now_ns)

    def check_doubt(self, now_ns: int) -> None:
        """I17: after a missed heartbeat nothing counts as live."""
        for order in self._engine.orders.potentially_live():
            if order.life is Life.LIVE:
                text = f"{order.order} is LIVE after the heartbeat's deadline had passed"
                raise Violated("I17", text, now_ns)

    # At rest and at the end

    def check_quiet(self, now_ns: int) -> None:
        """I8: with nothing pending and nothing just matched, belief and truth are one."""
        truth = self._truth
        if not self.is_sure:
            return
        for market in self._engine.seats:
            if truth.pending[market] or truth.merging_e6[market] or _is_redeemed(truth, market):
                continue
            if now_ns - truth.settled_ns.get(market, now_ns) < QUIET_NS:
                continue
            true = truth.shares_e6(market)
            for token in Token:
                position = self._engine.fills.position(market, token)
                if not position.low_e6 == position.high_e6 == true[token]:
                    text = f"quiet, {token.name} of {market} is {true[token]}, believed"
                    text = f"{text} {position.low_e6}..{position.high_e6}"
                    raise Violated("I8", text, now_ns)


def _is_redeemed(truth: Truth, market: str) -> bool:
    """Whether all that is held of a market was paid."""
    listing, wallet = truth.exchange.listings[market], truth.wallet
    if listing.winner is None or truth.pending[market] or not any(truth.shares_e6(market)):
        return False
    return not any(wallet.balances[listing.token_id(token)] for token in _TOKENS)


def check_limits(now_ns: int, limits: RiskLimits) -> None:
    """I29: no engine begins with limits that are none."""
    for name in (
        "max_market_e6",
        "max_total_cost_e6",
        "order_size_max_e6",
        "loss_max_e6",
        "markout_loss_max_e6",
        "levels_max",
        "book_age_ns_max",
        "orders_a_second_max",
        "orders_a_minute_max",
    ):
        value = getattr(limits, name, None)
        if type(value) is not int or value < 1:
            raise Violated("I29", f"{name} is {value!r}, and an engine begins", now_ns)
    if not 0 < limits.price_min_e4 <= limits.price_max_e4 < 10_000:
        band = f"{limits.price_min_e4}..{limits.price_max_e4}"
        raise Violated("I29", f"the price band is {band}, and an engine begins", now_ns)
