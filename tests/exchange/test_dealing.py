"""What must not outlive an order, and what ends one that is no longer covered."""

import gc
import weakref
from dataclasses import replace

import pytest

from polymm.domain.market import NS
from polymm.domain.order import Token
from polymm.exchange.exchange import SPENDER
from polymm.exchange.matching import OrderKind
from tests.support.exchange_scene import DOLLAR, MARKET, MS, START_NS, Scene

START_S = START_NS // NS
GTD = {"kind": OrderKind.GTD}


@pytest.mark.parametrize(("expires_s", "timers"), [(START_S + 359, 1), (10**60, 0)])
def test_an_order_dated_past_the_end_of_its_market_is_not_kept_for_that(scene, expires_s, timers):
    before = len(scene.exchange.timers._heap)
    placed = scene.buy(scene.ann, 48, 10, **GTD, expiration_s=expires_s)
    scene.cancel(scene.ann, placed)
    assert len(scene.exchange.timers._heap) == before + timers


def test_a_dated_order_still_goes_with_its_market(scene):
    scene.buy(scene.ann, 48, 10, **GTD, expiration_s=10**9 * START_S)
    scene.exchange.close(scene.listing, MARKET.end_ns)
    assert scene.told(scene.ann)[-1]["status"] == "CANCELED_MARKET_RESOLVED"


def test_an_order_that_is_gone_lets_go_of_who_watched_it(scene):
    class Watch:
        def __call__(self, open_e6: int) -> None:
            seen.append(open_e6)

    seen: list[int] = []
    placed = scene.sell(scene.ann, 50, 20)
    order, _ = scene.exchange.dealing.open[placed.order_id]
    order.watcher = Watch()
    watch = weakref.ref(order.watcher)
    scene.buy(scene.bob, 50, 14)
    scene.buy(scene.bob, 50, 6)
    gc.collect()
    assert seen == [6_000_000, 0]
    assert watch() is None, "its trades keep the order, which must not keep what watched it"


def test_orders_go_when_an_allowance_no_longer_covers_them(scene):
    bids = [scene.buy(scene.ann, 50, 100) for _ in range(3)]
    ask = scene.sell(scene.ann, 60, 10)
    scene.exchange.allow(scene.now_ns, scene.ann, SPENDER, 100 * DOLLAR)
    told = scene.told(scene.ann, kind="order")[-1]
    assert (told["id"], told["status"]) == (bids[2].order_id, "CANCELED_NOT_ENOUGH_BALANCE")
    scene.exchange.allow(scene.now_ns, scene.ann, SPENDER, 0)
    assert list(scene.exchange.dealing.open) == [ask.order_id]
    scene.exchange.approve(scene.now_ns, scene.ann, SPENDER, is_granted=False)
    assert not scene.exchange.dealing.open


@pytest.mark.parametrize("rests", [False, True])
def test_an_allowance_that_is_gone_after_the_taker_delay_lets_nothing_match(rests):
    scene = Scene(replace(MARKET, taker_delay_ns=150 * MS))
    resting = scene.sell(scene.bob, 50, 10)
    scene.buy(scene.ann, 50, 10, token=Token.UP)
    scene.exchange.allow(scene.now_ns, scene.ann, SPENDER, 0)
    if rests:
        scene.cancel(scene.bob, resting)
    scene.wait(150)
    assert scene.told(scene.ann)[-1]["status"] == "CANCELED_NOT_ENOUGH_BALANCE"
    assert scene.shares(scene.bob) == 1_000
    assert not scene.ann.orders
    scene.exchange.audit()
