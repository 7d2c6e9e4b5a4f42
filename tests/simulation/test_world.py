"""The virtual world by itself: what its faults do, under a process that only notes and quotes."""

from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import cast

import pytest

from polymm.domain.market import NS
from polymm.engine import evidence as ev
from polymm.engine.actions import ReadBalances, ReadOpen, ReadPreflight, ReadTrades
from polymm.exchange.faults import Fault
from polymm.exchange.flow_book import ASK, BID
from polymm.exchange.settlement import Trade
from polymm.exchange.trading import Mode
from polymm.exchange.wallets import CASH
from tests.simulation.disk import SYNC_NS, Disk
from tests.simulation.faults import MS, SWITCHES, ProcessFault, WireFault
from tests.simulation.scenario import Episode, Trouble, draw
from tests.simulation.stage import SHARE, Noter, Stage, always
from tests.simulation.wire import OWNER, TIMEOUT_NS
from tests.simulation.world import World


@pytest.mark.parametrize(
    ("fault", "verdict", "rests"),
    [
        (None, ev.PlaceVerdict.LIVE, True),
        (WireFault.REQUEST_LOST, ev.PlaceVerdict.UNKNOWN, False),
        (WireFault.REQUEST_NOT_SENT, ev.PlaceVerdict.NOT_SENT, False),
        (WireFault.REQUEST_LATE, None, True),
        (WireFault.REPLY_LOST, ev.PlaceVerdict.UNKNOWN, True),
        (WireFault.NETWORK_DOWN, ev.PlaceVerdict.UNKNOWN, False),
        (WireFault.POST_SAYS_DELAYED, ev.PlaceVerdict.DELAYED, True),
        (WireFault.TRADING_CANCEL_ONLY, ev.PlaceVerdict.REJECTED, False),
        (WireFault.TRADING_DISABLED, ev.PlaceVerdict.REJECTED, False),
        (WireFault.ALL_REFUSED, ev.PlaceVerdict.REJECTED, False),
        (Fault.POST_REPLY_LOST, ev.PlaceVerdict.UNKNOWN, True),
        (Fault.POST_TIMED_OUT, ev.PlaceVerdict.REJECTED, False),
        (Fault.POST_UNKNOWN, ev.PlaceVerdict.UNKNOWN, True),
        (Fault.BATCH_LEG_UNNAMED, ev.PlaceVerdict.UNKNOWN, True),
        (Fault.BALANCE_ZERO, ev.PlaceVerdict.REJECTED, False),
        (Fault.ENGINE_RESTART, ev.PlaceVerdict.REJECTED, False),
        (Fault.THROTTLED, ev.PlaceVerdict.REJECTED, False),
        (Fault.EDGE_HTML, ev.PlaceVerdict.UNKNOWN, True),
        (Fault.EDGE_BLOCKED, ev.PlaceVerdict.REJECTED, False),
        (Fault.UNAUTHORIZED, ev.PlaceVerdict.REJECTED, False),
    ],
)
def test_what_a_placement_is_told_and_what_is_true(fault, verdict, rests):
    stage = Stage(*[always(fault)] if fault else [])
    gone: list[str] = []
    stage.world.wire.on_gone = gone.append
    orders: list[str] = []
    stage.at(1, lambda: orders.append(stage.post()))
    stage.world.run()
    (order,) = orders
    answers = [event for _, event in stage.noter.of(ev.PlaceAnswered)]
    assert len(answers) == 1
    assert verdict is None or answers[0].verdict is verdict
    assert stage.is_open(order) is rests
    # The world says once that it reaches the book no more, whatever came of it.
    assert gone == ([] if verdict is ev.PlaceVerdict.NOT_SENT else [order])


def test_a_reset_connection_leaves_open_what_became_of_the_request():
    fates = set()
    for n in range(12):
        stage = Stage(always(WireFault.CONNECTION_RESET), seconds=8)
        stage.world.wire._rng = Random(n)
        orders: list[str] = []
        stage.at(1, lambda stage=stage, orders=orders: orders.append(stage.post()))
        stage.world.run()
        ((_, answer),) = stage.noter.of(ev.PlaceAnswered)
        assert answer.verdict is ev.PlaceVerdict.UNKNOWN
        fates.add(stage.is_open(orders[0]))
    assert fates == {True, False}


def test_lost_answers_end_with_the_clients_patience():
    stage = Stage(always(WireFault.REPLY_LOST))
    stage.at(1, lambda: stage.life.read(ReadOpen("")))
    stage.world.run()
    ((ns, answer),) = stage.noter.of(ev.ReadFailed)
    assert ns == answer.recv_ns == stage.start_ns + NS + TIMEOUT_NS


def test_cancels_and_sweeps_answer_for_each_of_their_orders():
    stage = Stage()
    orders: list[str] = []
    stage.at(1, lambda: orders.extend([stage.post(100), stage.post(200), stage.post(300)]))
    stage.at(2, lambda: stage.life.cancel([orders[0], "0xnobody"]))
    stage.at(3, lambda: stage.life.sweep(""))
    stage.world.run()
    told = [(event.order, event.verdict) for _, event in stage.noter.of(ev.CancelAnswered)]
    assert told == [
        (orders[0], ev.CancelVerdict.CANCELED),
        ("0xnobody", ev.CancelVerdict.NOT_CANCELED),
    ]
    ((_, swept),) = stage.noter.of(ev.Swept)
    assert sorted(swept.canceled) == sorted(orders[1:])
    kinds = [sent.kind for sent in stage.world.wire.log]
    assert kinds == ["post", "post", "post", "cancel", "sweep"]


def test_without_beats_everything_is_cancelled_in_ten_to_fifteen_seconds():
    stage = Stage()
    orders: list[str] = []
    looks: list[bool] = []
    stage.at(1, lambda: (stage.life.beat(), orders.append(stage.post())))
    stage.at(10.9, lambda: looks.append(stage.is_open(orders[0])))
    stage.at(16.2, lambda: looks.append(stage.is_open(orders[0])))
    stage.world.run()
    assert looks == [True, False]


def test_a_venue_that_cancels_nothing_puts_its_own_switch_off():
    stage = Stage(seconds=40)
    stage.at(1, stage.post)
    stage.at(2, lambda: stage.world.wire.feel_pulse(stage.start_ns + 2 * NS))
    stage.at(5, lambda: stage.world.exchange.trading.set(Mode.RESTARTING, stage.start_ns + 25 * NS))
    left = []
    for seconds in (24, 32):
        stage.at(seconds, lambda: left.append(len(stage.world.exchange.open_orders(OWNER))))
    stage.world.run()
    assert left == [1, 0]
    assert stage.world.senses.switch_ns == stage.start_ns + 22 * NS


def test_reads_are_late_stale_or_fail_where_that_is_on():
    stage = Stage(
        always(WireFault.BALANCES_STALE, from_s=5),
        always(WireFault.CLOCK_SKEWED, from_s=5),
        always(Fault.ORDERS_LATE, from_s=5, until_s=9),
        always(WireFault.READ_FAILED, from_s=20),
    )
    cash = stage.world.wire.wallet.balances

    def spend() -> None:
        cash[CASH] -= 7

    for second in (1, 6, 21):
        stage.at(second, lambda: stage.life.read(ReadBalances((stage.market.condition_id,))))
        stage.at(second, lambda: stage.life.read(ReadPreflight()))
        stage.at(second, lambda: stage.life.read(ReadOpen("")))
        stage.at(second, lambda: stage.life.read(ReadTrades("", 0)))
    stage.at(4.9, stage.post)
    stage.at(5.5, spend)
    stage.at(15, lambda: stage.life.read(ReadOpen("")))
    stage.world.run()
    assert [event.cash_e6 for _, event in stage.noter.of(ev.BalancesRead)] == [1_000 * SHARE] * 2
    assert [abs(event.skew_ns) for _, event in stage.noter.of(ev.PreflightRead)] == [0, 45 * NS]
    assert [len(event.orders) for _, event in stage.noter.of(ev.OpenListed)] == [0, 0, 1]
    assert len(stage.noter.of(ev.ReadFailed)) == 4


def test_a_list_that_lacks_a_trade_is_a_read_in_trouble():
    stage = Stage()
    wire, now_ns = stage.world.wire, stage.start_ns
    trade = cast(Trade, SimpleNamespace(trade_id="a trade", matched_ns=now_ns))
    stage.world.faults.set(WireFault.TRADES_LATE, 1.0)
    assert not wire._shows(now_ns + 1, trade)
    assert wire.senses.rest_hurt_ns == now_ns + 1
    assert wire._shows(now_ns + 8 * NS, trade)
    assert wire.senses.rest_hurt_ns == now_ns + 1


# The feed


def books(stage: Stage) -> tuple[object, object]:
    """The market as the engine sees it, and as it is."""
    (view,) = stage.noter.views.values()
    ladder = stage.world.exchange.listings[stage.market.condition_id].ladder
    book = view.feed.book  # type: ignore[attr-defined]
    true = [
        [(price, ladder.size_e6(side, price)) for price in ladder.prices[side]]
        for side in (BID, ASK)
    ]
    return [sorted(book.levels(side)) for side in (BID, ASK)], true


def test_a_sound_feed_shows_the_true_book():
    stage = Stage(seconds=40)
    stage.scenario = replace(stage.scenario, feed_ms=0)
    stage.world = World(stage.scenario, Noter)
    stage.world.run()
    seen, true = books(stage)
    assert seen == true
    assert len(stage.noter.of(ev.BookChanged)) > 300
    assert stage.noter.of(ev.Obstacle)[-1][0] < stage.start_ns + NS


@pytest.mark.parametrize(
    "fault",
    [
        Fault.MARKET_SILENT,
        Fault.MARKET_CLOSED,
        WireFault.MARKET_FRAME_GARBLED,
        WireFault.MARKET_LAGS,
        WireFault.NETWORK_DOWN,
    ],
)
def test_a_feed_in_trouble_is_an_obstacle_and_comes_back(fault):
    start_ns = draw(1, 3.0).start_ns
    episode = Episode(fault, 0.2, start_ns, start_ns + 20 * NS)
    stage = Stage(episode, seconds=60)
    stage.scenario = replace(stage.scenario, heal_ns=start_ns + 21 * NS, feed_ms=1)
    stage.world = World(stage.scenario, Noter)
    stage.world.run()
    assert stage.world.count_struck()[fault] > 0
    told = [(ns, event.stands) for ns, event in stage.noter.of(ev.Obstacle) if event.market]
    is_late = fault is not WireFault.MARKET_LAGS
    assert any(stands for ns, stands in told if ns > start_ns + is_late * NS)
    assert told[-1][1] is False
    newest_ns = stage.noter.of(ev.BookChanged)[-1][0]
    assert stage.world.now_ns - newest_ns < NS


def test_the_second_socket_serves_while_the_first_is_away():
    stage = Stage(seconds=30)
    stage.scenario = replace(stage.scenario, lines=2)
    stage.world = World(stage.scenario, Noter)
    stage.at(10, lambda: stage.life.feed._sockets[0].close(stage.world.now_ns))
    lost_ns = []
    stage.at(10.01, lambda: lost_ns.append(stage.world.senses.feed_closed_ns))
    stage.world.run()
    at_ns = stage.start_ns + 10 * NS
    told = [ns for ns, _ in stage.noter.of(ev.BookChanged)]
    assert any(at_ns < ns < at_ns + NS // 2 for ns in told)
    assert stage.noter.of(ev.Obstacle)[-1][0] < stage.start_ns + NS
    assert lost_ns == [0]
    assert all(socket.line is not None for socket in stage.life.feed._sockets)


def test_a_missing_first_book_is_asked_for_again():
    stage = Stage(always(Fault.MARKET_BOOK_MISSING, until_s=20), seconds=40)
    # Nobody trades, so that no other book is told.
    stage.scenario = replace(stage.scenario, acts_per_s=0.001)
    stage.world = World(stage.scenario, Noter)
    stage.world.run()
    first_ns = stage.noter.of(ev.BookChanged)[0][0]
    assert stage.start_ns + 20 * NS < first_ns < stage.start_ns + 24 * NS


def test_a_silent_token_is_proven_by_rest():
    stage = Stage(always(WireFault.MARKET_TOKEN_SILENT, from_s=3, until_s=4), seconds=30)
    stage.world.run()
    (view,) = stage.noter.views.values()
    assert stage.life.feed._counts["witness_same"] > 0
    assert stage.world.now_ns - min(view.proven_ns) < 3 * NS


def test_a_lost_frame_is_found_by_the_best_prices():
    stage = Stage(always(WireFault.MARKET_FRAME_LOST, from_s=10, until_s=11), seconds=50)
    stage.scenario = replace(stage.scenario, feed_ms=0)
    stage.world = World(stage.scenario, Noter)
    stage.world.run()
    assert stage.world.count_struck()[WireFault.MARKET_FRAME_LOST] > 3
    (view,) = stage.noter.views.values()
    ladder = stage.world.exchange.listings[stage.market.condition_id].ladder
    assert (view.best_bid_e4, view.best_ask_e4) == (ladder.best_bid_e4, ladder.best_ask_e4)


# The user channel and the process


def test_a_closed_user_channel_says_so_and_comes_back():
    stage = Stage(always(Fault.USER_CLOSED, from_s=1, until_s=5))
    stage.at(2, stage.post)
    stage.at(20, stage.post)
    stage.world.run()
    lives = [event.is_live for _, event in stage.noter.of(ev.UserChannel)]
    assert lives == [True, False, True]
    assert len(stage.noter.of(ev.OrderTold)) == 1
    senses = stage.world.senses
    assert senses.user_lost_ns == 0
    assert senses.user_sent == senses.user_taken == 1


def test_a_silent_user_channel_is_given_up_and_what_it_missed_stays_missing():
    stage = Stage(always(WireFault.USER_SILENT, from_s=1, until_s=2.5))
    stage.at(2, stage.post)
    lost_ns: list[int] = []
    stage.at(5, lambda: lost_ns.append(stage.world.senses.user_lost_ns - stage.start_ns))
    stage.world.run()
    assert not stage.noter.of(ev.OrderTold)
    assert 2 * NS < lost_ns[0] < 3 * NS
    _, lost, back = (event for _, event in stage.noter.of(ev.UserChannel))
    assert not lost.is_live
    assert lost.since_ns < stage.start_ns + 2 * NS
    assert back.is_live


def test_a_stalled_loop_gets_everything_late_and_in_order():
    trouble = Trouble(ProcessFault.LOOP_STALLED, draw(1, 3.0).start_ns + 10 * NS, 2 * NS)
    stage = Stage(troubles=[trouble], seconds=20)
    stage.at(9.999, stage.post)
    stage.world.run()
    told = stage.noter.told
    gap = [ns for ns, _ in told if 10 * NS < ns - stage.start_ns < 12 * NS]
    assert not gap
    late = [event for ns, event in told if ns == stage.start_ns + 12 * NS]
    assert late[0] == ev.Stalled(2 * NS)
    assert ev.PlaceAnswered in {type(event) for event in late}
    assert sum(type(event) is ev.BookChanged for event in late) > 5


def test_a_dead_process_hears_nothing_and_another_begins():
    trouble = Trouble(ProcessFault.KILLED, draw(1, 3.0).start_ns + 10 * NS, 3 * NS)
    stage = Stage(troubles=[trouble], seconds=20)
    first: list[Noter] = []
    stage.at(9.999, lambda: (first.append(stage.noter), stage.post()))
    stage.world.run()
    assert stage.world.lives == 2
    assert first[0].told[-1][0] <= stage.start_ns + 10 * NS
    assert stage.noter.told[0][0] >= stage.start_ns + 13 * NS
    # What had left the dead process arrives all the same.
    assert len(stage.world.exchange.open_orders(stage.world.wire.owner)) == 1


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_market_whose_end_a_journal_lost_is_settled_again(monkeypatch, is_lost):
    trouble = Trouble(ProcessFault.KILLED, draw(1, 3.0).start_ns + 340 * NS, 3 * NS)
    stage = Stage(troubles=[trouble], seconds=350)
    first: list[Noter] = []
    stage.at(339, lambda: first.append(stage.noter))
    if is_lost:
        monkeypatch.setattr(Noter, "left", (stage.market,))
    stage.world.run()
    again = [event for _, event in stage.noter.of(ev.MarketSettled)]
    assert len(first[0].of(ev.MarketSettled)) == 1
    assert again == [event for _, event in first[0].of(ev.MarketSettled)][: int(is_lost)]
    assert list(stage.noter.views) == [stage.market.condition_id] * is_lost


def test_a_loss_of_power_keeps_what_is_safe_and_a_part_of_the_rest():
    kept = set()
    for seed in range(30):
        disk = Disk(Random(seed))
        disk.begin(0, b"head")
        disk.segments[-1].append(10 * MS, b"first")
        disk.segments[-1].append(20 * MS, b"second")
        disk.lose_power(20 * MS + SYNC_NS - 1)
        disk.lose_power(1_000 * MS)
        (content,) = disk.newest_first()
        assert b"headfirstsecond".startswith(content)
        kept.add(len(content))
    assert min(kept) == len(b"headfirst")
    assert max(kept) == len(b"headfirstsecond")
    assert len(kept) > 4


# Scenarios


def test_every_switch_is_drawn_and_one_more_changes_nothing_else():
    seen = set()
    for seed in range(300):
        scenario = draw(seed)
        seen.update(one.fault for one in (*scenario.episodes, *scenario.troubles))
        assert all(one.until_ns <= scenario.heal_ns for one in scenario.episodes)
        assert max(market.end_ns for market in scenario.markets) >= scenario.end_ns
    assert seen == set(SWITCHES)
    alone = draw(3)
    again = replace(draw(3), episodes=())
    assert replace(alone, episodes=()) == again


def test_nothing_strikes_after_the_heal():
    for seed in range(40):
        scenario = draw(seed)
        if len(scenario.episodes) > 30:
            break
    world = World(scenario, Noter)
    struck = []
    world.on_healed = lambda _: struck.append(world.count_struck())
    world.run()
    assert struck == [world.count_struck()]
    assert sum(struck[0].values()) > 10
    world.exchange.audit()


@pytest.mark.parametrize("fault", [ProcessFault.LOOP_STALLED, ProcessFault.CLOCK_JUMPED])
def test_what_befell_the_process_ends_with_the_heal(fault: ProcessFault) -> None:
    start_ns = draw(1, 3.0).start_ns
    stage = Stage(troubles=[Trouble(fault, start_ns + 9 * NS, 3 * NS)], seconds=20)
    world = stage.world
    world.at(start_ns + 10 * NS, world._heal)
    world.run()
    kind = ev.Stalled if fault is ProcessFault.LOOP_STALLED else ev.ClockJumped
    times = [ns - start_ns for ns, _ in stage.noter.of(kind)]
    assert times == ([10 * NS] if kind is ev.Stalled else [9 * NS, 10 * NS])
    assert not world.senses.skew_ns
    told = [ns - start_ns for ns, _ in stage.noter.told]
    assert any(10 * NS < ns < 12 * NS for ns in told)
