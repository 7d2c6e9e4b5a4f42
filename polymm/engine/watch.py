"""What of the venue and of the past speaks against orders: it listens, counts and concludes.

What it finds is carried out by the risk gate; it refuses by itself only those orders of which it
alone knows why they must wait.
"""

from collections.abc import Callable
from typing import Any, Final

from polymm.domain.order import Place, Side, Token
from polymm.engine import evidence as ev
from polymm.engine.actions import Alarm
from polymm.engine.breakers import Burst, Grid, Rests, Slowness
from polymm.engine.events import NEVER_NS
from polymm.engine.evidence import CancelVerdict, PlaceVerdict, ReadKind
from polymm.engine.exposure import LiveOrder, OrdersView
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.findings import Closing, Findings
from polymm.engine.limits import RiskLimits
from polymm.engine.losses import Losses
from polymm.engine.proving import Backoff
from polymm.engine.recovered import Recovered
from polymm.engine.venue_state import GLOBAL_REJECTS, SPELLS, VenueState

_UP: Final = Token.UP
_BUY: Final = Side.BUY
# Errors of the venue that say nothing of the order.
SERVER_ERRORS: Final = frozenset({"server_error", "engine", "context_canceled"})
# What a refusal for lack of balance blocks: purchases in all markets, or sales of one token.
_Purse = tuple[str, int]
_CASH: Final[_Purse] = ("", -1)
# So many refusals in a row for lack of balance, and people are told.
_BALANCE_ALARM_N: Final = 3
_ACCEPTED: Final = PlaceVerdict.DELAYED
_ALARMS: Final = {
    "loss": "loss_limit",
    "markouts": "markout_limit",
    "failed_settlements": "settlements_limit",
}


class _Block:
    """Keeps back what the balance does not cover, longer each time in a row."""

    __slots__ = ("backoff", "until_ns")

    def __init__(self, limits: RiskLimits) -> None:
        self.backoff = Backoff(limits.backoff_ns_min, limits.backoff_ns_max)
        self.until_ns = 0


class Watch:
    """Listens to everything that the engine is told.

    Args:
        limits: When enough is enough.
        orders: Whose orders answers speak of.
        fills: Has taken a fill before it is told here.

    Attributes:
        findings: What was concluded, for the gate.
        losses: What was lost, and the limits that it reached.
        wants_balances: The venue refused an order for lack of balance, which is to be read.
        next_timer_ns: When `tick` is due.
    """

    def __init__(self, limits: RiskLimits, orders: OrdersView, fills: FillLedger) -> None:
        self.findings = Findings()
        self.losses = Losses(limits, fills)
        self.wants_balances = False
        self.next_timer_ns = NEVER_NS
        self._limits = limits
        self._orders = orders
        self._venue = VenueState(limits, self.findings)
        self._slowness = Slowness(limits.slow_ns_max)
        # By market and whether it is a bid in Up terms; by market, twice; by purse.
        self._rests: dict[tuple[str, bool], Rests] = {}
        self._errors: dict[str, Burst] = {}
        self._grids: dict[str, Grid] = {}
        self._blocks: dict[_Purse, _Block] = {}
        self._balance_refused_ns = 0
        self._told: set[str] = set()
        self._takes: dict[type, Callable[[int, Any], None]] = {
            ev.PlaceAnswered: self._place,
            ev.CancelAnswered: self._cancel,
            ev.Swept: self._cancel,
            ev.FillTold: self._fill,
            ev.TradesRead: self._trades,
            ev.OpenListed: self._read,
            ev.OrderRead: self._read,
            ev.BalancesRead: self._balances,
            ev.ReadFailed: self._read_failed,
            ev.PreflightRead: self._preflight,
            ev.KeysRead: self._keys,
            ev.BeatAnswered: self._beat,
            ev.UserChannel: self._user,
            ev.Stalled: self._stalled,
            ev.Mark: self._mark,
            ev.MarketSettled: self._settled,
        }

    @property
    def wants_keys(self) -> bool:
        """Whether the keys should be derived anew."""
        return self._venue.wants_keys

    def refusal(self, now_ns: int, market: str, place: Place) -> str:
        """Say why an order must wait, "" where it need not."""
        if now_ns < self._venue.throttled_ns:
            return "throttled"
        if self._rests:
            is_bid = (place.token is _UP) is (place.side is _BUY)
            rests = self._rests.get((market, is_bid))
            if rests is not None and rests.is_resting(now_ns):
                return "rejects_throttled"
        if self._blocks:
            block = self._blocks.get(_purse(market, place))
            if block is not None and now_ns < block.until_ns:
                return "balance_blocked"
        return ""

    def is_tick_old(self, now_ns: int, market: str, tick_e4: int) -> bool:
        """Whether the venue refused a price for its tick, and the book still has that tick."""
        grid = self._grids.get(market) if self._grids else None
        return grid is not None and grid.is_old(now_ns, tick_e4)

    def note(self, now_ns: int, event: ev.Event) -> bool:
        """Take what happened; whether there are findings."""
        take = self._takes.get(type(event))
        if take is None:
            return False
        take(now_ns, event)
        return bool(self.findings)

    def tick(self, now_ns: int) -> bool:
        """Let time pass; whether there are findings."""
        if now_ns >= self.next_timer_ns:
            self.next_timer_ns = NEVER_NS
            self.findings.closings.append(Closing("user_channel"))
        return bool(self.findings)

    def restore(self, known: Recovered) -> None:
        """Go on with losses as an earlier process left them; the ledger has done so before."""
        self.losses.restore(known.losses, known.fills.values())
        self._look_at_losses()

    def forget(self, market: str) -> None:
        """Drop what is known of a market that is over."""
        self.losses.forget(market)
        self._errors.pop(market, None)
        self._grids.pop(market, None)
        for is_bid in (False, True):
            self._rests.pop((market, is_bid), None)
        for token in Token:
            self._blocks.pop((market, token), None)

    # Answers

    def _place(self, now_ns: int, event: ev.PlaceAnswered) -> None:
        verdict, reason = event.verdict, event.reason
        if verdict is PlaceVerdict.NOT_SENT:
            return
        if self._slowness.answered(event.recv_ns - event.sent_ns):
            until_ns = now_ns + self._limits.slow_rest_ns
            self.findings.closings.append(Closing("slow_venue", until_ns))
        order = self._orders.by_hash.get(event.order)
        if order is None:
            return
        if verdict <= _ACCEPTED:
            self._accepted(now_ns, event, order)
        elif verdict is PlaceVerdict.UNKNOWN:
            if reason in SERVER_ERRORS:
                self._server_error(now_ns, order.market)
            else:
                self._refused(now_ns, event)
        else:
            self._rejected(now_ns, event, order)

    def _accepted(self, now_ns: int, event: ev.PlaceAnswered, order: LiveOrder) -> None:
        self._venue.order_taken()
        self._venue.answered(now_ns, event.sent_ns)
        rests = self._rests.get((order.market, order.place.sign > 0))
        if rests is not None:
            rests.accepted()
        if self._grids:
            self._grids.pop(order.market, None)
        if self._blocks:
            self._blocks.pop(_purse(order.market, order.place), None)

    def _rejected(self, now_ns: int, event: ev.PlaceAnswered, order: LiveOrder) -> None:
        reason = event.reason
        if reason == "throttled":
            self._venue.throttled(now_ns, event.retry_after_ns)
        elif reason in SPELLS:
            self._refused(now_ns, event)
        elif reason in GLOBAL_REJECTS:
            self._venue.order_refused(reason, event.order)
        elif reason == "balance":
            self._venue.answered(now_ns, event.sent_ns)
            self._balance_refused(now_ns, event, order)
        else:
            self._venue.answered(now_ns, event.sent_ns)
            if reason == "off_tick":
                self._tick_refused(now_ns, order)
            key = order.market, order.place.sign > 0
            rests = self._rests.get(key)
            if rests is None:
                limits = self._limits
                rests = self._rests[key] = Rests(limits.rejects_max, limits.reject_rest_ns_max)
            rests.refused(now_ns)

    def _tick_refused(self, now_ns: int, order: LiveOrder) -> None:
        limits, market = self._limits, order.market
        grid = self._grids.get(market)
        if grid is None:
            grid = self._grids[market] = Grid(limits.backoff_ns_min, limits.backoff_ns_max)
        grid.refused(now_ns, order.place.price_e4)

    def _balance_refused(self, now_ns: int, event: ev.PlaceAnswered, order: LiveOrder) -> None:
        """Believe our own ledger, but wait, read the balances once, and tell people in the end."""
        purse = _purse(order.market, order.place)
        block = self._blocks.get(purse)
        if block is None:
            block = self._blocks[purse] = _Block(self._limits)
        if now_ns < block.until_ns:
            # Sent before the block stood.
            return
        block.until_ns = block.backoff.fail(now_ns)
        if block.backoff.failures == _BALANCE_ALARM_N:
            self._alarm("balance_refused", order.market, f"{event.reason} {event.order}")
        self.wants_balances = True
        self._balance_refused_ns = now_ns

    def _server_error(self, now_ns: int, market: str) -> None:
        limits = self._limits
        burst = self._errors.get(market)
        if burst is None:
            burst = self._errors[market] = Burst(limits.errors_max, limits.errors_window_ns)
        if burst.happened(now_ns):
            until_ns = now_ns + limits.errors_rest_ns
            self.findings.closings.append(Closing("venue_errors", until_ns, market))
            self._alarm("venue_errors", market, f"{limits.errors_max} placements")

    def _cancel(self, now_ns: int, event: ev.CancelAnswered | ev.Swept) -> None:
        if event.verdict <= CancelVerdict.NOT_CANCELED:
            self._venue.answered(now_ns, event.sent_ns)
        elif event.verdict is CancelVerdict.REFUSED:
            self._refused(now_ns, event)

    def _refused(self, now_ns: int, event: ev.PlaceAnswered | ev.CancelAnswered | ev.Swept) -> None:
        self._venue.refused(now_ns, event.reason, event.sent_ns, event.retry_after_ns)

    def _beat(self, now_ns: int, event: ev.BeatAnswered) -> None:
        if event.is_accepted:
            self._venue.answered(now_ns, event.sent_ns)
        else:
            self._venue.refused(now_ns, event.reason, event.sent_ns)

    def _read(self, now_ns: int, event: ev.OpenListed | ev.OrderRead | ev.BalancesRead) -> None:
        self._venue.answered(now_ns, event.began_ns)

    def _read_failed(self, now_ns: int, event: ev.ReadFailed) -> None:
        if event.kind is ReadKind.KEYS:
            self._venue.keys_denied(event.reason)
        else:
            self._venue.refused(now_ns, event.reason, event.began_ns)

    def _keys(self, now_ns: int, event: ev.KeysRead) -> None:
        self._venue.keys_renewed(event.recv_ns)

    def _balances(self, now_ns: int, event: ev.BalancesRead) -> None:
        self._read(now_ns, event)
        if event.began_ns >= self._balance_refused_ns:
            self.wants_balances = False

    def _preflight(self, now_ns: int, event: ev.PreflightRead) -> None:
        if abs(event.skew_ns) > self._limits.skew_ns_max:
            self.findings.closings.append(Closing("skew"))
        else:
            self.findings.reopenings.append("skew")

    # Fills, prices, the user channel

    def _fill(self, now_ns: int, event: ev.FillTold) -> None:
        self.losses.take_fill(now_ns, event)
        self._look_at_losses()

    def _trades(self, now_ns: int, event: ev.TradesRead) -> None:
        self._venue.answered(now_ns, event.began_ns)
        for fill in event.fills:
            self.losses.take_fill(now_ns, fill)
        self._look_at_losses()

    def _mark(self, now_ns: int, event: ev.Mark) -> None:
        self.losses.mark(now_ns, event.market, event.price_x2_e4)
        self._look_at_losses()

    def _settled(self, now_ns: int, event: ev.MarketSettled) -> None:
        self.losses.settle(now_ns, event.market, event.cash_e6)
        self._look_at_losses()

    def _look_at_losses(self) -> None:
        losses = self.losses
        if losses.memos:
            self.findings.memos += losses.memos
            losses.memos.clear()
        for name in sorted(losses.reached - self._told):
            self._told.add(name)
            self.findings.restrictions.append(name)
            told = f"result {losses.result_e6}, mark-outs {losses.markout_e6} (1e-6 dollars)"
            self._alarm(_ALARMS[name], "", told)

    def _user(self, now_ns: int, event: ev.UserChannel) -> None:
        if event.is_live:
            self.next_timer_ns = NEVER_NS
            self.findings.reopenings.append("user_channel")
        else:
            self.next_timer_ns = event.since_ns + self._limits.user_age_ns_max

    def _stalled(self, now_ns: int, event: ev.Stalled) -> None:
        if event.stall_ns > self._limits.lag_ns_max:
            until_ns = now_ns + self._limits.stall_rest_ns
            self.findings.closings.append(Closing("stalled", until_ns))

    def _alarm(self, name: str, subject: str, text: str) -> None:
        self.findings.alarms.append(Alarm(name, subject, text))


def _purse(market: str, place: Place) -> _Purse:
    return _CASH if place.side is Side.BUY else (market, place.token)
