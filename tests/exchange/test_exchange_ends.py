"""Delay, cancels, expiry, modes, close and resolution on the whole exchange; audited likewise."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from polymm.domain.market import NS
from polymm.domain.order import Token
from polymm.exchange.matching import OrderKind
from polymm.exchange.refusals import Refusal
from polymm.exchange.rules import Rules
from polymm.exchange.trading import Mode
from tests.support.exchange_scene import (
    DOLLAR,
    DOWN,
    MARKET,
    POST_ONLY,
    SHARE,
    START_NS,
    Scene,
    mined,
    refused,
)

# The taker delay


@pytest.fixture
def delayed() -> Iterator[Scene]:
    scene = Scene(replace(MARKET, taker_delay_ns=150_000_000))
    yield scene
    scene.exchange.audit()


def test_taker_waits_and_the_maker_may_leave_meanwhile(delayed):
    scene = delayed
    ask = scene.sell(scene.ann, 50, 10)
    placed = scene.buy(scene.bob, 50, 10)
    assert placed.status == "delayed"
    assert scene.cancel(scene.bob, placed).not_canceled[placed.order_id].startswith("order is del")
    assert scene.cancel(scene.ann, ask).canceled
    scene.wait(149)
    assert not scene.listing.ladder.best_bid_e4
    scene.wait(1)
    assert scene.listing.ladder.best_bid_e4 == 5_000
    assert scene.cancel(scene.bob, placed).canceled


def test_taker_meets_the_book_at_the_end_of_its_delay(delayed):
    scene = delayed
    scene.sell(scene.ann, 50, 10)
    scene.buy(scene.bob, 50, 10)
    scene.sell(scene.cat, 49, 10, **POST_ONLY)
    scene.wait(150)
    mined(scene)
    assert scene.cash(scene.cat) == pytest.approx(1_004.9)
    assert scene.cash(scene.ann) == 1_000


@pytest.mark.parametrize("kind", [OrderKind.FOK, OrderKind.FAK])
def test_killed_after_the_delay_is_told_with_the_reason(delayed, kind):
    scene = delayed
    ask = scene.sell(scene.ann, 50, 10)
    scene.buy(scene.bob, 50, 10, kind=kind)
    scene.cancel(scene.ann, ask)
    scene.wait(150)
    placement, end = scene.told(scene.bob)
    assert (placement["type"], placement["status"]) == ("PLACEMENT", "DELAYED")
    assert end["type"] == "CANCELLATION"
    assert end["status"].startswith("CANCELED_")
    assert kind.value in end["status"]


def test_a_waiting_order_that_lost_its_cover_dies(delayed):
    scene = delayed
    scene.sell(scene.ann, 50, 100)
    scene.buy(scene.bob, 50, 100)
    scene.exchange.transfer(scene.now_ns, "cash", 990 * DOLLAR, giver=scene.bob, taker=scene.cat)
    scene.wait(150)
    assert scene.told(scene.bob)[-1]["status"] == "CANCELED_NOT_ENOUGH_BALANCE"
    assert scene.cash(scene.bob) == 10


# Cancels, expiry, cover


def test_cancels_say_what_became_of_each_order(scene):
    mine = scene.buy(scene.ann, 48, 10)
    hers = scene.buy(scene.bob, 47, 10)
    scene.sell(scene.cat, 48, 10)
    answer = scene.cancel(scene.ann, mine, hers)
    assert answer.canceled == []
    assert answer.not_canceled == {
        mine.order_id: "Order already matched",
        hers.order_id: "Order not found or already canceled",
    }
    scene.cancel(scene.bob, hers)
    again = scene.cancel(scene.bob, hers)
    assert again.not_canceled[hers.order_id] == "already canceled or matched"


def test_cancel_of_a_token_leaves_the_other(scene):
    scene.buy(scene.ann, 48, 10)
    down = scene.buy(scene.ann, 48, 10, **DOWN)
    answer = scene.exchange.cancel_where(
        scene.now_ns, "ann-key", token_id=scene.listing.token_id(Token.DOWN)
    )
    assert answer.canceled == [down.order_id]
    assert len(scene.exchange.cancel_where(scene.now_ns, "ann-key").canceled) == 1


def test_dated_order_dies_a_minute_before_what_it_states(scene):
    expiry = {"kind": OrderKind.GTD, "expiration_s": START_NS // NS + 200}
    scene.buy(scene.ann, 48, 10, **expiry)
    scene.wait(139_999)
    assert scene.listing.ladder.best_bid_e4 == 4_800
    scene.wait(1)
    assert scene.told(scene.ann)[-1]["status"] == "CANCELED_EXPIRED_ORDER"
    assert not scene.exchange.dealing.open


def test_newest_orders_go_when_a_balance_no_longer_covers_them(scene):
    orders = [scene.sell(scene.ann, 60 + i, 300) for i in range(3)]
    scene.exchange.merge(scene.now_ns, scene.ann, scene.listing, 200 * SHARE)
    told = scene.told(scene.ann, kind="order")[-1]
    assert (told["id"], told["status"]) == (orders[2].order_id, "CANCELED_NOT_ENOUGH_BALANCE")
    assert len(scene.exchange.open_orders("ann-key")) == 2


def test_merge_and_split_are_refused_beyond_what_is_owned(scene):
    exchange, now = scene.exchange, scene.now_ns
    assert not exchange.merge(now, scene.ann, scene.listing, 1_001 * SHARE)
    assert not exchange.split(now, scene.ann, scene.listing, 1_001 * DOLLAR)
    assert exchange.redeem(now, scene.ann, scene.listing) is None
    assert exchange.merge(now, scene.ann, scene.listing, 1_000 * SHARE)
    assert scene.cash(scene.ann) == 2_000


def test_what_the_chain_credits_counts_after_the_update_where_so_set():
    scene = Scene(rules=Rules(reads_chain_late=True))
    scene.exchange.split(scene.now_ns, scene.ann, scene.listing, 100 * DOLLAR)
    assert "balance: 1000000000" in refused(scene.sell(scene.ann, 60, 1_050))
    scene.ann.see(scene.listing.token_id(Token.UP))
    assert scene.sell(scene.ann, 60, 1_050).status == "live"
    scene.exchange.audit()


# Trading modes


def test_restart_is_followed_by_two_minutes_of_post_only(scene):
    resting = scene.buy(scene.ann, 48, 10)
    scene.exchange.trading.set(Mode.RESTARTING, scene.now_ns + 90 * NS)
    assert scene.buy(scene.ann, 47, 10).status == 425
    assert scene.cancel(scene.ann, resting).status == 425
    scene.wait(91_000)
    answer = scene.buy(scene.ann, 47, 10)
    assert (answer.status, answer.code, answer.retry_after_s) == (503, "post_only_mode", 119)
    assert scene.buy(scene.ann, 47, 10, **POST_ONLY).status == "live"
    assert scene.cancel(scene.ann, resting).canceled
    scene.wait(119_000)
    assert scene.buy(scene.ann, 46, 10).status == "live"


@pytest.mark.parametrize(("mode", "cancels"), [(Mode.CANCEL_ONLY, True), (Mode.DISABLED, False)])
def test_cancel_only_and_disabled(scene, mode, cancels):
    resting = scene.buy(scene.ann, 48, 10)
    scene.exchange.trading.set(mode)
    assert scene.buy(scene.ann, 47, 10, **POST_ONLY).status == 503
    answer = scene.cancel(scene.ann, resting)
    assert isinstance(answer, Refusal) is not cancels
    scene.exchange.trading.set(Mode.NORMAL)


# Close and resolution


def test_close_cancels_what_rests_and_resolution_pays_the_winner(scene):
    scene.sell(scene.ann, 40, 100)
    scene.buy(scene.bob, 40, 100)
    scene.buy(scene.cat, 30, 10)
    mined(scene)
    scene.exchange.close(scene.listing, scene.now_ns)
    assert scene.told(scene.cat)[-1]["status"] == "CANCELED_MARKET_RESOLVED"
    text = refused(scene.buy(scene.cat, 30, 10))
    assert text == "the market is not yet ready to process new orders"
    scene.exchange.resolve(scene.listing, Token.UP, scene.now_ns)
    assert scene.exchange.redeem(scene.now_ns, scene.bob, scene.listing) == 1_100 * SHARE
    assert scene.exchange.redeem(scene.now_ns, scene.ann, scene.listing) == 900 * SHARE
    scene.exchange.audit()
    scene.wait(601_000)
    # The rest was redeemed for those who did not ask, and the market forgotten.
    assert scene.cash(scene.cat) == 2_000
    assert not scene.exchange.listings
    assert not scene.exchange.dealing.ended


def test_rebates_share_a_fifth_of_the_fees_by_weight(scene):
    scene.sell(scene.ann, 50, 300)
    scene.sell(scene.cat, 50, 100)
    scene.buy(scene.bob, 50, 400)  # fee 7.00, rebates 1.05 and 0.35
    mined(scene)
    fees_e6 = scene.exchange.ledger.fees_e6
    scene.exchange.close(scene.listing, scene.now_ns)
    scene.exchange.resolve(scene.listing, Token.DOWN, scene.now_ns)
    assert scene.cash(scene.ann) == 1_150 + 1.05
    assert scene.cash(scene.cat) == 1_050  # below a dollar: owed until there is more
    assert scene.exchange.ledger.fees_e6 == fees_e6 - 1_050_000
