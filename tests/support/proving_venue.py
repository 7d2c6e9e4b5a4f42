"""The truth of the scenes that prove: what rests in the venue, was traded and is held."""

from dataclasses import dataclass, field
from typing import Any

from polymm.domain.order import Token
from polymm.engine import actions as act
from polymm.engine import evidence as ev
from polymm.engine.evidence import CancelVerdict, ReadKind

MS = 1_000_000
MARKET = "0xc0ffee"
TEN = 10_000_000
CASH = 1_000_000_000

KINDS = {
    act.ReadOpen: ReadKind.OPEN,
    act.ReadOrder: ReadKind.ORDER,
    act.ReadTrades: ReadKind.TRADES,
    act.ReadBalances: ReadKind.BALANCES,
    act.ReadPreflight: ReadKind.PREFLIGHT,
    act.ReadKeys: ReadKind.KEYS,
}


@dataclass
class Resting:
    """An order as the venue has it."""

    market: str
    size_e6: int
    matched_e6: int = 0


@dataclass
class ScriptedVenue:
    """What rests, was traded and is held; and what is wrong with the way there.

    Attributes:
        failing: Reads that fail.
        silent: Kinds of actions that are never answered.
        sweep: What becomes of cancels of all; likewise ``cancel`` of others.
        reason: With refusals.
        half_ns: Time of one way.
        beats: Whether heartbeats are taken.
        uncancellable: Orders that no cancel reaches.
    """

    open: dict[str, Resting] = field(default_factory=dict)
    fills: list[ev.FillTold] = field(default_factory=list)
    shares: dict[tuple[str, Token], int] = field(default_factory=dict)
    cash_e6: int = CASH
    failing: set[ReadKind] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    sweep: CancelVerdict = CancelVerdict.CANCELED
    cancel: CancelVerdict = CancelVerdict.CANCELED
    reason: str = "server_error"
    faults: tuple[str, ...] = ()
    half_ns: int = 10 * MS
    beats: bool = True
    uncancellable: set[str] = field(default_factory=set)
    tells: bool = True  # the user channel tells of cancels

    def seen(self, name: str) -> ev.OpenSeen:
        """What a list says of an order that rests."""
        resting = self.open[name]
        return ev.OpenSeen(name, resting.market, resting.matched_e6, resting.size_e6)

    def read(self, action: act.Action, began_ns: int) -> Any:
        """What a read says that was begun then; when it was received is not said."""
        kind, subject = KINDS[type(action)], ""
        if isinstance(action, act.ReadOpen | act.ReadTrades):
            subject = action.market
        elif isinstance(action, act.ReadOrder):
            subject = action.order
        if kind in self.failing:
            return ev.ReadFailed(kind, subject, "timeout", began_ns, 0)
        match action:
            case act.ReadOpen(market):
                names = [n for n, o in self.open.items() if market in ("", o.market)]
                return ev.OpenListed(market, tuple(map(self.seen, names)), began_ns, 0)
            case act.ReadOrder(order):
                seen = self.seen(order) if order in self.open else None
                return ev.OrderRead(order, seen, began_ns, 0)
            case act.ReadTrades(market, after_ns):
                fills = [f for f in self.fills if market in ("", f.market)]
                fills = [f for f in fills if f.stamp_ns >= after_ns]
                return ev.TradesRead(market, after_ns, tuple(fills), began_ns, 0)
            case act.ReadBalances(markets):
                shares = tuple(
                    (market, token, self.shares.get((market, token), 0))
                    for market in markets
                    for token in Token
                )
                return ev.BalancesRead(self.cash_e6, shares, began_ns, 0)
            case act.ReadKeys():
                return ev.KeysRead(began_ns, 0)
            case _:
                return ev.PreflightRead(self.faults, 0, began_ns, 0)
