"""A scripted lane and book, and a stage where a maker meets a venue that says what it is told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from polymm._core.layout import NO_SIZE, REQUOTE
from polymm.domain.inventory import Portfolio
from polymm.domain.market import Market
from polymm.domain.order import (
    Accepted,
    Action,
    Cancel,
    Cancelled,
    CancelRefused,
    Fill,
    Merge,
    Place,
    Rejected,
)
from polymm.engine.events import BookChanged, Timer
from polymm.engine.maker import Maker
from polymm.engine.settings import MakerSettings
from polymm.engine.worth import Worth
from polymm.errors import InputError

MS = 1_000_000
T0 = 1_776_323_400_000_000_000
MARKET = Market(
    slug="btc-updown-5m-1776323400",
    condition_id="0x01",
    up_token="11111111",
    down_token="22222222",
    start_ns=T0,
    end_ns=T0 + 300_000 * MS,
)


class FakeQuote(NamedTuple):
    """What the scripted lane wants."""

    bid_e4: int = 4_900
    bid_e6: int = 10_000_000
    ask_e4: int = 5_100
    ask_sell_e6: int = 0
    ask_buy_e6: int = 10_000_000
    merge_e6: int = 0
    reasons: int = 0


SILENT = FakeQuote(0, 0, 0, 0, 0, 0, NO_SIZE)


@dataclass
class FakeBook:
    """A book of which only the top is known."""

    best_bid_e4: int = 4_900
    best_ask_e4: int = 5_100
    has_epoch: bool = True
    tick_e4: int = 100
    last_trade_e4: int = 0
    timestamp_ms: int = 0


@dataclass
class FakeLane:
    """Answers the quote it was given and asks for a requote by the documented rule."""

    event: bool
    quote: FakeQuote = field(default_factory=FakeQuote)
    interval_ns: int = 250 * MS
    cycle_ns: int = 1_000 * MS
    working: tuple[int, int, int, int, int] | None = None
    inventory: tuple[int, int] = (0, 0)
    unsellable_up_e6: int = 0
    evaluated: int = 0

    def set_inventory(self, up_e6: int, down_e6: int, unsellable_up_e6: int = 0) -> None:
        self.inventory = (up_e6, down_e6)
        self.unsellable_up_e6 = unsellable_up_e6
        if min(self.inventory) < 0:
            raise InputError("shares held must be at least 0")

    def set_working(self, bid_e4: int, bid_e6: int, ask_e4: int, ask_e6: int, now_ns: int) -> None:
        self.working = (bid_e4, bid_e6, ask_e4, ask_e6, now_ns)

    def evaluate(self, now_ns: int) -> int:
        self.evaluated += 1
        if self.working is None or now_ns - self.working[4] >= self.cycle_ns:
            return REQUOTE
        if not self.event or now_ns - self.working[4] < self.interval_ns:
            return 0
        quote = self.quote
        wanted = (quote.bid_e4, quote.bid_e6, quote.ask_e4, quote.ask_sell_e6 + quote.ask_buy_e6)
        return REQUOTE if wanted != self.working[:4] else 0


class Stage:
    """A maker, its script, and the time.

    Every call that steps the maker answers what it wants sent, and keeps it in `sent`.
    """

    def __init__(
        self, portfolio: Portfolio | None = None, worth: Worth | None = None, **settings: object
    ) -> None:
        self.settings = MakerSettings(**settings)
        self.lane = FakeLane(event=self.settings.cycle == "event", cycle_ns=self.settings.cycle_ns)
        self.book = FakeBook()
        self.maker = Maker(
            MARKET, self.book, self.lane, self.settings, portfolio=portfolio, worth=worth
        )
        self.now_ns = T0
        self.sent: list[Action] = []
        self._trades = 0

    def step(self, event: object, after_ms: float = 0) -> list[Action]:
        self.now_ns += int(after_ms * MS)
        actions = list(self.maker.step(self.now_ns, event))
        self.sent += actions
        return actions

    def frame(self, after_ms: float = 0) -> list[Action]:
        """A frame after which the lane says what it says."""
        self.now_ns += int(after_ms * MS)
        return self.step(BookChanged(self.lane.evaluate(self.now_ns)))

    def timer(self, after_ms: float = 0) -> list[Action]:
        return self.step(Timer(), after_ms)

    def accept(self, actions: Sequence[Action]) -> None:
        for action in places(actions):
            self.step(Accepted(action.order_id))

    def reject(self, place: Place, reason: str = "post_only_crosses") -> list[Action]:
        return self.step(Rejected(place.order_id, reason))

    def prove(self, actions: Sequence[Action], filled_e6: int = 0) -> list[Action]:
        """Answer all cancels among the actions with their proof; answers what came of it."""
        answer: list[Action] = []
        for cancel in cancels(actions):
            answer += self.step(Cancelled(cancel.order_id, filled_e6))
        return answer

    def refuse(self, cancel: Cancel, reason: str = "unavailable") -> list[Action]:
        return self.step(CancelRefused(cancel.order_id, reason))

    def fill(self, place: Place, size_e6: int, trade_id: int | None = None) -> list[Action]:
        self._trades += 1
        trade = self._trades if trade_id is None else trade_id
        return self.step(fill_of(place, size_e6, trade, self.now_ns))

    def quoted(self) -> list[Place]:
        """Run a first cycle and let the venue accept it."""
        actions = self.frame()
        self.accept(actions)
        return places(actions)


def fill_of(place: Place, size_e6: int, trade_id: int, now_ns: int) -> Fill:
    return Fill(
        trade_id,
        place.order_id,
        place.slug,
        place.token,
        place.side,
        place.price_e4,
        size_e6,
        0,
        now_ns,
    )


def places(actions: Sequence[Action]) -> list[Place]:
    return [action for action in actions if isinstance(action, Place)]


def cancels(actions: Sequence[Action]) -> list[Cancel]:
    return [action for action in actions if isinstance(action, Cancel)]


def merges(actions: Sequence[Action]) -> list[Merge]:
    return [action for action in actions if isinstance(action, Merge)]
