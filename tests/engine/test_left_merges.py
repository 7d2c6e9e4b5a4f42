"""Merges that an earlier process asked for: balances show what became of them."""

import pytest

from polymm.domain.market import NS
from polymm.domain.order import Token
from polymm.engine import actions as act
from polymm.engine import evidence as ev
from polymm.engine.actions import MergeFound
from polymm.engine.phases import Phase
from polymm.engine.records import MergeAsked
from polymm.engine.recovered import Recovered
from tests.support.proving_scene import Scene, make_market
from tests.support.proving_venue import CASH, MARKET, TEN


def left(*, ago_s: float = 1.0) -> Scene:
    """Ten pairs are held by the ledger and the venue, and their merge was asked for."""
    scene = Scene()
    scene.fills.correct(ev.Correction("cash", "", None, 0, CASH, scene.now_ns))
    for token in Token:
        entry = ev.Correction(token.name, MARKET, token, 0, TEN, scene.now_ns)
        scene.fills.correct(entry)
        scene.venue.shares[MARKET, token] = TEN
    asked = MergeAsked(MARKET, TEN, scene.now_ns - int(ago_s * NS))
    scene.gate.restore(scene.now_ns, Recovered(asked={MARKET: asked}))
    return scene


def land(scene: Scene) -> None:
    for token in Token:
        scene.venue.shares[MARKET, token] -= TEN
    scene.venue.cash_e6 += TEN


def found(scene: Scene) -> list[act.Action]:
    return [action for _, action in scene.log if isinstance(action, MergeFound)]


def held(scene: Scene) -> tuple[int, int, int]:
    shares = [scene.fills.position(MARKET, token).confirmed_e6 for token in Token]
    return shares[0], shares[1], scene.fills.total.confirmed_e10 // 10_000


def test_one_that_landed_before_the_start_is_booked_by_it() -> None:
    scene = left()
    land(scene)
    scene.start_ready()
    assert found(scene) == [MergeFound(MARKET, TEN, is_done=True)]
    assert held(scene) == (0, 0, CASH + TEN)
    assert scene.alarms() == []
    assert not scene.gate.merging_e6
    assert not scene.gate.left_merges


def test_one_that_lands_later_is_booked_within_seconds_and_nobody_is_alarmed() -> None:
    scene = left()
    scene.start_ready()
    assert scene.gate.merging_e6 == {MARKET: TEN}, "its pairs are not for sale meanwhile"
    scene.run(3)
    assert held(scene) == (TEN, TEN, CASH)
    land(scene)
    scene.run(12)
    assert found(scene) == [MergeFound(MARKET, TEN, is_done=True)]
    assert held(scene) == (0, 0, CASH + TEN)
    scene.run(100)
    assert scene.alarms() == []
    assert not scene.gate.is_reduce_only(MARKET)


def test_a_rebate_that_came_with_it_hides_no_merge() -> None:
    scene = left()
    scene.start_ready()
    land(scene)
    scene.venue.cash_e6 += 500_000
    scene.run(12)
    assert found(scene) == [MergeFound(MARKET, TEN, is_done=True)]
    assert held(scene) == (0, 0, CASH + TEN)
    scene.run(100)
    assert held(scene) == (0, 0, CASH + TEN + 500_000)
    assert scene.alarms() == []


def test_one_that_did_not_land_for_long_frees_its_pairs() -> None:
    scene = left()
    scene.start_ready()
    scene.run(100)
    assert scene.gate.merging_e6 == {MARKET: TEN}
    scene.run(30)
    assert found(scene) == [MergeFound(MARKET, TEN, is_done=False)]
    assert held(scene) == (TEN, TEN, CASH)
    assert scene.gate.merging_e6 == {}
    assert scene.alarms() == []


def test_shares_that_are_gone_without_their_cash_are_no_merge() -> None:
    scene = left()
    scene.start_ready()
    for token in Token:
        scene.venue.shares[MARKET, token] = 0  # the service is late again
    scene.run(60)
    assert found(scene) == []
    assert scene.phase is Phase.READY
    assert scene.alarms() == []


def test_pairs_that_no_balance_shows_are_not_freed_by_time_alone() -> None:
    scene = left()
    scene.start_ready()
    for token in Token:
        scene.venue.shares[MARKET, token] = 0
    scene.run(150)
    assert found(scene) == []
    assert scene.gate.merging_e6 == {MARKET: TEN}
    for token in Token:
        scene.venue.shares[MARKET, token] = TEN
    scene.run(12)
    assert found(scene) == [MergeFound(MARKET, TEN, is_done=False)]
    assert held(scene) == (TEN, TEN, CASH)
    assert scene.alarms() == []


@pytest.mark.parametrize("came_e6", [0, 770_000, -770_000])
@pytest.mark.parametrize("ago_s", [1.0, 150.0])
def test_one_that_landed_is_found_once_all_shares_are_settled_whatever_cash_there_was(
    ago_s: float, came_e6: int
) -> None:
    scene = left(ago_s=ago_s)
    mined = scene.fill("0xbought")._replace(status=ev.Settlement.MINED)
    scene.venue.fills.clear()
    scene.fills.apply(mined)
    land(scene)
    scene.venue.cash_e6 += came_e6  # while nobody traded, or in a market that is forgotten
    scene.later(5 * NS, mined._replace(status=ev.Settlement.CONFIRMED))
    scene.start_ready()
    scene.run(12)
    assert found(scene) == [MergeFound(MARKET, TEN, is_done=True)]
    scene.run(150)
    assert held(scene) == (TEN, 0, CASH + TEN // 2 + came_e6)
    assert scene.alarms() == []
    assert not scene.gate.is_reduce_only(MARKET)


def test_what_is_not_settled_may_look_like_a_merge_and_is_waited_for() -> None:
    scene = left()
    sold = scene.fill("0xbought")._replace(trade="down", token=Token.DOWN)
    scene.fills.apply(sold)
    land(scene)
    scene.reconciler.add_market(scene.now_ns, make_market(), 5 * NS)
    scene.start()
    scene.run(10)
    assert found(scene) == []
