"""Orders between a maker and order entry: what is told to the maker, and when."""

import asyncio

import pytest

from polymm.domain.market import NS, Market
from polymm.domain.order import (
    Accepted,
    Cancel,
    Cancelled,
    CancelRefused,
    Fill,
    Place,
    Rejected,
    Reply,
    Side,
    Token,
)
from polymm.runtime import doubts
from polymm.runtime.dispatch import Dispatch, Sent
from polymm.runtime.doubts import Doubts
from polymm.venues.polymarket.fill_book import FillBook
from polymm.venues.polymarket.results import CancelState, PlaceState
from polymm.venues.polymarket.user_events import (
    FillNews,
    OrderChange,
    OrderEvent,
    OwnFill,
    TradeStatus,
)
from tests.support.fake_entry import FakeEntry

SHARE = 1_000_000
MARKET = Market(
    slug="btc-updown-1m-60",
    condition_id="0x" + "c0" * 32,
    up_token="71000001",
    down_token="71000002",
    start_ns=60 * NS,
    end_ns=120 * NS,
)


class Scene:
    """One dispatch over an entry that the scene answers for; time stands unless it is moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doubts, "WAITS_S", (0.001,) * 12)
        self.now_ns = 70 * NS
        self.replies: list[Reply] = []
        self.doubted: list[Sent] = []
        self.entry = FakeEntry()
        self.fills = FillBook()
        self.doubts = Doubts(self.entry, self.book, lambda: self.now_ns)
        self.asks = False
        self.dispatch = Dispatch(
            MARKET,
            self.entry,
            self.replies.append,
            self.doubt,
            lambda result: None,
            lambda: self.now_ns,
        )

    def doubt(self, sent: Sent) -> None:
        self.doubted.append(sent)
        if self.asks:
            self.doubts.raise_of(self.dispatch, sent)

    def book(self, fills: object) -> None:
        for fill in fills:  # type: ignore[attr-defined]
            if self.fills.apply(fill, self.now_ns) is FillNews.BOOKED:
                self.dispatch.take_fill(fill)

    def place(self, number: int = 1, size_e6: int = 5 * SHARE) -> str:
        place = Place(number, MARKET.slug, Token.UP, Side.BUY, 4_800, size_e6)
        self.dispatch.place([place], [7 * SHARE], 100)
        return self.dispatch.sent[number].order_id

    def cancel(self, number: int = 1) -> None:
        self.dispatch.cancel([Cancel(number, MARKET.slug)])

    def told(self, order_id: str, change: OrderChange, matched_e6: int, status: str = "") -> None:
        self.dispatch.take_event(
            OrderEvent(
                order_id=order_id,
                change=change,
                status=status,
                reason="",
                owner="me",
                condition_id=MARKET.condition_id,
                token_id=MARKET.up_token,
                side=Side.BUY,
                price_e4=4_800,
                size_e6=5 * SHARE,
                matched_e6=matched_e6,
                trade_ids=(),
                stamp_ms=1,
            )
        )

    def filled(self, order_id: str, size_e6: int, trade_id: str = "t") -> None:
        self.book([own_fill(order_id, size_e6, trade_id)])


def own_fill(order_id: str, size_e6: int, trade_id: str = "t") -> OwnFill:
    return OwnFill(
        trade_id=trade_id,
        order_id=order_id,
        status=TradeStatus.MATCHED,
        condition_id=MARKET.condition_id,
        token_id=MARKET.up_token,
        side=Side.BUY,
        size_e6=size_e6,
        cash_e10=4_800 * size_e6,
        is_maker=True,
        matched_s=70,
        stamp_ms=70_001,
    )


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


def kinds(replies: list[Reply]) -> list[type]:
    return [type(reply) for reply in replies]


def test_an_answer_becomes_a_reply_under_the_engines_number(scene: Scene) -> None:
    scene.entry.answer(scene.place(3), PlaceState.LIVE)
    scene.entry.answer(scene.place(4), PlaceState.REJECTED, "post_only_crosses")
    scene.entry.answer(scene.place(5), PlaceState.NOT_SENT, "order_budget")
    assert scene.replies == [
        Accepted(3),
        Rejected(4, "post_only_crosses"),
        Rejected(5, "order_budget"),
    ]
    assert [sent.end for sent in scene.dispatch.sent.values()] == ["", "rejected", "rejected"]


def test_a_fill_before_the_answer_is_life_and_is_told_once(scene: Scene) -> None:
    order_id = scene.place()
    scene.filled(order_id, 2 * SHARE)
    scene.filled(order_id, 2 * SHARE)
    scene.entry.answer(order_id, PlaceState.LIVE)
    assert kinds(scene.replies) == [Accepted, Fill]
    fill = scene.replies[1]
    assert isinstance(fill, Fill)
    assert (fill.price_e4, fill.size_e6, fill.fee_e6) == (4_800, 2 * SHARE, 0)
    assert fill.counter_fee_e6 == MARKET.fees.taker_fee_e6(4_800, 2 * SHARE)
    assert (fill.front_e6, fill.exch_ns) == (7 * SHARE, 70_001 * 1_000_000)


def test_a_refusal_of_an_order_that_was_seen_alive_changes_nothing(scene: Scene) -> None:
    order_id = scene.place()
    scene.told(order_id, OrderChange.PLACEMENT, 0)
    scene.entry.answer(order_id, PlaceState.REJECTED, "refused")
    assert scene.replies == [Accepted(1)]
    assert scene.dispatch.counts == {"refused_alive": 1}


def test_a_cancel_waits_for_the_placements_answer(scene: Scene) -> None:
    order_id = scene.place()
    scene.cancel()
    assert scene.entry.cancels == []
    scene.entry.answer(order_id, PlaceState.LIVE)
    assert scene.entry.cancels == [order_id]


def test_a_cancel_is_done_when_it_is_told_how_much_was_filled(scene: Scene) -> None:
    order_id = scene.place()
    scene.entry.answer(order_id, PlaceState.LIVE)
    scene.cancel()
    scene.entry.answer_cancel(order_id, CancelState.CANCELED)
    assert scene.replies == [Accepted(1)]
    scene.told(order_id, OrderChange.CANCELLATION, 2 * SHARE)
    assert scene.replies[1:] == [Cancelled(1, 2 * SHARE, "requested")]
    scene.filled(order_id, 2 * SHARE)
    assert kinds(scene.replies[2:]) == [Fill]


def test_the_venues_own_cancellation_says_so_and_a_closed_market_too(scene: Scene) -> None:
    for number, status in ((1, "INVALID"), (2, "CANCELED_MARKET_RESOLVED")):
        order_id = scene.place(number)
        scene.entry.answer(order_id, PlaceState.LIVE)
        scene.told(order_id, OrderChange.CANCELLATION, 0, status)
    assert [r for r in scene.replies if isinstance(r, Cancelled)] == [
        Cancelled(1, 0, "venue"),
        Cancelled(2, 0, "expired"),
    ]


def test_a_cancel_that_found_nothing_is_not_repeated_and_is_asked_about(scene: Scene) -> None:
    order_id = scene.place()
    scene.entry.answer(order_id, PlaceState.LIVE)
    scene.cancel()
    scene.entry.answer_cancel(order_id, CancelState.NOT_CANCELED, "matched")
    assert scene.replies[1:] == [CancelRefused(1, "matched")]
    assert scene.doubted == [scene.dispatch.sent[1]]
    scene.cancel()
    assert scene.entry.cancels == [order_id]


def test_a_cancel_that_never_left_may_be_sent_again(scene: Scene) -> None:
    order_id = scene.place()
    scene.entry.answer(order_id, PlaceState.LIVE)
    scene.cancel()
    scene.entry.answer_cancel(order_id, CancelState.NOT_SENT, "busy")
    assert scene.replies[1:] == [CancelRefused(1, "unavailable")]
    scene.cancel()
    assert scene.entry.cancels == [order_id, order_id]


def test_an_order_that_is_done_a_lot_short_leaves_its_place(scene: Scene) -> None:
    order_id = scene.place()
    scene.entry.answer(order_id, PlaceState.LIVE)
    scene.filled(order_id, 5 * SHARE - 10_000)
    assert scene.dispatch.open == []
    assert scene.replies[-1] == Cancelled(1, 5 * SHARE - 10_000, "venue")
    scene.filled(order_id, 10_000, "the rest")
    assert scene.dispatch.sent[1].booked_e6 == 5 * SHARE


def test_a_new_grid_is_that_of_the_next_order(scene: Scene) -> None:
    place = Place(1, MARKET.slug, Token.UP, Side.BUY, 9_855, 5 * SHARE)
    scene.dispatch.place([place], [0], 10)
    (order,) = scene.entry.orders.values()
    assert order.market.tick_e4 == 10


async def drained(scene: Scene) -> None:
    for _ in range(60):
        await asyncio.sleep(0.001)
        if not any(sent.is_doubtful for sent in scene.doubted):
            return
    raise AssertionError("doubts must end")


def test_an_unknown_placement_that_is_listed_is_alive(scene: Scene) -> None:
    async def run() -> None:
        scene.asks = True
        order_id = scene.place()
        scene.entry.is_down = True
        scene.entry.answer(order_id, PlaceState.UNKNOWN, "timeout")
        await asyncio.sleep(0.003)
        assert scene.replies == []
        scene.entry.is_down = False
        scene.entry.list_order(order_id)
        await drained(scene)

    asyncio.run(run())
    assert scene.replies == [Accepted(1)]


def test_an_unknown_placement_counts_as_live_until_it_cannot_arrive_any_more(scene: Scene) -> None:
    async def run() -> None:
        scene.asks = True
        scene.entry.answer(scene.place(), PlaceState.UNKNOWN, "timeout")
        await asyncio.sleep(0.004)
        assert scene.replies == []
        scene.now_ns += 10 * NS
        await drained(scene)

    asyncio.run(run())
    assert scene.replies == [Rejected(1, "never_rested")]


def test_an_unknown_placement_that_is_wanted_gone_is_cancelled_blindly(scene: Scene) -> None:
    async def run() -> None:
        scene.asks = True
        order_id = scene.place()
        scene.entry.answer(order_id, PlaceState.UNKNOWN, "closed")
        scene.cancel()
        for _ in range(20):
            await asyncio.sleep(0.001)
            if scene.entry.cancels:
                break
        scene.entry.answer_cancel(order_id, CancelState.CANCELED)
        await drained(scene)

    asyncio.run(run())
    assert scene.replies == [Cancelled(1, 0, "requested")]


def test_fills_that_the_channel_lost_are_read_from_the_list(scene: Scene) -> None:
    async def run() -> None:
        scene.asks = True
        order_id = scene.place()
        scene.entry.answer(order_id, PlaceState.LIVE)
        scene.cancel()
        scene.entry.list_trade(order_id, 3 * SHARE)
        scene.entry.answer_cancel(order_id, CancelState.CANCELED)
        await drained(scene)

    asyncio.run(run())
    assert kinds(scene.replies) == [Accepted, Fill, Cancelled]
    assert scene.replies[2] == Cancelled(1, 3 * SHARE, "requested")


def test_a_debt_is_asked_for_until_the_trade_is_listed(scene: Scene) -> None:
    async def run() -> None:
        scene.asks = True
        order_id = scene.place()
        scene.entry.answer(order_id, PlaceState.LIVE)
        scene.told(order_id, OrderChange.UPDATE, 4 * SHARE)
        await asyncio.sleep(0.004)
        assert kinds(scene.replies) == [Accepted]
        scene.entry.list_order(order_id, 4 * SHARE)
        scene.entry.list_trade(order_id, 4 * SHARE)
        await drained(scene)

    asyncio.run(run())
    assert kinds(scene.replies) == [Accepted, Fill]


def test_what_stays_unknown_stays_live(scene: Scene) -> None:
    async def run() -> None:
        scene.asks = True
        order_id = scene.place()
        scene.entry.answer(order_id, PlaceState.UNKNOWN, "timeout")
        scene.entry.is_down = True
        await drained(scene)

    asyncio.run(run())
    assert scene.replies == []
    assert scene.dispatch.open == [scene.dispatch.sent[1]]
    assert scene.doubts.counts["unresolved"] == 1
