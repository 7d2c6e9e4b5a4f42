"""What does not prove that a market or the engine came to its end: lists too early, orders left."""

from polymm.domain.market import NS
from polymm.engine import actions as act
from polymm.engine import evidence as ev
from polymm.engine.evidence import CancelVerdict
from polymm.engine.order_life import Life
from polymm.engine.phases import Phase
from tests.support.proving_scene import START_NS, Scene, listed, make_market, swept
from tests.support.proving_venue import MARKET


def test_lists_begun_too_early_do_not_empty_a_market() -> None:
    scene = Scene()
    scene.start_ready(make_market(length_s=60))
    scene.post("0xa")
    scene.run((START_NS + 54 * NS - scene.now_ns) / NS)
    scene.venue.silent |= {"Sweep", "ReadOpen"}
    scene.run_until(lambda: scene.reconciler.is_closing(MARKET), 2)
    scene.tell(listed(scene, scene.now_ns))
    assert not scene.reconciler.is_closed_clean(MARKET)
    sent_ns = scene.now_ns
    scene.run(0.2)
    scene.tell(ev.Swept(MARKET, CancelVerdict.CANCELED, (), (), "", sent_ns, scene.now_ns))
    scene.tell(listed(scene, scene.now_ns - 1))
    assert not scene.reconciler.is_closed_clean(MARKET)
    scene.tell(listed(scene, scene.now_ns))
    assert scene.reconciler.is_closed_clean(MARKET)


def test_a_closed_market_has_its_trades_read_until_its_orders_are_final() -> None:
    scene = Scene()
    scene.start_ready(make_market(length_s=60))
    order = scene.post("0xa")
    scene.run((START_NS + 54 * NS - scene.now_ns) / NS)
    scene.venue.tells = False
    scene.run(2)
    assert order.life is Life.CLOSING
    scene.tell(ev.MarketClosed(MARKET))
    scene.log.clear()
    scene.run(7)
    everywhere = [read for _, read in scene.asked(act.ReadTrades) if not read.market]
    assert len(everywhere) >= 3
    scene.run(5)
    assert [order.life] == [Life.CANCELLED]
    assert not scene.asked(act.Sweep)


def test_a_list_begun_before_the_answer_ends_nothing() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.silent |= {"Sweep", "ReadOpen"}
    scene.tell(ev.Stop("SIGTERM"))
    sent_ns = scene.now_ns
    scene.run(0.2)
    scene.tell(swept(scene, sent_ns=sent_ns))
    scene.tell(listed(scene, scene.now_ns - 1))
    assert scene.finished is None
    scene.tell(listed(scene, scene.now_ns))
    assert scene.finished == act.Finished("stopped", (), "SIGTERM")


def test_an_empty_list_ends_nothing_while_an_order_may_rest() -> None:
    scene = Scene()
    scene.start_ready()
    scene.run(1)
    scene.venue.silent |= {"ReadOrder", "CancelOrders"}
    scene.post("0xa", rests=False, answers_ms=-1)
    scene.tell(ev.Stop("SIGTERM"))
    scene.run(4)
    assert scene.finished is None
    scene.run(1)
    assert scene.finished == act.Finished("unproven", ("0xa",), "SIGTERM")


def test_an_order_that_vanished_unexplained_is_left_though_the_list_is_empty() -> None:
    scene = Scene()
    scene.start_ready()
    scene.post("0xa")
    scene.run(6)
    scene.venue.open.clear()
    scene.tell(ev.Stop("SIGTERM"))
    scene.log.clear()
    scene.run(4)
    assert scene.finished is None
    assert len([1 for _, read in scene.asked(act.ReadOpen) if not read.market]) < 10
    scene.run(1)
    assert scene.finished == act.Finished("unproven", ("0xa",), "SIGTERM")


def test_a_market_that_ends_while_the_engine_does_keeps_nobody_busy() -> None:
    scene = Scene()
    scene.start_ready(make_market(length_s=60))
    scene.post("0xa")
    scene.run((START_NS + 54 * NS - scene.now_ns) / NS)
    scene.venue.silent |= {"Sweep", "ReadOpen", "CancelOrders"}
    scene.run(2)
    scene.tell(ev.Kill("file"))
    scene.run_until(lambda: scene.finished is not None, 21)


def test_proving_again_for_minutes_reads_trades_without_haste() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.sweep = scene.venue.cancel = CancelVerdict.REFUSED
    scene.tell(ev.Stalled(2 * NS))
    scene.run(150)
    scene.venue.sweep = scene.venue.cancel = CancelVerdict.CANCELED
    scene.log.clear()
    scene.run_until(lambda: scene.phase is Phase.READY, 10)
    assert len(scene.asked(act.ReadTrades)) <= 3


def test_a_stop_after_a_kill_changes_nothing_of_it() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.silent.add("Sweep")
    scene.tell(ev.Kill("file"))
    scene.run(1)
    scene.tell(ev.Stop("SIGTERM"))
    scene.reconciler.halt(scene.now_ns, "another reason")
    scene.run_until(lambda: scene.finished is not None, 20)
    assert (scene.now_ns - scene.begin_ns) / NS < 24
    scene.venue.silent.clear()


def test_a_kill_after_a_stop_does_not_wait_longer() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.silent.add("Sweep")
    scene.tell(ev.Stop("SIGTERM"))
    began_ns = scene.now_ns
    scene.run(2)
    scene.tell(ev.Kill("file"))
    scene.run_until(lambda: scene.finished is not None, 20)
    assert scene.now_ns - began_ns < 5 * NS
