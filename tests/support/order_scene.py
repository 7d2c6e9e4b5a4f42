"""One account's orders as an order manager believes in them: evidence in, belief and wishes out.

Times are in seconds here; sizes in shares. The first order is placed at second 0.
"""

from polymm.domain.order import Place, Reply, Side, Token
from polymm.engine.actions import Action, Alarm, CancelOrders, ReadOpen, ReadOrder, ReadTrades
from polymm.engine.evidence import (
    CancelAnswered,
    CancelVerdict,
    CancelWritten,
    Event,
    FillTold,
    OpenListed,
    OpenSeen,
    OrderNews,
    OrderRead,
    OrderTold,
    PlaceAnswered,
    PlaceVerdict,
    Settlement,
    Signed,
    TradesRead,
    Written,
)
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.order_life import Life, Order
from polymm.engine.order_manager import OrderManager
from polymm.engine.order_settings import OrderSettings

MARKET = "0xmarket"
SECOND = 1_000_000_000
SHARE = 1_000_000
SIZE = 10
BEGIN = 1_000_000 * SECOND
SETTINGS = OrderSettings()

# The words of evidence as scripts write them; FULL is a whole order in micro-shares.
LIVE, UNKNOWN, REJECTED = PlaceVerdict.LIVE, PlaceVerdict.UNKNOWN, PlaceVerdict.REJECTED
GONE, KEPT, LOST = CancelVerdict.CANCELED, CancelVerdict.NOT_CANCELED, CancelVerdict.UNKNOWN
REFUSED, NOT_SENT = CancelVerdict.REFUSED, CancelVerdict.NOT_SENT
PLACEMENT, UPDATE, CANCELLATION = OrderNews
MINED, CONFIRMED, VOID = Settlement.MINED, Settlement.CONFIRMED, Settlement.VOID
FULL = SIZE * SHARE

# Everything about one order's belief that no order of arrival may change.
Belief = tuple[object, ...]


def ns(seconds: float) -> int:
    """A moment of the scene."""
    return BEGIN + round(seconds * SECOND)


def placed(verdict: PlaceVerdict, recv: float, order: str = "A", reason: str = "") -> PlaceAnswered:
    sent_ns = 0 if verdict is PlaceVerdict.NOT_SENT else ns(0)
    return PlaceAnswered(order, verdict, reason, sent_ns, ns(recv))


def canceled(
    verdict: CancelVerdict, sent: float, recv: float, order: str = "A", reason: str = ""
) -> CancelAnswered:
    return CancelAnswered(order, verdict, reason, ns(sent), ns(recv))


def told(
    news: OrderNews, recv: float, matched: float = 0, order: str = "A", status: str = ""
) -> OrderTold:
    matched_e6 = round(matched * SHARE)
    return OrderTold(order, news, status, MARKET, matched_e6, 0, ns(recv))


def fill(
    trade: str,
    recv: float,
    size: float,
    status: Settlement = Settlement.MATCHED,
    order: str = "A",
    leg: int = 0,
) -> FillTold:
    size_e6 = round(size * SHARE)
    return FillTold(
        trade,
        order,
        leg,
        status,
        MARKET,
        Token.UP,
        Side.BUY,
        size_e6,
        size_e6 * 4_900,
        is_maker=True,
        fee_e6=0,
        counter_fee_e6=7,
        stamp_ns=ns(recv - 0.1),
        recv_ns=ns(recv),
    )


def seen(matched: float = 0, order: str = "A") -> OpenSeen:
    return OpenSeen(order, MARKET, round(matched * SHARE), SIZE * SHARE)


def listed(began: float, *orders: OpenSeen, market: str = MARKET) -> OpenListed:
    return OpenListed(market, orders, ns(began), ns(began + 0.05))


def asked(began: float, found: OpenSeen | None = None, order: str = "A") -> OrderRead:
    return OrderRead(order, found, ns(began), ns(began + 0.05))


def trades(began: float, *fills: FillTold, market: str = MARKET) -> TradesRead:
    return TradesRead(market, ns(-60), fills, ns(began), ns(began + 0.05))


class OrderScene:
    """An order manager with orders named by letters.

    Attributes:
        now: Of the last step, seconds.
        sent: All actions so far, with their time.
        replies: All replies so far.
    """

    def __init__(self) -> None:
        self.fills = FillLedger()
        self.manager = OrderManager(self.fills, SETTINGS)
        self.now = 0.0
        self.sent: list[tuple[float, Action]] = []
        self.replies: list[Reply] = []

    def plan(self, name: str = "A", at: float = 0, *, size: float = SIZE) -> Order:
        """Plan and sign an order."""
        number = ord(name) - ord("A") + 1
        place = Place(number, "slug", Token.UP, Side.BUY, 4_900, round(size * SHARE))
        order = self.manager.plan(ns(at), MARKET, place, front_e6=3 * SHARE)
        self.step(at, Signed(number, name))
        return order

    def send(self, name: str = "A", at: float = 0, *, size: float = SIZE) -> Order:
        """Plan, sign and write an order."""
        order = self.plan(name, at, size=size)
        self.step(at, Written((name,), ns(at)))
        return order

    def rest(self, name: str = "A", *, size: float = SIZE) -> Order:
        """Send an order at second 0 that is accepted at once."""
        order = self.send(name, size=size)
        self.step(0.1, placed(PlaceVerdict.LIVE, 0.1, name))
        return order

    def step(self, at: float, *events: Event) -> list[Action]:
        """Take events at one moment, and let time pass to it; what was asked for."""
        self.now = at
        for event in events:
            self.manager.apply(ns(at), event)
        self.manager.tick(ns(at))
        return self.drain()

    def cancel(self, at: float, name: str = "A") -> list[Action]:
        """Want an order gone; the bytes go where the manager asks for them."""
        self.now = at
        self.manager.want_cancel(ns(at), self.manager.by_hash[name].place.order_id)
        return self.write(at)

    def write(self, at: float) -> list[Action]:
        """Hand over the bytes of cancels that were asked for."""
        actions = self.drain()
        for action in actions:
            if isinstance(action, CancelOrders):
                self.step(at, CancelWritten(action.orders, ns(at)))
        return actions

    def run(self, until: float) -> None:
        """Let time pass from timer to timer, writing cancels."""
        while (next_ns := self.manager.next_timer_ns) <= ns(until):
            self.now = (next_ns - BEGIN) / SECOND
            self.manager.tick(next_ns)
            self.write(self.now)
        self.step(until)

    def drain(self) -> list[Action]:
        """Take what is asked for and told."""
        actions = list(self.manager.actions)
        self.manager.actions.clear()
        self.sent += [(self.now, action) for action in actions]
        self.replies += [reply for _, reply in self.manager.replies]
        self.manager.replies.clear()
        return actions

    # What was asked for

    @property
    def cancels(self) -> list[float]:
        """When cancels were sent."""
        return [at for at, action in self.sent if isinstance(action, CancelOrders)]

    def reads(self, kind: type[ReadOrder | ReadOpen | ReadTrades]) -> list[float]:
        """When reads of a kind were asked for."""
        return [at for at, action in self.sent if isinstance(action, kind)]

    @property
    def alarms(self) -> list[str]:
        """Names of alarms so far."""
        return [action.name for _, action in self.sent if isinstance(action, Alarm)]

    # What is believed

    def life(self, name: str = "A") -> Life:
        return self.manager.by_hash[name].life

    def belief(self) -> Belief:
        """All that is believed of orders, fills and shares."""
        orders = tuple(
            (order.order, order.life, order.matched_e6, order.reserve_e6, order.debt_e6)
            for order in self.manager.by_id.values()
        )
        fills = frozenset((told.key, told.status) for told in self.fills.fills(MARKET))
        up = self.fills.position(MARKET, Token.UP)
        held = (up.low_e6, up.high_e6, up.booked_e6, up.confirmed_e6)
        live = frozenset(order.order for order in self.manager.potentially_live())
        return orders, fills, held, self.fills.total.booked_e10, live


def read_all(scene: OrderScene, first: float) -> None:
    """Two complete lists, a query and, when all are told, the trades; none shows the order."""
    for at in (first, first + 1):
        scene.step(at + 0.1, listed(at), asked(at), trades(at))
    scene.step(first + 8.2, trades(first + 8.1))
