"""Hand-made moments for the checker: a real exchange, and an engine that believes anything.

Everything is well at the start: inputs are fresh, all was read, the gate is open. A scene breaks
one thing, and the checker says which invariant that is.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from polymm.domain.order import Place, Side, Token
from polymm.engine import evidence as ev
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.limits import RiskLimits
from polymm.engine.order_life import Life
from polymm.engine.recovered import Recovered
from polymm.runtime.journal_codec import encode, encode_plan
from polymm.runtime.journal_format import make_header
from tests.simulation.checker import Checker
from tests.simulation.senses import Senses
from tests.simulation.violations import Violated
from tests.simulation.wire import Sent
from tests.support.exchange_scene import MARKET, MS, SHARE, START_NS, Scene

SECOND = 1_000 * MS
LIMITS = RiskLimits(
    max_market_e6=30 * SHARE,
    max_total_cost_e6=50 * SHARE,
    order_size_max_e6=20 * SHARE,
    loss_max_e6=20 * SHARE,
    markout_loss_max_e6=20 * SHARE,
    close_margin_ns=10 * SECOND,
)
MARKET_ID = MARKET.condition_id


@dataclass
class BelievedOrder:
    """What the engine believes of one order."""

    order: str
    place: Place
    life: Life = Life.LIVE
    reserve_e6: int = 0
    debt_e6: int = 0
    market: str = MARKET_ID

    @property
    def is_potentially_live(self) -> bool:
        return not self.life.is_final


@dataclass
class BelievedOrders:
    by_hash: dict[str, BelievedOrder] = field(default_factory=dict)

    @property
    def by_id(self) -> dict[int, BelievedOrder]:
        return {order.place.order_id: order for order in self.by_hash.values()}

    def potentially_live(self, market: str = "") -> list[BelievedOrder]:
        return [order for order in self.by_hash.values() if order.is_potentially_live]


class Book:
    """The book the engine quotes from: the true one unless told otherwise."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.has_epoch = True
        self.touch: tuple[int, int] | None = None

    @property
    def best_bid_e4(self) -> int:
        return (self.touch or self._scene.listing.touch(Token.UP))[0]

    @property
    def best_ask_e4(self) -> int:
        return (self.touch or self._scene.listing.touch(Token.UP))[1]


class Disk:
    """A disk of one segment."""

    def __init__(self) -> None:
        self.segment = bytearray(make_header() + encode(Recovered().checkpoint()))

    def tail(self, n_bytes: int) -> bytes:
        return bytes(self.segment[-n_bytes:])

    def newest_first(self) -> list[bytes]:
        return [bytes(self.segment)]


class Moment:
    """One market, an account that makes it, and a checker over both.

    Attributes:
        venue: The exchange; the account is ann's.
        engine: Belief and gate, to be bent.
        senses: The world's stamps, to be bent.
    """

    def __init__(self, *, limits: RiskLimits = LIMITS, is_ready: bool = True) -> None:
        self.venue = Scene()
        self.senses = Senses(
            book_ns={MARKET_ID: [START_NS, START_NS]}, reference_ns=START_NS, heard_ns=START_NS
        )
        exchange, wallet = self.venue.exchange, self.venue.ann
        self.checker = Checker(exchange, "ann-key", wallet, limits, self.senses)
        self.disk = Disk()
        self._ids = count(1)
        self._trades = count(1)
        # A book around 50 cents, of others.
        self.venue.buy(self.venue.bob, 40, 20)
        self.venue.sell(self.venue.bob, 60, 20)
        self.start()
        if is_ready:
            self.make_ready()

    @property
    def now_ns(self) -> int:
        return self.venue.now_ns

    def start(self) -> None:
        """Begin an engine process that knows all fills so far."""
        self.book = Book(self.venue)
        self.orders = BelievedOrders()
        seat = SimpleNamespace(
            view=self.book,
            is_open=True,
            sight=SimpleNamespace(obstacles=set()),
            maker=SimpleNamespace(no_quote_reasons=()),
        )
        self.engine: Any = SimpleNamespace(
            orders=self.orders,
            fills=FillLedger(),
            gate=SimpleNamespace(
                is_open=True,
                closed_by={},
                limits=LIMITS,
                may_quote=lambda market: True,
                watch=SimpleNamespace(losses=SimpleNamespace(reached=set())),
            ),
            seats={MARKET_ID: seat},
        )
        self.checker.started(self.now_ns, self.engine, self.disk, Recovered())

    def make_ready(self) -> None:
        """Tell the engine all that must be proven before a POST."""
        self.tell(ev.UserChannel(is_live=True, since_ns=self.now_ns))
        began_ns = self.now_ns
        self.tell(ev.OpenListed("", (), began_ns, began_ns))
        self.wait(2_000)
        now_ns = self.now_ns
        self.tell(ev.OpenListed("", (), now_ns, now_ns))
        self.read(now_ns)
        self.tell(ev.PreflightRead((), 0, now_ns, now_ns))
        self.tell(ev.BalancesRead(0, (), now_ns, now_ns))
        self.tell(ev.BeatAnswered(is_accepted=True, reason="", sent_ns=now_ns, recv_ns=now_ns))

    def read(self, began_ns: int) -> None:
        """Tell of complete lists of open orders and trades."""
        self.tell(ev.OpenListed("", (), began_ns, began_ns))
        self.tell(ev.TradesRead("", 0, (), began_ns, began_ns))

    def wait(self, ms: float, *, is_fresh: bool = True) -> None:
        """Let time pass; inputs stay fresh unless told otherwise."""
        self.venue.wait(ms)
        if is_fresh:
            self.senses.book_ns[MARKET_ID] = [self.now_ns, self.now_ns]
            self.senses.reference_ns = self.now_ns

    def tell(self, event: ev.Event) -> None:
        """Let the engine take an event; fills go into its ledger."""
        fills = event.fills if isinstance(event, ev.TradesRead) else (event,)
        for fill in fills:
            if isinstance(fill, ev.FillTold):
                self.engine.fills.apply(fill)
        self.checker.before_step(self.now_ns, event)
        self.checker.after_step(self.now_ns, event)

    def tick(self) -> None:
        """Let the engine take a step that means nothing."""
        self.tell(ev.Timer())

    # Orders

    def place(
        self,
        cents: float = 48,
        shares: float = 10,
        *,
        token: Token = Token.UP,
        side: Side = Side.BUY,
        order_id: int = 0,
    ) -> Place:
        """Make an intent."""
        number = order_id or next(self._ids)
        price_e4, size_e6 = round(cents * 100), round(shares * SHARE)
        return Place(number, MARKET.slug, token, side, price_e4, size_e6)

    def send(self, place: Place, order: str = "", *, is_planned: bool = True) -> str:
        """Write one order's bytes."""
        order = order or f"0xaa{place.order_id:062x}"
        if is_planned:
            self.disk.segment += encode_plan(order, MARKET_ID, place, self.now_ns)
        self.checker.at_send(Sent(self.now_ns, "post", MARKET_ID, (order,), (place,)))
        return order

    def arrive(self, place: Place, order: str, **more: Any) -> None:
        """Let an order reach the venue."""
        cents = more.pop("cents", place.price_e4 / 100)
        shares = more.pop("shares", place.size_e6 / SHARE)
        more.setdefault("post_only", True)
        token = more.pop("token", place.token)
        self.venue.order(self.venue.ann, place.side, cents, shares, token, order_id=order, **more)

    def believe(self, place: Place, order: str, life: Life = Life.LIVE) -> BelievedOrder:
        """Let the engine hold an order's whole size back."""
        believed = BelievedOrder(order, place, life, place.size_e6)
        self.orders.by_hash[order] = believed
        return believed

    def post(self, cents: float = 48, shares: float = 10, **more: Any) -> str:
        """Do all of it, right."""
        place = self.place(cents, shares, **more)
        order = self.send(place)
        self.believe(place, order)
        self.arrive(place, order)
        return order

    def cancel(self, order: str) -> None:
        """Write a cancel's bytes."""
        self.checker.at_send(Sent(self.now_ns, "cancel", "", (order,), ()))

    # Fills

    def fill(self, order: str, shares: float) -> None:
        """Let bob take some of it."""
        resting = self.checker.truth.find(order)
        assert resting is not None
        side = Side(1 - resting.side)
        cents = resting.price_e4 / 100
        self.venue.order(self.venue.bob, side, cents, shares, resting.token)

    def told_fill(
        self,
        order: str,
        shares: float,
        status: ev.Settlement = ev.Settlement.MATCHED,
        trade: str = "",
    ) -> ev.FillTold:
        """Make what the engine is told of a fill."""
        place = self.orders.by_hash[order].place
        size_e6 = round(shares * SHARE)
        return ev.FillTold(
            trade or f"trade {next(self._trades)}", order, 0, status, MARKET_ID, place.token,
            place.side, size_e6, size_e6 * place.price_e4, True, 0, 0, self.now_ns, self.now_ns,
        )  # fmt: skip

    def take_fill(self, order: str, shares: float, trade: str = "") -> ev.FillTold:
        """Tell of a fill that the venue has matched, believed as it must be."""
        self.fill(order, shares)
        told = self.told_fill(order, shares, trade=trade)
        believed = self.orders.by_hash[order]
        believed.reserve_e6 -= told.size_e6
        self.tell(told)
        return told


def fires(invariant: str, act: Callable[[], object]) -> str:
    """Hold that exactly this invariant fires; answer what it says."""
    with pytest.raises(Violated) as caught:
        act()
    assert caught.value.invariant == invariant, str(caught.value)
    assert str(caught.value.now_ns) in str(caught.value)
    return caught.value.text


def beat(moment: Moment, now_ns: int) -> None:
    """Tell of an accepted beat."""
    moment.tell(ev.BeatAnswered(is_accepted=True, reason="", sent_ns=now_ns, recv_ns=now_ns))
