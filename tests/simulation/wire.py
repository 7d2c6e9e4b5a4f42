"""The virtual network and the venue's front: what happens to a request between the two.

Requests overtake one another, arrive late or never, are refused at the edge, lose their answers;
which of it happens is decided by switches. The exchange behind is the real one.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import NamedTuple

from polymm.domain.market import NS
from polymm.domain.order import Place
from polymm.engine import evidence as ev
from polymm.exchange import refusals
from polymm.exchange.exchange import Exchange
from polymm.exchange.faults import Fault
from polymm.exchange.listing import Listing
from polymm.exchange.matching import BookOrder
from polymm.exchange.refusals import Refusal
from polymm.exchange.server.buckets import TokenBucket
from polymm.exchange.settlement import Trade
from polymm.exchange.trading import Mode
from polymm.exchange.user_channel import trade_record
from polymm.exchange.wallets import Wallet
from polymm.runtime.venue_words import fills_told
from polymm.venues.polymarket.user_reading import read_trade
from tests.simulation.calls import Call, PostCall
from tests.simulation.faults import MS, WireFault, WireFaults
from tests.simulation.senses import Senses

OWNER = "engine-key"
# The client's own patience.
TIMEOUT_NS = 5 * NS
# Where the venue's dead man's switch stands (rest notes 4).
BEAT_NS_MAX = 10 * NS
BEAT_LOOK_NS = 5 * NS
# Standard tier.
ORDER_RATE, ORDER_BURST, CANCEL_RATE, CANCEL_BURST = 40, 60, 80, 120
BAD_GATEWAY = Refusal("<html>502 Bad Gateway</html>", 502)
BLOCKED = Refusal("error code: 1010", 403)
TOO_FAST = Refusal("error code: 1015", 429)

Take = Callable[[ev.Event], None]
At = Callable[[int, Callable[[int], None]], None]


class Sent(NamedTuple):
    """One request whose bytes were handed to the network.

    Args:
        kind: ``post``, ``cancel``, ``sweep``, ``beat`` or ``read_...``.
        market: "" where it names none.
        places: Of a post.
    """

    ns: int
    kind: str
    market: str
    orders: tuple[str, ...]
    places: tuple[Place, ...]


class Wire:
    """Between one engine and the exchange.

    Args:
        exchange: The venue.
        wallet: The engine's.
        faults: The wire's own switches; the exchange's are in the exchange.
        at: Lets something happen later.
        rng: Latencies.
        latency_ms: Least and mean time one way.

    Attributes:
        log: Every request whose bytes left the engine, oldest first.
        senses: What came through; for the checker.
        on_send: Called with each of them, before anything can come of it.
        on_gone: Called with an order whose placement reaches the exchange no more; it may have.
        cancels, orders: The venue's token buckets.
        down_until_ns: No byte passes before.
    """

    def __init__(
        self,
        exchange: Exchange,
        wallet: Wallet,
        faults: WireFaults,
        at: At,
        rng: Random,
        latency_ms: tuple[float, float],
        senses: Senses,
        now_ns: int,
    ) -> None:
        self.exchange = exchange
        self.wallet = wallet
        self.owner = OWNER
        self.faults = faults
        self.log: list[Sent] = []
        self.senses = senses
        self.on_send: Callable[[Sent], None] = _ignore
        self.on_gone: Callable[[str], None] = _ignore
        self.orders = TokenBucket(ORDER_RATE, ORDER_BURST, now_ns)
        self.cancels = TokenBucket(CANCEL_RATE, CANCEL_BURST, now_ns)
        self.down_until_ns = 0
        self._at = at
        self._rng = rng
        self._least_ns, mean_ms = int(latency_ms[0] * MS), latency_ms[1]
        self._per_ns = 1.0 / (mean_ms * MS)
        self._refused_until_ns = 0
        self._pulse_ns: int | None = None
        self._is_looking = False
        self._hidden: dict[str, int] = {}  # trades that no list shows before a time
        self._fills: dict[tuple[str, str], list[ev.FillTold]] = {}
        self._balances: deque[tuple[int, dict[str, int]]] = deque()

    def heal(self) -> None:
        """Let everything pass from now on."""
        self.down_until_ns = self._refused_until_ns = 0
        self._hidden = dict.fromkeys(self._hidden, 0)

    # On the way

    def latency_ns(self) -> int:
        """Draw the time of one way."""
        return self._least_ns + int(self._rng.expovariate(self._per_ns))

    def is_down(self, now_ns: int) -> bool:
        """Whether no byte passes now."""
        if now_ns < self.down_until_ns:
            return True
        if not self.faults.strikes(WireFault.NETWORK_DOWN):
            return False
        self.down_until_ns = now_ns + self.faults.duration_ns(WireFault.NETWORK_DOWN)
        return True

    def send(self, now_ns: int, call: Call, take: Take) -> int:
        """Hand a request over; when that was, 0 where no byte could leave."""
        faults = self.faults
        if faults.strikes(WireFault.REQUEST_NOT_SENT):
            self._hurt(now_ns, call)
            self._end(now_ns + MS, call, take, "not_sent", "unreachable")
            return 0
        call.sent_ns = now_ns
        sent = Sent(now_ns, call.kind, call.market, call.orders, call.places)
        self.log.append(sent)
        self.on_send(sent)
        if faults.strikes(WireFault.CONNECTION_RESET):
            self._hurt(now_ns, call)
            arrives_ns = now_ns + self.latency_ns()
            if self._rng.random() < 0.5:
                self._at(arrives_ns, lambda ns: self._vanish(ns, call))
            else:
                self._drop(call)
            self._end(arrives_ns, call, take, "unknown", "broken")
            return now_ns
        if self._loses_request(now_ns, call):
            self._hurt(now_ns, call)
            self._drop(call)
            self._end(now_ns + TIMEOUT_NS, call, take, "unknown", "timeout")
            return now_ns
        late_ns = faults.delay_ns(WireFault.REQUEST_LATE)
        late_ns += self.exchange.faults.delay_ns(Fault.EDGE_DELAY)
        if call.is_post:
            late_ns += self.exchange.faults.delay_ns(Fault.POST_LATE)
        if late_ns:
            self._hurt(now_ns, call)
        arrives_ns = now_ns + self.latency_ns() + late_ns
        self._at(arrives_ns, lambda ns: self._arrive(ns, call, take))
        return now_ns

    def withhold(self, now_ns: int, call: Call, take: Take, reason: str, wait_ns: int) -> None:
        """Answer for a request that our own count of tokens keeps back."""
        self._at(now_ns, lambda ns: _tell(take, call.failed("not_sent", reason, ns, wait_ns)))

    def _loses_request(self, now_ns: int, call: Call) -> bool:
        lost = self.faults.strikes(WireFault.REQUEST_LOST) or self.is_down(now_ns)
        if call.kind == "beat":
            lost = self.faults.strikes(WireFault.BEAT_LOST) or lost
        return lost

    def _vanish(self, now_ns: int, call: Call) -> None:
        """Carry out what nobody will hear of."""
        if self._edge(now_ns, call) is None:
            call.act(now_ns)
        self._drop(call)

    def _arrive(self, now_ns: int, call: Call, take: Take) -> None:
        faults = self.exchange.faults
        refusal = self._edge(now_ns, call)
        if refusal is not None:
            self._hurt(now_ns, call)
        else:
            refusal = call.act(now_ns)
            if faults.strikes(Fault.EDGE_HTML):
                refusal = BAD_GATEWAY
            if refusal is not None and refusal.status >= 500:
                self._hurt(now_ns, call)
        self._drop(call)
        deadline_ns = call.sent_ns + TIMEOUT_NS
        answered_ns = now_ns + self.latency_ns()
        if call.is_post:
            answered_ns += faults.delay_ns(Fault.USER_FILL_BEFORE_REPLY)
        if answered_ns > deadline_ns or self._loses_reply(now_ns, call, refusal):
            self._hurt(now_ns, call)
            self._end(max(deadline_ns, now_ns), call, take, "unknown", "timeout")
        elif refusal is not None:
            self._at(answered_ns, lambda ns: _tell(take, call.refused(refusal, ns)))
        elif call.is_read and self.faults.strikes(WireFault.READ_FAILED):
            self._hurt(now_ns, call)
            self._end(answered_ns, call, take, "unknown", "unreadable")
        else:
            self._at(answered_ns, lambda ns: _tell(take, call.events(ns)))

    def _drop(self, call: Call) -> None:
        if type(call) is PostCall:
            self.on_gone(call.order)

    def _hurt(self, now_ns: int, call: Call) -> None:
        """Stamp that a request was disturbed."""
        senses = self.senses
        senses.rest_hurt_ns = senses.fault_ns = now_ns
        if call.is_cancel:
            senses.cancel_hurt_ns = now_ns
        elif call.kind == "beat":
            senses.beat_hurt_ns = now_ns

    def _loses_reply(self, now_ns: int, call: Call, refusal: Refusal | None) -> bool:
        faults = self.exchange.faults
        if self.faults.strikes(WireFault.REPLY_LOST) or self.is_down(now_ns):
            return True
        if call.is_read:
            return self.faults.strikes(WireFault.READ_HANGS)
        if call.is_post and refusal is None:
            return faults.strikes(Fault.POST_REPLY_LOST)
        return call.is_cancel and refusal is None and faults.strikes(Fault.CANCEL_REPLY_LOST)

    def _end(self, ns: int, call: Call, take: Take, how: str, reason: str) -> None:
        self._at(ns, lambda then_ns: _tell(take, call.failed(how, reason, then_ns, 0)))

    # At the venue's front

    def _edge(self, now_ns: int, call: Call) -> Refusal | None:
        """Meet what stands before the engine of the venue, in the order of its own server."""
        faults = self.exchange.faults
        if faults.strikes(Fault.EDGE_BLOCKED):
            return BLOCKED
        for fault, throttled in (
            (Fault.EDGE_THROTTLED, TOO_FAST),
            (Fault.THROTTLED, refusals.TOO_MANY_REQUESTS),
        ):
            if faults.strikes(fault):
                return throttled._replace(retry_after_s=-(-faults.duration_ns(fault) // NS))
        if call.needs_key and faults.strikes(Fault.UNAUTHORIZED):
            return refusals.UNAUTHORIZED
        if not (call.is_post or call.is_cancel):
            return None
        self._switch_mode(now_ns)
        trading = self.exchange.trading
        if call.is_cancel:
            refusal = trading.cancel_refusal(now_ns)
            bucket = self.cancels
        else:
            refusal = trading.order_refusal(now_ns, post_only=True)
            bucket = self.orders
        if refusal is refusals.RESTARTING:
            self.senses.restarting_ns = now_ns
        if refusal is None and not bucket.take(now_ns, call.cost):
            return refusals.TOO_MANY_REQUESTS._replace(retry_after_s=1)
        return refusal

    def _switch_mode(self, now_ns: int) -> None:
        trading = self.exchange.trading
        if trading.mode(now_ns) is not Mode.NORMAL:
            return
        faults = self.exchange.faults
        if faults.strikes(Fault.ENGINE_RESTART):
            trading.set(Mode.RESTARTING, now_ns + faults.duration_ns(Fault.ENGINE_RESTART))
            return
        for fault, mode in (
            (WireFault.TRADING_CANCEL_ONLY, Mode.CANCEL_ONLY),
            (WireFault.TRADING_DISABLED, Mode.DISABLED),
        ):
            if self.faults.strikes(fault):
                trading.set(mode, now_ns + self.faults.duration_ns(fault))
                return

    def order_refusal(self, now_ns: int) -> Refusal | None:
        """Say why the venue's engine takes no order at all now."""
        if self.is_all_refused(now_ns):
            return refusals.VERSION_MISMATCH
        if self.exchange.faults.strikes(Fault.POST_TIMED_OUT):
            return refusals.ORDER_TIMED_OUT
        lasts_ns = self.faults.delay_ns(WireFault.ALL_REFUSED)
        self._refused_until_ns = now_ns + lasts_ns
        return refusals.VERSION_MISMATCH if lasts_ns else None

    def is_all_refused(self, now_ns: int) -> bool:
        """Whether the venue speaks another version now."""
        return now_ns < self._refused_until_ns

    def draw_skew(self) -> int:
        """Draw how far the venue's clock is from ours, as a look at it tells."""
        if self.faults.strikes(WireFault.CLOCK_SKEWED):
            return self.faults.stream(WireFault.CLOCK_SKEWED).choice((-1, 1)) * 45 * NS
        return 0

    # Listings

    def listed_orders(self, now_ns: int, market: str) -> Iterator[tuple[BookOrder, Listing]]:
        """Open orders as a listing shows them: young ones may be missing."""
        exchange = self.exchange
        hides_ns = exchange.faults.delay_ns(Fault.ORDERS_LATE)
        for order, listing in exchange.open_orders(self.owner, condition_id=market):
            if now_ns - order.created_ns >= hides_ns:
                yield order, listing

    def listed_fills(self, now_ns: int, market: str, after_ns: int) -> list[ev.FillTold]:
        """Our legs of trades as a listing shows them; a fresh trade may be missing for a while."""
        fills: list[ev.FillTold] = []
        after_s = after_ns // NS
        for trade in self.exchange.clearing.trades(self.owner):
            if trade.matched_ns // NS < after_s:
                break
            if market in ("", trade.listing.condition_id) and self._shows(now_ns, trade):
                fills += self._fills_of(trade)
        return fills

    def _shows(self, now_ns: int, trade: Trade) -> bool:
        shown_ns = self._hidden.get(trade.trade_id)
        if shown_ns is None:
            late_ns = self.faults.delay_ns(WireFault.TRADES_LATE)
            shown_ns = self._hidden[trade.trade_id] = trade.matched_ns + late_ns
        if now_ns >= shown_ns:
            return True
        self.senses.rest_hurt_ns = self.senses.fault_ns = now_ns
        return False

    def _fills_of(self, trade: Trade) -> list[ev.FillTold]:
        key = (trade.trade_id, trade.status)
        fills = self._fills.get(key)
        if fills is None:
            event = read_trade(trade_record(trade, self.owner))
            fills = fills_told(event, trade.listing.market, self.owner, (), 0)
            self._fills[key] = fills
        return fills

    def stale_balances(self, now_ns: int) -> dict[str, int] | None:
        """Balances as they were a while ago where that fault strikes, None for those of now."""
        kept = self._balances
        kept.append((now_ns, dict(self.wallet.balances)))
        while now_ns - kept[0][0] > 60 * NS:
            kept.popleft()
        age_ns = self.faults.delay_ns(WireFault.BALANCES_STALE)
        if not age_ns:
            return None
        return next(held for ns, held in kept if ns >= now_ns - age_ns)

    # The dead man's switch

    def feel_pulse(self, now_ns: int) -> None:
        """Take a beat: all orders die when none follows in time."""
        self._pulse_ns = self.senses.switch_ns = now_ns
        if not self._is_looking:
            self._is_looking = True
            self._at(now_ns + BEAT_LOOK_NS, self._look)

    def _look(self, now_ns: int) -> None:
        assert self._pulse_ns is not None
        if now_ns - self._pulse_ns >= BEAT_NS_MAX:
            answer = self.exchange.cancel_where(now_ns, self.owner)
            if isinstance(answer, Refusal):
                self.senses.switch_ns = now_ns
            elif not answer.not_canceled:
                self._is_looking = False
                return
        self._at(now_ns + BEAT_LOOK_NS, self._look)


def _tell(take: Take, events: Sequence[ev.Event]) -> None:
    for event in events:
        take(event)


def _ignore(*_: object) -> None:
    """Stand for nobody who listens."""
