"""A risk gate with real orders and fills behind it, and a book that may be quoted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from polymm.domain.market import Market
from polymm.domain.order import Place, Side, Token
from polymm.engine import evidence as ev
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.limits import RiskLimits
from polymm.engine.order_manager import OrderManager
from polymm.engine.risk import RiskGate

SECOND = 1_000_000_000
SHARE = 1_000_000
NOW = 1_000 * SECOND
CLOSE = NOW + 300 * SECOND
MARKET = "0xaa"
UP, DOWN = Token
BUY, SELL = Side

LIMITS: dict[str, Any] = {
    "max_market_e6": 100 * SHARE,
    "max_total_cost_e6": 200 * SHARE,
    "order_size_max_e6": 50 * SHARE,
    "loss_max_e6": 10 * SHARE,
    "markout_loss_max_e6": 4 * SHARE,
    "fill_margin_e6": 0,
    "levels_max": 9,
}


def limits(**changes: int) -> RiskLimits:
    return RiskLimits(**LIMITS | changes)


def market(condition_id: str = MARKET, **facts: Any) -> Market:
    return Market(
        slug=f"btc-{condition_id}",
        condition_id=condition_id,
        up_token="1",
        down_token="2",
        start_ns=0,
        end_ns=CLOSE,
        **facts,
    )


@dataclass
class FakeBudget:
    """Tokens as the test says."""

    orders: int = 60
    cancels: int = 120
    bursts: tuple[int, int] = (60, 120)

    def tokens(self, now_ns: int) -> tuple[int, int]:
        return self.orders, self.cancels

    def reserve(self, live: int) -> int:
        return -(-live * 120 // 100) + 1


@dataclass
class FakeView:
    """A book of 0.45 to 0.55, proven just now, that the test may change."""

    best_bid_e4: int = 4_500
    best_ask_e4: int = 5_500
    has_epoch: bool = True
    tick_e4: int = 100
    last_trade_e4: int = 5_000
    timestamp_ms: int = 0
    proven_ns: Sequence[int] = (NOW, NOW)
    reference_ns: int = NOW
    is_contradicted: bool = False
    quote: Any = None

    def set_inventory(self, up_e6: int, down_e6: int, unsellable_up_e6: int = 0) -> None: ...

    def set_working(
        self, bid_e4: int, bid_e6: int, ask_e4: int, ask_e6: int, now_ns: int
    ) -> None: ...

    def evaluate(self, now_ns: int) -> int:
        return 0


@dataclass
class Scene:
    """One gate, told things as the engine tells them."""

    cash: float = 1_000.0
    limits: RiskLimits = field(default_factory=limits)
    budget: FakeBudget = field(default_factory=FakeBudget)
    view: FakeView = field(default_factory=FakeView)
    now_ns: int = NOW

    def __post_init__(self) -> None:
        self.fills = FillLedger()
        self.orders = OrderManager(self.fills)
        self.gate = RiskGate(self.limits, self.orders, self.fills, self.budget)
        self.fills.correct(ev.Correction("cash", "", None, 0, round(self.cash * 1e6), 0))
        self.n = 0

    def place(
        self, token: Token = UP, side: Side = BUY, price: float = 0.40, size: float = 10
    ) -> Place:
        self.n += 1
        return Place(self.n, "btc", token, side, round(price * 1e4), round(size * 1e6))

    def check(
        self,
        token: Token = UP,
        side: Side = BUY,
        price: float = 0.40,
        size: float = 10,
        condition_id: str = MARKET,
    ) -> str:
        place = self.place(token, side, price, size)
        return self.gate.check(self.now_ns, market(condition_id), place, self.view)

    def plan(
        self,
        token: Token = UP,
        side: Side = BUY,
        price: float = 0.40,
        size: float = 10,
        condition_id: str = MARKET,
    ) -> str:
        """Believe in an order as if the gate had let it pass; its hash."""
        place = self.place(token, side, price, size)
        order = f"0x{place.order_id}"
        self.orders.plan(self.now_ns, condition_id, place)
        self.tell(ev.Signed(place.order_id, order))
        return order

    def sent(self, *args: Any, **more: Any) -> str:
        """An order on its way."""
        order = self.plan(*args, **more)
        self.tell(ev.Written((order,), self.now_ns))
        return order

    def tell(self, event: ev.Event) -> None:
        self.orders.apply(self.now_ns, event)
        self.gate.note(self.now_ns, event)

    def wait(self, seconds: float) -> None:
        """Let time pass, with books that stay fresh."""
        self.now_ns += round(seconds * SECOND)
        self.view.proven_ns = self.now_ns, self.now_ns
        if self.now_ns >= self.orders.next_timer_ns:
            self.orders.tick(self.now_ns)
        if self.now_ns >= self.gate.next_timer_ns:
            self.gate.tick(self.now_ns)

    def answered(
        self,
        order: str,
        verdict: ev.PlaceVerdict = ev.PlaceVerdict.LIVE,
        reason: str = "",
        *,
        took_s: float = 0.01,
        retry_after_s: float = 0,
    ) -> None:
        sent_ns = self.now_ns - round(took_s * SECOND)
        wait_ns = round(retry_after_s * SECOND)
        self.tell(ev.PlaceAnswered(order, verdict, reason, sent_ns, self.now_ns, wait_ns))

    def fill(
        self,
        token: Token = UP,
        side: Side = BUY,
        price: float = 0.40,
        size: float = 10,
        status: ev.Settlement = ev.Settlement.CONFIRMED,
        trade: str = "",
        condition_id: str = MARKET,
        order: str = "0xpast",
    ) -> ev.FillTold:
        """A fill, of an order that nobody asks about unless it is named."""
        self.n += 1
        told = ev.FillTold(
            trade or f"t{self.n}",
            order,
            0,
            status,
            condition_id,
            token,
            side,
            round(size * 1e6),
            round(price * 1e4) * round(size * 1e6),
            True,
            0,
            0,
            self.now_ns,
            self.now_ns,
        )
        if order == "0xpast":
            self.fills.apply(told)
            self.gate.note(self.now_ns, told)
        else:
            self.tell(told)
        return told
