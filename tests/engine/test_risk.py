"""The risk gate: what may not go out, each under its name and to the last share."""

from pathlib import Path
from typing import Any

import pytest

from polymm.domain.order import Place
from polymm.engine import evidence as ev
from polymm.engine.refusals import HALTS, REFUSALS
from tests.support.gates import (
    BUY,
    CLOSE,
    DOWN,
    MARKET,
    NOW,
    SECOND,
    SELL,
    SHARE,
    UP,
    FakeBudget,
    Scene,
    limits,
    market,
)


@pytest.fixture
def scene() -> Scene:
    return Scene()


HERE = Path(__file__).parent


def test_an_order_within_every_limit_passes_and_counts_nothing(scene: Scene) -> None:
    assert scene.check() == ""
    assert not scene.gate.counts


def test_every_refusal_is_counted_under_a_name_that_is_explained(scene: Scene) -> None:
    scene.gate.close(NOW, "reconciling")
    assert scene.check() == "gate_closed"
    assert scene.check() == "gate_closed"
    assert scene.gate.counts == {"gate_closed": 2, "closed_reconciling": 1}
    assert "gate_closed" in REFUSALS


# The gate itself


def test_a_gate_is_open_again_once_its_last_reason_is_gone(scene: Scene) -> None:
    scene.gate.close(NOW, "reconciling")
    scene.gate.close(NOW + 5, "heartbeat")
    scene.gate.close(NOW + 9, "heartbeat")
    assert scene.gate.closed_by == {"reconciling": NOW, "heartbeat": NOW + 5}
    scene.gate.reopen(NOW, "reconciling")
    assert not scene.gate.is_open
    assert not scene.gate.may_quote(MARKET)
    scene.gate.reopen(NOW, "heartbeat")
    assert scene.gate.is_open
    assert scene.check() == ""


@pytest.mark.parametrize("reason", sorted(HALTS))
def test_a_halt_is_for_ever(scene: Scene, reason: str) -> None:
    scene.gate.close(NOW, reason)
    scene.gate.reopen(NOW, reason)
    scene.wait(10_000)
    assert scene.gate.closed_by == {reason: NOW}


def test_the_kill_switch_closes_at_once(scene: Scene) -> None:
    scene.tell(ev.Kill("file"))
    assert scene.check() == "gate_closed"
    scene.gate.reopen(NOW, "killed")
    assert not scene.gate.is_open


def test_no_journal_no_orders(scene: Scene) -> None:
    scene.tell(ev.JournalFailed("disk full"))
    assert scene.check() == "gate_closed"
    scene.tell(ev.JournalHealed())
    assert scene.check() == ""


def test_a_market_that_closes_is_stopped_alone(scene: Scene) -> None:
    scene.tell(ev.MarketClosed(MARKET))
    assert scene.check() == "market_stopped"
    assert not scene.gate.may_quote(MARKET)
    assert scene.check(condition_id="0xbb") == ""
    assert scene.gate.is_open


def test_a_market_that_is_over_is_forgotten(scene: Scene) -> None:
    scene.tell(ev.MarketClosed(MARKET))
    scene.gate.restrict(NOW, "balance_differs", MARKET)
    scene.gate.merge_sent(MARKET, SHARE)
    scene.gate.forget(MARKET)
    assert scene.gate.may_quote(MARKET)
    assert not scene.gate.is_reduce_only(MARKET)
    assert not scene.gate.merging_e6


# Inputs


@pytest.mark.parametrize("token", [0, 1])
def test_each_book_must_be_proven_recently(scene: Scene, token: int) -> None:
    age_ns = scene.limits.book_age_ns_max
    proven = [NOW, NOW]
    proven[token] = NOW - age_ns
    scene.view.proven_ns = proven
    assert scene.check() == ""
    proven[token] -= 1
    assert scene.check() == "book_old"


def test_nothing_is_sent_on_a_book_that_messages_contradict(scene: Scene) -> None:
    scene.view.is_contradicted = True
    assert scene.check() == "book_contradicted"
    scene.view.is_contradicted = False
    assert scene.check() == ""


def test_the_reference_must_be_recent_where_it_is_used() -> None:
    scene = Scene(limits=limits(reference_age_ns_max=SECOND))
    scene.view.reference_ns = NOW - SECOND
    assert scene.check() == ""
    scene.view.reference_ns -= 1
    assert scene.check() == "reference_old"
    unused = Scene()
    unused.view.reference_ns = 0
    assert unused.check() == ""


def test_no_book_no_orders(scene: Scene) -> None:
    scene.view.has_epoch = False
    assert scene.check() == "no_book"


def test_a_crossed_book_is_no_book(scene: Scene) -> None:
    scene.view.best_bid_e4 = 5_400
    assert scene.check() == ""
    scene.view.best_bid_e4 = 5_500
    assert scene.check() == "book_crossed"


def test_the_user_channel_may_be_away_for_so_long(scene: Scene) -> None:
    scene.tell(ev.UserChannel(False, NOW))
    scene.now_ns += 2 * SECOND - 1
    assert scene.check() == ""
    scene.now_ns += 1
    # Nobody has ticked: the check itself sees what time it is.
    assert scene.check() == "gate_closed"
    assert set(scene.gate.closed_by) == {"user_channel"}
    scene.tell(ev.UserChannel(True, scene.now_ns))
    assert scene.check() == ""


def test_the_user_channel_is_awaited_from_when_it_was_lost_not_from_when_it_was_told(
    scene: Scene,
) -> None:
    scene.tell(ev.UserChannel(False, NOW - 5 * SECOND))
    assert scene.check() == "gate_closed"


def test_a_clock_too_far_from_the_venues_closes(scene: Scene) -> None:
    most_ns = scene.limits.skew_ns_max
    for skew_ns, refusal in ((most_ns, ""), (-most_ns - 1, "gate_closed"), (0, "")):
        scene.tell(ev.PreflightRead((), skew_ns, NOW, NOW))
        assert scene.check() == refusal


def test_after_a_stall_nothing_goes_out_before_the_backlog_is_read(scene: Scene) -> None:
    scene.tell(ev.Stalled(250_000_000))
    assert scene.check() == ""
    scene.tell(ev.Stalled(250_000_001))
    assert scene.check() == "gate_closed"
    assert set(scene.gate.closed_by) == {"stalled"}
    scene.now_ns += SECOND
    assert scene.check() == ""


# Close


def test_nothing_goes_out_within_the_margin_of_the_close(scene: Scene) -> None:
    scene.now_ns = CLOSE - scene.limits.close_margin_ns - 1
    scene.view.proven_ns = scene.now_ns, scene.now_ns
    assert scene.check() == ""
    scene.now_ns += 1
    assert scene.check() == "past_close"


# The order alone


@pytest.mark.parametrize(
    ("price", "refusal"),
    [
        (0.0, "price_out_of_bounds"),
        (-0.01, "price_out_of_bounds"),
        (1.0, "price_out_of_bounds"),
        (0.405, "off_tick"),
        (0.09, "price_band"),
        (0.10, ""),
        (0.54, ""),
    ],
)
def test_prices(price: float, refusal: str) -> None:
    scene = Scene(limits=limits(price_min_e4=1_000, price_max_e4=9_000))
    assert scene.check(price=price) == refusal


def test_the_band_is_that_of_the_orders_own_token() -> None:
    scene = Scene(limits=limits(price_min_e4=1_000, price_max_e4=9_000))
    scene.view.best_bid_e4, scene.view.best_ask_e4 = 200, 9_900
    assert scene.check(DOWN, BUY, 0.90) == ""
    assert scene.check(DOWN, BUY, 0.91) == "price_band"


def test_the_tick_is_that_of_the_book_now(scene: Scene) -> None:
    assert scene.check(price=0.405) == "off_tick"
    scene.view.tick_e4 = 10
    assert scene.check(price=0.405) == ""


@pytest.mark.parametrize(
    ("size", "refusal"),
    [
        (0, "size_below_minimum"),
        (4.99, "size_below_minimum"),
        (5, ""),
        (50, ""),
        (50.01, "size_cap"),
        (5.005, "off_lot"),
    ],
)
def test_sizes(scene: Scene, size: float, refusal: str) -> None:
    assert scene.check(size=size) == refusal


def test_an_amount_that_is_no_whole_micro_dollar_is_refused(scene: Scene) -> None:
    fine = market(lot_e6=1, order_min_e6=1)
    scene.view.tick_e4 = 1
    for price_e4, size_e6, refusal in ((4_000, 5_000_005, ""), (4_001, 5_000_005, "off_lot")):
        scene.n += 1
        place = Place(scene.n, "btc", UP, BUY, price_e4, size_e6)
        assert scene.gate.check(NOW, fine, place, scene.view) == refusal


@pytest.mark.parametrize(
    ("token", "side", "rests", "takes"),
    [
        (UP, BUY, 0.54, 0.55),
        (UP, SELL, 0.46, 0.45),
        (DOWN, BUY, 0.54, 0.55),
        (DOWN, SELL, 0.46, 0.45),
    ],
)
def test_what_would_trade_with_the_book_at_once_is_refused(
    scene: Scene, token: Any, side: Any, rests: float, takes: float
) -> None:
    scene.fill(token, BUY, 0.5, 20)
    assert scene.check(token, side, rests) == ""
    assert scene.check(token, side, takes) == "would_take"


def test_an_empty_side_of_the_book_cannot_be_taken(scene: Scene) -> None:
    scene.view.best_bid_e4, scene.view.best_ask_e4 = 0, 10_000
    assert scene.check(price=0.99) == ""


# Pace


def test_orders_a_second_are_limited_whatever_wants_them() -> None:
    scene = Scene(limits=limits(orders_a_second_max=3, orders_a_minute_max=5))
    assert [scene.check() for _ in range(4)] == ["", "", "", "order_rate"]
    scene.wait(0.999)
    assert scene.check() == "order_rate"
    scene.wait(0.001)
    assert [scene.check() for _ in range(3)] == ["", "", "order_rate_minute"]
    scene.wait(58.9)
    assert scene.check() == "order_rate_minute"
    scene.wait(0.1)
    assert scene.check() == ""


def test_a_refused_order_does_not_count_as_sent() -> None:
    scene = Scene(limits=limits(orders_a_second_max=1))
    assert scene.check(price=0.405) == "off_tick"
    assert scene.check() == ""


@pytest.mark.parametrize(("orders", "refusal"), [(1, ""), (0, "order_budget")])
def test_an_order_needs_a_token(orders: int, refusal: str) -> None:
    assert Scene(budget=FakeBudget(orders=orders)).check() == refusal


def test_orders_that_are_planned_have_their_tokens_already(scene: Scene) -> None:
    scene.budget.orders = 2
    scene.plan(price=0.30)
    assert scene.check() == ""
    scene.plan(price=0.31)
    assert scene.check() == "order_budget"


def test_the_cancel_reserve_is_never_spent_on_placements(scene: Scene) -> None:
    # For one live order and this one: 2 times 1.2, rounded up, and one more.
    scene.sent()
    scene.budget.cancels = 4
    assert scene.check(price=0.39) == ""
    scene.budget.cancels = 3
    assert scene.check(price=0.39) == "cancel_reserve"


def test_every_refusal_has_a_scene() -> None:
    """By name, in one of the files about it."""
    files = ("test_risk", "test_risk_worst", "test_watch")
    text = "".join((HERE / f"{name}.py").read_text() for name in files)
    missing = [name for name in REFUSALS if f'"{name}"' not in text]
    assert not missing
