"""All parts together: what an event sets off, and in which order it is carried out."""

import pytest

from polymm.domain.market import NS
from polymm.domain.order import Side, Token
from polymm.engine import actions as act
from polymm.engine import evidence as ev
from polymm.engine.engine import IDS_A_MARKET
from polymm.engine.records import MarketKnown, MergeAsked, OrderPlanned
from polymm.engine.recovered import Recovered
from tests.support.engine_scene import EngineScene
from tests.support.fake_lane import FakeQuote
from tests.support.proving_scene import START_NS, make_market
from tests.support.proving_venue import MARKET, MS, TEN


def trading(**maker: object) -> EngineScene:
    """An engine that quotes both sides of one market."""
    scene = EngineScene(**maker)
    scene.add()
    scene.begin()
    scene.open()
    assert len(scene.resting) == 2
    return scene


def test_nothing_is_placed_before_everything_is_proven() -> None:
    scene = EngineScene()
    scene.add()
    scene.tell(ev.MarketOpened(MARKET))
    scene.look()
    assert not scene.places()
    assert not scene.engine.gate.counts["cash"], "its maker does not even want to"
    scene.begin()
    scene.run(2 * NS)
    assert len(scene.resting) == 2


def test_the_first_step_of_a_start_cancels_everything() -> None:
    scene = EngineScene()
    scene.begin()
    assert act.Sweep("") in [action for at_ns, action in scene.log if at_ns == scene.log[0][0]]


def test_a_cycle_cancels_and_places_again_only_when_that_is_proven() -> None:
    scene = trading()
    scene.run(NS)
    kinds = [type(action) for action in scene.asked(act.Post | act.CancelOrders)]
    assert kinds[:3] == [act.Post, act.CancelOrders, act.Post]


def test_what_the_gate_refuses_is_not_sent_and_its_maker_knows_why() -> None:
    scene = trading()
    view = scene.views[MARKET]
    view.lane.quote = FakeQuote(bid_e6=11 * TEN)
    scene.run(NS)
    seat = scene.engine.seats[MARKET]
    assert [place.side for _, place in scene.resting.values()] == [Side.BUY]
    assert [place.token for _, place in scene.resting.values()] == [Token.DOWN]
    assert seat.maker.counts["rejected_size_cap"] >= 1
    assert scene.engine.gate.counts["size_cap"] >= 1


def test_an_obstacle_of_one_market_pulls_that_one_alone() -> None:
    scene = EngineScene()
    scene.add()
    scene.add(make_market("0xbeef"))
    scene.begin()
    scene.open()
    scene.open("0xbeef")
    scene.tell(ev.Obstacle(MARKET, "stale_up", stands=True))
    assert {market for market, _ in scene.resting.values()} == {"0xbeef"}
    scene.tell(ev.Obstacle("", "no_line", stands=True))
    assert not scene.resting


def test_a_kill_cancels_all_in_the_same_step_and_nothing_follows() -> None:
    scene = trading()
    posts = len(scene.asked(act.Post))
    scene.tell(ev.Kill("file"))
    assert scene.log[-1][0] == scene.now_ns
    assert act.Sweep("") in [action for at_ns, action in scene.log if at_ns == scene.now_ns]
    scene.run(30 * NS)
    assert len(scene.asked(act.Post)) == posts
    (finished,) = scene.asked(act.Finished)
    assert (finished.code, finished.left) == ("halted", ())


def test_pairs_are_merged_once_all_of_them_are_on_the_chain() -> None:
    scene = trading(merge_enabled=True)
    orders = list(scene.resting)
    told = [scene.fill(order) for order in orders]
    scene.views[MARKET].lane.quote = FakeQuote(merge_e6=TEN, bid_e6=0, ask_buy_e6=0)
    scene.run(2 * NS)
    assert not scene.asked(act.MergePairs), "nothing of it is on the chain"
    scene.tell(told[0]._replace(status=ev.Settlement.CONFIRMED))
    assert not scene.asked(act.MergePairs)
    scene.tell(told[1]._replace(status=ev.Settlement.CONFIRMED))
    assert scene.asked(act.MergePairs) == [act.MergePairs(MARKET, TEN)]
    inventory = scene.engine.seats[MARKET].maker.inventory
    assert (inventory.up_e6, inventory.down_e6, inventory.merging_e6) == (0, 0, 0)
    assert scene.engine.fills.pairs_confirmed_e6(MARKET) == 0


def test_a_fill_whose_settlement_fails_is_taken_back_from_the_maker_too() -> None:
    scene = trading()
    told = scene.fill(next(iter(scene.resting)))
    inventory = scene.engine.seats[MARKET].maker.inventory
    assert inventory.up_e6 == TEN
    scene.tell(told._replace(status=ev.Settlement.VOID))
    assert (inventory.up_e6, inventory.down_e6, inventory.cash_e10) == (0, 0, 0)


def known_before() -> Recovered:
    """A journal that tells of one order that may be live."""
    known = Recovered()
    scene = trading()
    (order, (_, place)) = next(iter(scene.resting.items()))
    known.apply(MarketKnown(make_market(), scene.now_ns))
    known.apply(OrderPlanned(order, MARKET, place, scene.now_ns))
    return known


def test_a_fill_of_an_order_of_an_earlier_run_reaches_its_maker() -> None:
    known = known_before()
    (order,) = known.orders
    scene = EngineScene(known)
    place = known.orders[order].plan.place
    scene.add()
    scene.resting[order] = (MARKET, place)
    scene.fill(order)
    scene.begin()
    maker = scene.engine.seats[MARKET].maker
    assert maker.inventory.up_e6 == TEN
    assert not maker.owns(place.order_id)
    scene.open()
    assert min(place.order_id for place in scene.places()) > place.order_id


def test_what_is_held_by_the_ledger_is_the_inventory_of_a_new_maker() -> None:
    known = known_before()
    (order,) = known.orders
    place = known.orders[order].plan.place
    told = (place.token, place.side, TEN, TEN * place.price_e4, True, 0, 0, 1, 1)
    known.apply(ev.FillTold("t1", order, 0, ev.Settlement.CONFIRMED, MARKET, *told))
    scene = EngineScene(known)
    scene.add()
    inventory = scene.engine.seats[MARKET].maker.inventory
    assert (inventory.up_e6, inventory.cash_e10) == (TEN, -TEN * place.price_e4)


def test_a_window_is_pulled_before_its_end_and_forgotten_when_it_is_settled() -> None:
    scene = trading()
    end_ns = scene.engine.seats[MARKET].market.end_ns
    scene.run(end_ns - 2 * NS - scene.now_ns)
    assert not scene.resting
    assert scene.engine.seats[MARKET].maker.is_closing
    posts = len(scene.asked(act.Post))
    scene.run(3 * NS)
    assert len(scene.asked(act.Post)) == posts
    assert scene.engine.reconciler.is_closed_clean(MARKET)
    scene.tell(ev.MarketSettled(MARKET, 0))
    engine = scene.engine
    assert not engine.seats
    assert not engine.orders.by_id
    assert len(engine.fills) == 0


@pytest.mark.parametrize("markets", [1, 3])
def test_numbers_of_orders_never_meet(markets: int) -> None:
    scene = EngineScene()
    for number in range(markets):
        scene.add(make_market(f"0x{number}"))
    scene.begin()
    for number in range(markets):
        scene.open(f"0x{number}")
    numbers = [place.order_id for place in scene.places()]
    assert len(set(numbers)) == len(numbers) == 2 * markets
    assert max(numbers) < markets * IDS_A_MARKET


def test_what_nobody_waits_for_asks_for_no_timer_in_the_past() -> None:
    scene = trading()
    for _ in range(50):
        scene.run(NS // 7)
        assert scene.engine.next_timer_ns > scene.now_ns


def test_an_obstacle_pulls_what_a_maker_would_leave() -> None:
    scene = trading(early_exit="leave")
    scene.tell(ev.Obstacle(MARKET, "stale_up", stands=True))
    assert not scene.resting


def test_a_limit_that_is_reached_pulls_what_would_add_to_it() -> None:
    scene = trading(requote="diff")
    scene.engine.gate.restrict(scene.now_ns, "loss_limit")
    scene.run(NS)
    assert not scene.resting
    scene.run(5 * NS)
    assert not scene.resting, "a flat market has nothing to reduce"


def test_a_fill_of_an_order_that_nobody_knows_reaches_the_maker() -> None:
    scene = trading()
    told = ev.FillTold(
        "t9", "0xlost", 0, ev.Settlement.CONFIRMED, MARKET, Token.UP, Side.BUY, TEN,
        TEN * 4_800, True, 0, 0, scene.now_ns, scene.now_ns,
    )  # fmt: skip
    scene.tell(told)
    maker = scene.engine.seats[MARKET].maker
    assert maker.inventory.up_e6 == TEN
    assert maker.counts["inventory_adopted"] == 1


def test_a_merge_that_failed_is_tried_again_later() -> None:
    scene = trading(merge_enabled=True)
    told = [scene.fill(order) for order in list(scene.resting)]
    scene.views[MARKET].lane.quote = FakeQuote(merge_e6=TEN, bid_e6=0, ask_buy_e6=0)
    scene.run(2 * NS)
    scene.is_merging = False
    for fill in told:
        scene.tell(fill._replace(status=ev.Settlement.CONFIRMED))
    assert len(scene.asked(act.MergePairs)) == 1
    scene.run(20 * NS)
    assert len(scene.asked(act.MergePairs)) == 1
    scene.is_merging = True
    scene.run(15 * NS)
    assert len(scene.asked(act.MergePairs)) == 2
    inventory = scene.engine.seats[MARKET].maker.inventory
    assert (inventory.up_e6, inventory.merging_e6) == (0, 0)


def test_pairs_that_an_earlier_process_asked_to_merge_are_not_merged_again_meanwhile() -> None:
    known = Recovered(
        corrections={
            token.name: ev.Correction(token.name, MARKET, token, 0, TEN, START_NS)
            for token in Token
        },
        asked={MARKET: MergeAsked(MARKET, TEN, START_NS - NS)},
    )
    scene = EngineScene(known, merge_enabled=True)
    for token in Token:
        scene.held_e6[MARKET, token] = TEN
    scene.add()
    scene.begin()
    scene.open()
    scene.views[MARKET].lane.quote = FakeQuote(merge_e6=TEN, bid_e6=0, ask_buy_e6=0)
    scene.run(20 * NS)
    inventory = scene.engine.seats[MARKET].maker.inventory
    assert inventory.merging_e6 == TEN
    assert not scene.asked(act.MergePairs)
    scene.run(120 * NS)
    assert scene.asked(act.MergePairs) == [act.MergePairs(MARKET, TEN)], "it never landed"
    assert (inventory.up_e6, inventory.merging_e6) == (0, 0)


def test_a_window_that_is_over_does_not_stand_for_a_feed_that_is_well() -> None:
    """Nobody told that it is closed, and its book has no obstacle: it is not looked at any more."""
    scene = EngineScene()
    scene.add(make_market(length_s=30))
    scene.add(make_market("0xbeef"))
    scene.begin()
    scene.open()
    scene.open("0xbeef")
    scene.run(30 * NS)
    scene.tell(ev.Obstacle("0xbeef", "no_line", stands=True))
    scene.run(3 * NS)
    beats = len(scene.asked(act.Beat))
    scene.run(20 * NS)
    assert len(scene.asked(act.Beat)) == beats


def test_a_feed_that_dies_within_the_margin_of_a_close_is_not_heard_in_the_next_window() -> None:
    """The last 2 s of a window are its margin; a beat is due 1 s after the next one began."""
    scene = EngineScene()
    scene.add(make_market(length_s=29))
    scene.add(make_market("0xbeef", start_ns=START_NS + 29 * NS))
    scene.begin()
    scene.open()
    scene.run(START_NS + 27_500 * MS - scene.now_ns)
    beats = len(scene.asked(act.Beat))
    for market in (MARKET, "0xbeef"):
        scene.tell(ev.Obstacle(market, "no_line", stands=True))
    scene.run(1_500 * MS)
    scene.open("0xbeef")
    scene.run(5 * NS)
    assert len(scene.asked(act.Beat)) == beats
    scene.tell(ev.Obstacle("0xbeef", "no_line", stands=False))
    scene.run(NS)
    assert len(scene.asked(act.Beat)) == beats + 1
