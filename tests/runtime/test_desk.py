"""One maker at its desk: what a feed's obstacles do, what is recorded, which trades are undone."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from polymm._core.decode import Decoder
from polymm._core.lane import Lane
from polymm._core.layout import REQUOTE
from polymm.domain.inventory import Portfolio
from polymm.domain.market import NS
from polymm.engine.events import BookChanged
from polymm.engine.settings import MakerSettings
from polymm.runtime.clock import Clock
from polymm.runtime.desk import Desk, Shared
from polymm.runtime.doubts import Doubts
from polymm.runtime.stage_names import Stage, new_stages
from polymm.strategy.base import BaseParameters
from polymm.venues.polymarket.fill_book import FillBook
from polymm.venues.polymarket.results import CancelState, PlaceState
from polymm.venues.polymarket.user_events import TradeStatus
from tests.runtime.test_dispatch import MARKET, SHARE, own_fill
from tests.support.fake_entry import FakeEntry

BOOK = (
    b'{"event_type":"book","market":"0xc0","asset_id":"71000001","timestamp":"61000",'
    b'"bids":[{"price":"0.47","size":"80"},{"price":"0.48","size":"120"}],'
    b'"asks":[{"price":"0.53","size":"120"},{"price":"0.52","size":"80"}]}'
)
PARAMETERS = BaseParameters(order_size_e6=5 * SHARE, max_position_e6=50 * SHARE)


class Feed:
    """A market in a feed of one socket, fed by hand."""

    def __init__(self) -> None:
        self.market = MARKET
        self._decoder = Decoder()
        slot = self._decoder.add_market(MARKET.up_token, MARKET.down_token)
        self.book = self._decoder.book(slot)
        self.lane = Lane(self.book, PARAMETERS, start_ns=MARKET.start_ns, end_ns=MARKET.end_ns)
        self._decoder.attach(slot, self.lane)

    def feed(self, frame: bytes, now_ns: int) -> int:
        return self._decoder.feed(frame, now_ns)

    def __getattr__(self, name: str) -> object:
        owner = self.lane if hasattr(self.lane, name) else self.book
        return getattr(owner, name)


class Scene:
    """A desk one second into its window; time moves when the scene says so."""

    def __init__(self) -> None:
        self.ns = 61 * NS
        clock = Clock(lambda: self.ns, lambda: self.ns)
        self.feed, self.entry = Feed(), FakeEntry()
        self.shared = Shared(
            clock=clock,
            entry=self.entry,
            settler=None,
            maker=MakerSettings(),
            close_margin_ns=NS,
            stages=new_stages(),
            portfolio=Portfolio(),
            doubts=Doubts(self.entry, lambda fills: None, clock.now_ns),
        )
        self.desk = Desk(
            self.shared,
            self.feed,  # type: ignore[arg-type]
            number=0,
            source="test",
            fill_form="trades",
        )
        self.fills = FillBook()

    def show(self, frame: bytes = BOOK) -> None:
        self.desk.on_book(self.feed.feed(frame, self.ns), self.ns)

    def answer_all(self) -> None:
        for order_id in list(self.entry._on_placed):
            self.entry.answer(order_id, PlaceState.LIVE)

    def cancel_all(self) -> None:
        for order_id in list(self.entry._on_cancelled):
            self.entry.answer_cancel(order_id, CancelState.CANCELED)
            self.desk.dispatch.prove(self.desk.dispatch.by_hash[order_id], 0)

    def fill(self, order_id: str, status: TradeStatus = TradeStatus.MATCHED) -> None:
        fill = replace(own_fill(order_id, 5 * SHARE), status=status)
        self.desk.take_fill(fill, self.fills.apply(fill, self.ns))


def played(act: Callable[[Scene], None]) -> None:
    async def play() -> None:
        scene = Scene()
        act(scene)
        scene.desk.end()

    asyncio.run(play())


def test_before_it_opens_it_watches_and_then_quotes_at_once() -> None:
    def act(scene: Scene) -> None:
        scene.show()
        assert scene.entry.orders == {}
        scene.desk.open()
        assert [order.price_e4 for order in scene.entry.orders.values()] == [4_900, 4_900]

    played(act)


def test_an_obstacle_pulls_at_once_and_its_end_quotes_again() -> None:
    def act(scene: Scene) -> None:
        scene.show()
        scene.desk.open()
        scene.answer_all()
        scene.ns += NS // 10
        scene.desk.on_obstacle("stale_up")
        assert len(scene.entry.cancels) == 2
        scene.desk.put_obstacle("no_heartbeat", stands=True)
        scene.cancel_all()
        assert scene.desk.is_flat
        scene.ns += NS // 10
        scene.desk.on_obstacle("")
        assert len(scene.entry.orders) == 2  # the other one still stands
        scene.desk.put_obstacle("no_heartbeat", stands=False)
        assert len(scene.entry.orders) == 4
        assert scene.desk.record.defects == {"obstacle_stale_up": 1, "obstacle_no_heartbeat": 1}
        scene.desk.recorder.finish(scene.ns)
        assert "no_heartbeat+stale_up" in scene.desk.record.no_quote_seconds

    played(act)


def test_nothing_is_quoted_from_a_feed_that_was_never_proven() -> None:
    def act(scene: Scene) -> None:
        scene.desk.on_obstacle("no_line")
        scene.show()
        scene.desk.open()
        assert scene.entry.orders == {}

    played(act)


def test_a_failed_trade_is_undone_and_nothing_more_is_quoted_on_that_belief() -> None:
    def act(scene: Scene) -> None:
        scene.show()
        scene.desk.open()
        scene.answer_all()
        order_id = next(iter(scene.entry.orders))
        scene.fill(order_id)
        assert len(scene.desk.record.fills) == 1
        assert not scene.desk.settled.is_all
        scene.fill(order_id, TradeStatus.FAILED)
        assert scene.desk.record.fills == []
        assert scene.desk.settled.is_all
        assert scene.desk.record.defects["failed_trades"] == 1
        assert len(scene.entry.cancels) == 1  # what was not filled
        placed = len(scene.entry.orders)
        scene.cancel_all()
        scene.ns += 2 * NS
        scene.desk.take(scene_book())
        assert len(scene.entry.orders) == placed

    played(act)


def scene_book() -> BookChanged:
    return BookChanged(REQUOTE)


def test_only_shares_on_the_chain_are_pairs() -> None:
    def act(scene: Scene) -> None:
        scene.show()
        scene.desk.open()
        up, down = scene.entry.orders
        scene.fill(up)
        scene.fill(down)
        assert scene.desk.settled.pairs_e6 == 0
        scene.fill(up, TradeStatus.MINED)
        assert scene.desk.settled.pairs_e6 == 0
        scene.fill(down, TradeStatus.CONFIRMED)
        assert scene.desk.settled.pairs_e6 == 5 * SHARE

    played(act)


def test_stages_are_counted_from_the_frame_that_caused_an_order() -> None:
    def act(scene: Scene) -> None:
        scene.show()
        scene.desk.open()
        stages = scene.shared.stages
        assert stages.count(Stage.DECODED) == 1
        assert stages.count(Stage.DECIDED) == 1
        assert stages.count(Stage.TICK_TO_TRADE) == 0  # a timer was the cause

    played(act)
