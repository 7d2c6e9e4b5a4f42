"""One desk and its engine: what obstacles do, what is recorded, which trades are undone."""

from polymm.domain.market import NS
from polymm.engine import evidence as ev
from polymm.runtime.stage_names import Stage
from tests.support.trading_scene import MARKET, SHARE, TradingScene, played


def test_before_it_opens_it_watches_and_then_quotes_at_once() -> None:
    async def act(scene: TradingScene) -> None:
        await scene.ready()
        scene.show()
        assert scene.venue.orders == {}
        scene.desk.open()
        assert [place.price_e4 for place in scene.venue.orders.values()] == [4_900, 4_900]
        assert [sent.front_e6 for sent in scene.desk.sent.values()] == [0, 0]

    played(act)


def test_nothing_is_quoted_before_everything_is_proven() -> None:
    async def act(scene: TradingScene) -> None:
        scene.show()
        scene.desk.open()
        await scene.turn(NS)
        assert scene.venue.orders == {}
        await scene.ready()
        assert len(scene.venue.orders) == 2

    played(act)


def test_an_obstacle_pulls_at_once_and_its_end_quotes_again() -> None:
    async def act(scene: TradingScene) -> None:
        await scene.ready()
        scene.show()
        scene.desk.open()
        await scene.turn()
        assert (scene.desk.live_n, scene.desk.best(0)) == (2, (4_900, 5 * SHARE))
        scene.ns += NS // 10
        scene.desk.on_obstacle("stale_up")
        assert len(scene.venue.cancels) == 2
        scene.trading.pump.take(ev.Obstacle(MARKET.condition_id, "no_reference", True))
        await scene.turn()
        assert scene.desk.is_flat
        scene.ns += NS // 10
        scene.desk.on_obstacle("")
        assert len(scene.venue.orders) == 2  # the other one still stands
        scene.trading.pump.take(ev.Obstacle(MARKET.condition_id, "no_reference", False))
        assert len(scene.venue.orders) == 4
        assert scene.desk.record.defects == {"obstacle_stale_up": 1}
        scene.desk.recorder.finish(scene.ns)
        assert "no_reference+stale_up" in scene.desk.record.no_quote_seconds

    played(act)


def test_nothing_is_quoted_from_a_feed_that_was_never_proven() -> None:
    async def act(scene: TradingScene) -> None:
        scene.desk.on_obstacle("no_line")
        await scene.ready()
        scene.show()
        scene.desk.open()
        assert scene.venue.orders == {}

    played(act)


def test_a_failed_trade_is_undone_in_the_report_and_in_what_is_held() -> None:
    async def act(scene: TradingScene) -> None:
        await scene.ready()
        scene.show()
        scene.desk.open()
        await scene.turn()
        order = next(iter(scene.venue.orders))
        scene.venue.fill(order, 5 * SHARE)
        assert len(scene.desk.record.fills) == 1
        assert scene.desk.shares_e6 == (5 * SHARE, 0)
        assert not scene.trading.is_settled(MARKET.condition_id)
        scene.venue.fill(order, 5 * SHARE, ev.Settlement.VOID)
        assert scene.desk.record.fills == []
        assert scene.desk.shares_e6 == (0, 0)
        assert scene.trading.is_settled(MARKET.condition_id)
        assert scene.desk.record.defects["failed_trades"] == 1
        assert next(iter(scene.desk.sent.values())).booked_e6 == 0

    played(act)


def test_only_shares_on_the_chain_are_merged() -> None:
    async def act(scene: TradingScene) -> None:
        await scene.ready()
        scene.show()
        scene.desk.open()
        await scene.turn()
        up, down = scene.venue.orders
        scene.venue.fill(up, 5 * SHARE)
        scene.venue.fill(down, 5 * SHARE)
        await scene.turn(2 * NS)
        assert scene.venue.merges == []
        scene.venue.fill(up, 5 * SHARE, ev.Settlement.CONFIRMED)
        assert scene.venue.merges == []
        scene.venue.fill(down, 5 * SHARE, ev.Settlement.CONFIRMED)
        await scene.turn()
        assert scene.venue.merges == [5 * SHARE]
        assert scene.desk.shares_e6 == (0, 0)
        assert [pairs_e6 for _, pairs_e6 in scene.desk.record.merges] == [5 * SHARE]

    played(act)


def test_stages_are_counted_from_the_frame_that_caused_an_order() -> None:
    async def act(scene: TradingScene) -> None:
        await scene.ready()
        scene.show()
        scene.desk.open()
        assert scene.stages.count(Stage.DECODED) == 1
        assert scene.stages.count(Stage.TICK_TO_TRADE) == 0

    played(act)
