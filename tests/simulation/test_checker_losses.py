"""I27 fires on whatever adds exposure after a limit of losses was broken; see `scenes`."""

from dataclasses import replace

import pytest

from polymm.domain.order import Token
from polymm.engine import evidence as ev
from polymm.engine.order_life import Life
from polymm.runtime.journal_codec import encode
from tests.simulation.losing import SURE_NS
from tests.simulation.scenes import LIMITS, MARKET_ID, Moment, beat, fires
from tests.support.exchange_scene import SHARE

DOWN = Token.DOWN
CENT = SHARE // 100
NEVER_E6 = 1_000 * SHARE
SURE_MS = SURE_NS // 1_000_000
LOSS = replace(LIMITS, loss_max_e6=50 * CENT, markout_loss_max_e6=NEVER_E6)
MARKOUTS = replace(LIMITS, loss_max_e6=NEVER_E6, markout_loss_max_e6=50 * CENT)
BOTH = pytest.mark.parametrize(("limits", "name"), [(LOSS, "loss"), (MARKOUTS, "markouts")])


def watch(moment: Moment, ms: float) -> None:
    """Let time pass with fresh inputs and an engine that sees them."""
    for _ in range(int(ms // 250)):
        moment.wait(250)
        beat(moment, moment.now_ns)


def fall(moment: Moment) -> None:
    """Let the book go from 40 to 60 down to 30 to 35."""
    venue = moment.venue
    venue.sell(venue.cat, 40, 20)
    venue.sell(venue.bob, 35, 50)
    venue.buy(venue.bob, 30, 50)


def lose(moment: Moment, *, before_ms: float = SURE_MS, after_ms: float = 3 * SURE_MS) -> None:
    """Buy 10 Up at 50 cents in a market that the engine has seen for a while; then they fall."""
    bid = moment.post(50, 15)
    moment.take_fill(bid, 5)
    watch(moment, before_ms)
    moment.take_fill(bid, 10)
    moment.orders.by_hash[bid].life = Life.FILLED
    fall(moment)
    watch(moment, after_ms)


def restart(moment: Moment, *, lost_tail: bool) -> None:
    """End the engine's process and begin another one."""
    fills, orders = moment.engine.fills, moment.orders
    moment.checker.crashed(moment.now_ns, lost_tail=lost_tail)
    moment.start()
    moment.engine.fills, moment.engine.orders, moment.orders = fills, orders, orders
    moment.make_ready()


@BOTH
def test_i27_fires_on_more_exposure_after_a_loss(limits, name):
    moment = Moment(limits=limits)
    lose(moment)
    assert set(moment.checker.sends.losing.broken) == {name}
    assert name in fires("I27", lambda: moment.send(moment.place(31, 5)))


@BOTH
def test_i27_lets_everything_go_that_leads_to_nothing(limits, name):
    moment = Moment(limits=limits)
    lose(moment)
    moment.post(60, 10, token=DOWN)
    # One more of these would lead beyond, if all of it were filled.
    assert name in fires("I27", lambda: moment.send(moment.place(59, 10, token=DOWN)))


def test_a_loss_that_may_not_have_been_seen_breaks_nothing():
    moment = Moment(limits=LOSS)
    lose(moment, after_ms=3_000)
    moment.post(31, 5)
    assert not moment.checker.sends.losing.broken


def test_a_fill_that_nobody_could_mark_breaks_nothing():
    moment = Moment(limits=MARKOUTS)
    bid = moment.post(50, 15)
    moment.take_fill(bid, 15)
    moment.orders.by_hash[bid].life = Life.FILLED
    fall(moment)
    for _ in range(30):
        # No book comes through.
        moment.wait(500, is_fresh=False)
        moment.tick()
    assert not moment.checker.sends.losing.broken


def test_i27_fires_on_what_stood_and_is_not_pulled():
    moment = Moment(limits=replace(LOSS, levels_max=2))
    moment.post(25, 5)
    assert "never cancelled" in fires("I27", lambda: lose(moment))


@pytest.mark.parametrize("lost_tail", [False, True])
def test_i27_binds_the_next_process_unless_what_was_written_is_lost(lost_tail):
    moment = Moment()
    bid = moment.post(48, 10)
    for n in range(3):
        told = moment.told_fill(bid, 1, ev.Settlement.VOID, trade=f"t{n}")
        moment.disk.segment += encode(told)
        moment.tell(told)
    moment.cancel(bid)
    restart(moment, lost_tail=lost_tail)
    more = moment.place(41, 5, token=DOWN, order_id=77)
    if lost_tail:
        moment.send(more)
    else:
        fires("I27", lambda: moment.send(more))


def test_a_settlement_that_a_journal_lost_is_known_once_it_is_told_again():
    moment = Moment(limits=LOSS)
    losing = moment.checker.sends.losing
    bid = moment.post(50, 15)
    moment.take_fill(bid, 15)
    moment.orders.by_hash[bid].life = Life.FILLED
    settled = ev.MarketSettled(MARKET_ID, 0)
    moment.tell(settled)
    losing.began(moment.now_ns, lost_tail=True, left=[MARKET_ID])
    watch(moment, 3 * SURE_MS)
    assert not losing.broken
    moment.tell(settled)
    watch(moment, 3 * SURE_MS)
    assert set(losing.broken) == {"loss"}


def test_what_was_won_before_a_tail_was_lost_may_still_be_known():
    moment = Moment(limits=MARKOUTS)
    losing = moment.checker.sends.losing
    losing._marked.extend((moment.now_ns, won) for won in (3 * SHARE, -2 * SHARE))
    losing.began(moment.now_ns, lost_tail=True)
    assert sum(won for _, won in losing._marked) == 3 * SHARE
