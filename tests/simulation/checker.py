"""The god's-eye checker: holds the invariants of FAILURES over truth, wire and belief.

Truth is the exchange's own data, the wire log is what was handed over, belief is the engine; none
of the three is computed from another. The world calls it:

* once at the start: ``Checker(exchange, account, limits, senses)``;
* ``started(now_ns, engine, disk)`` when an engine process begins, before ``Driver.start``;
  ``crashed(now_ns, lost_tail=...)`` when it is dropped;
* ``at_send(now_ns, sent)`` at each write, before the venue can act on it (`wire_log`);
* ``dropped(order)`` when a placement it has seen can no longer reach the exchange;
* ``after_step(now_ns, event)``: it is `Driver.on_step`;
* ``healed(now_ns)`` when all faults are off for good;
* ``finish(now_ns)`` at the end of the run.

Each of them raises `Violated`.
"""

from dataclasses import dataclass
from typing import Protocol

from polymm.engine.engine import Engine
from polymm.engine.evidence import Event
from polymm.exchange.exchange import Exchange
from polymm.exchange.wallets import Wallet
from tests.simulation.senses import Senses
from tests.simulation.wire_log import Sent

MS = 1_000_000
SECOND = 1_000 * MS


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLimits:
    """The numbers that must hold, given apart from the engine's own settings.

    Args:
        levels: Orders per token and side.
        max_market_e6: Worst case of abs(Up - Down), shares.
        max_total_cost_e6: Worst summed cost, dollars.
        order_size_max_e6: Shares.
        price_min_e4, price_max_e4: Band, in the token's own terms.
        close_margin_ns: Before a window's end.
        book_age_ns_max, reference_age_ns_max: 0 for not used.
        user_gap_ns_max: Longest absence of the user channel that needs no full read.
        skew_ns_max, lag_ns_max: Absolute.
        posts_a_second, posts_a_minute: Orders.
        loss_max_e6: Dollars, 0 for none.
    """

    levels: int = 1
    max_market_e6: int = 30_000_000
    max_total_cost_e6: int = 60_000_000
    order_size_max_e6: int = 10_000_000
    price_min_e4: int = 100
    price_max_e4: int = 9_900
    close_margin_ns: int = 10 * SECOND
    book_age_ns_max: int = 3 * SECOND
    reference_age_ns_max: int = 0
    user_gap_ns_max: int = 2 * SECOND
    skew_ns_max: int = SECOND
    lag_ns_max: int = 250 * MS
    posts_a_second: int = 20
    posts_a_minute: int = 600
    loss_max_e6: int = 0


class DiskView(Protocol):
    """The journal's bytes as they would be found after kill -9."""

    def written(self) -> bytes: ...


class Checker:
    """Holds every invariant that can be held from outside.

    Args:
        exchange: The truth.
        owner: The account's API key at the exchange.
        wallet: The account's wallet at the exchange.
        limits: What must hold.
        senses: The world's own stamps.
    """

    def __init__(
        self, exchange: Exchange, owner: str, wallet: Wallet, limits: CheckLimits, senses: Senses
    ) -> None:
        self.exchange = exchange
        self.limits = limits
        self.senses = senses
        self.engine: Engine | None = None

    def started(self, now_ns: int, engine: Engine, disk: DiskView) -> None:
        """An engine process begins on this disk."""
        self.engine = engine

    def crashed(self, now_ns: int, *, lost_tail: bool) -> None:
        """The engine process is gone; ``lost_tail``: some of what it wrote as well."""
        self.engine = None

    def at_send(self, now_ns: int, sent: Sent) -> None:
        """Bytes are being handed over."""

    def dropped(self, order: str) -> None:
        """A placement that was sent can no longer reach the exchange."""

    def after_step(self, now_ns: int, event: Event) -> None:
        """The engine took an event, and what it answered was carried out."""

    def healed(self, now_ns: int) -> None:
        """From now on nothing goes wrong any more."""

    def finish(self, now_ns: int) -> None:
        """The run is over: what must be true of all of it."""
