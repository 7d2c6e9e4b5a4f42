"""The risk gate: what may not go out, each under its name and to the last share."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from polymm.domain.order import Place
from polymm.engine import evidence as ev
from polymm.engine.evidence import PlaceVerdict, Settlement
from polymm.engine.order_life import Life
from polymm.engine.risk import HALTS, REFUSALS, RESTRICTIONS
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


# Beside other orders


def test_levels_of_one_token_and_side_are_limited() -> None:
    scene = Scene(limits=limits(levels_max=2))
    scene.sent(price=0.40)
    assert scene.check(price=0.39) == ""
    scene.sent(price=0.39)
    assert scene.check(price=0.38) == "levels"
    assert scene.check(DOWN, BUY, 0.38) == ""
    assert scene.check(price=0.38, condition_id="0xbb") == ""


def test_an_order_whose_cancel_failed_still_holds_its_level() -> None:
    scene = Scene(limits=limits(levels_max=1))
    order = scene.sent()
    scene.answered(order)
    scene.orders.want_cancel(NOW, 1)
    scene.tell(ev.CancelWritten((order,), NOW))
    scene.tell(ev.CancelAnswered(order, ev.CancelVerdict.UNKNOWN, "timeout", NOW, scene.now_ns + 1))
    assert scene.check() == "levels"


def test_a_side_with_an_order_nobody_knows_of_is_blocked(scene: Scene) -> None:
    order = scene.sent(price=0.40)
    assert scene.check(price=0.39) == ""
    scene.answered(order, PlaceVerdict.UNKNOWN, "timeout")
    assert scene.check(price=0.39) == "side_unknown"
    assert scene.check(DOWN, BUY, 0.40) == ""


@pytest.mark.parametrize(
    ("first", "second", "refusal"),
    [
        # Own bid and own ask of one token.
        ((UP, SELL, 0.53), (UP, BUY, 0.53), "self_match"),
        ((UP, SELL, 0.53), (UP, BUY, 0.52), ""),
        ((UP, BUY, 0.47), (UP, SELL, 0.47), "self_match"),
        ((UP, BUY, 0.47), (UP, SELL, 0.48), ""),
        # Bids of both tokens that mint: from a dollar on.
        ((UP, BUY, 0.48), (DOWN, BUY, 0.52), "self_match"),
        ((UP, BUY, 0.48), (DOWN, BUY, 0.51), ""),
        # Asks of both tokens that merge: up to a dollar.
        ((UP, SELL, 0.49), (DOWN, SELL, 0.51), "self_match"),
        ((UP, SELL, 0.49), (DOWN, SELL, 0.52), ""),
        # Bids of one token, or a bid and the ask that lead the same way, never meet.
        ((UP, BUY, 0.47), (DOWN, SELL, 0.53), ""),
        ((UP, BUY, 0.47), (UP, BUY, 0.52), ""),
    ],
)
def test_no_order_may_meet_an_own_one(first: Any, second: Any, refusal: str) -> None:
    scene = Scene()
    scene.fill(UP, BUY, 0.5, 40)
    scene.fill(DOWN, BUY, 0.5, 40)
    scene.plan(*first)
    assert scene.check(*second) == refusal
    assert scene.check(*second, condition_id="0xbb") in ("", "coverage")


# The worst case


def test_the_worst_case_of_a_market_may_reach_its_limit(scene: Scene) -> None:
    scene.fill(UP, BUY, 0.4, 60)
    scene.fill(DOWN, BUY, 0.4, 5, Settlement.MATCHED)
    scene.sent(UP, BUY, 0.40, 20)
    # 60 held, 20 on their way, and the 5 Down may turn out not to be: 20 are left.
    assert scene.check(UP, BUY, 0.39, 20) == ""
    assert scene.check(UP, BUY, 0.39, 20.01) == "max_market"
    # The other way 60 and 5 may be nothing against it: Down 5 less Up 60.
    assert scene.check(DOWN, BUY, 0.40, 50) == ""


@pytest.mark.parametrize(
    ("verdict", "reason"), [(PlaceVerdict.UNKNOWN, "timeout"), (PlaceVerdict.DELAYED, "")]
)
def test_an_order_counts_in_every_state_in_which_it_may_fill(
    verdict: PlaceVerdict, reason: str
) -> None:
    scene = Scene(limits=limits(max_market_e6=20 * SHARE))
    order = scene.plan(UP, BUY, 0.40, 10)
    assert scene.check(DOWN, SELL, 0.60, 10.01) == "max_market"
    scene.tell(ev.Written((order,), NOW))
    assert scene.check(DOWN, SELL, 0.60, 10.01) == "max_market"
    scene.answered(order, verdict, reason)
    assert scene.check(DOWN, SELL, 0.60, 10.01) == "max_market"
    scene.wait(120)
    assert scene.check(DOWN, SELL, 0.60, 10.01) in ("max_market", "reduce_only")


def test_an_order_that_leads_back_passes_though_a_limit_is_broken(scene: Scene) -> None:
    scene.fill(UP, BUY, 0.3, 130)
    assert scene.check(UP, BUY, 0.40, 5) == "max_market"
    assert scene.check(UP, SELL, 0.60, 50) == ""
    assert scene.check(DOWN, BUY, 0.40, 50) == ""


def test_what_the_venue_may_fill_too_much_is_kept_free() -> None:
    scene = Scene(limits=limits(fill_margin_e6=10_000, max_market_e6=20 * SHARE))
    assert scene.check(size=19.99) == ""
    assert scene.check(size=20) == "max_market"


def test_the_cost_of_all_markets_may_reach_its_limit() -> None:
    scene = Scene(limits=limits(max_market_e6=1_000 * SHARE, max_total_cost_e6=50 * SHARE))
    scene.fill(UP, BUY, 0.40, 40)  # 16
    scene.fill(DOWN, BUY, 0.50, 20, Settlement.MATCHED, condition_id="0xbb")  # 10
    scene.sent(UP, BUY, 0.40, 30, condition_id="0xbb")  # 12
    assert scene.check(UP, BUY, 0.40, 30) == ""
    assert scene.check(UP, BUY, 0.40, 30.01) == "max_total"


def test_what_one_market_won_is_no_licence_to_lose_it_in_another() -> None:
    scene = Scene(limits=limits(max_total_cost_e6=8 * SHARE))
    scene.fill(UP, BUY, 0.10, 40, condition_id="0xbb")
    scene.fill(UP, SELL, 0.90, 40, condition_id="0xbb")
    assert scene.check(UP, BUY, 0.40, 20) == ""
    assert scene.check(UP, BUY, 0.40, 20.01) == "max_total"


def test_proceeds_that_are_not_settled_lower_no_cost() -> None:
    scene = Scene(limits=limits(max_total_cost_e6=8 * SHARE))
    scene.fill(UP, BUY, 0.40, 10)  # 4
    scene.fill(UP, SELL, 0.60, 10, Settlement.MINED)
    assert scene.check(UP, BUY, 0.40, 10) == ""
    assert scene.check(UP, BUY, 0.40, 10.01) == "max_total"


def test_confirmed_cash_covers_all_that_may_be_bought() -> None:
    scene = Scene(cash=20)
    scene.fill(UP, BUY, 0.40, 10)  # 4, confirmed
    scene.fill(DOWN, BUY, 0.40, 10, Settlement.MATCHED)  # 4
    scene.fill(DOWN, SELL, 0.90, 10, Settlement.MATCHED)  # brings nothing yet
    scene.sent(UP, BUY, 0.40, 10, condition_id="0xbb")  # 4
    assert scene.check(DOWN, BUY, 0.40, 20) == ""
    assert scene.check(DOWN, BUY, 0.40, 20.01) == "cash"


def test_fees_are_paid_from_the_same_cash() -> None:
    scene = Scene(cash=8)
    fill = scene.fill(UP, BUY, 0.40, 10, Settlement.MATCHED)
    assert scene.check(DOWN, BUY, 0.40, 10) == ""
    scene.fills.apply(fill._replace(trade="taken", size_e6=10_000, cash_e10=0, fee_e6=1))
    assert scene.check(DOWN, BUY, 0.40, 10) == "cash"


def test_only_confirmed_shares_are_sold() -> None:
    scene = Scene()
    scene.fill(UP, BUY, 0.40, 20)
    scene.fill(UP, BUY, 0.40, 20, Settlement.MINED)
    scene.fill(UP, SELL, 0.60, 5, Settlement.MATCHED)
    scene.sent(UP, SELL, 0.60, 5)
    assert scene.check(UP, SELL, 0.61, 10) == ""
    assert scene.check(UP, SELL, 0.61, 10.01) == "coverage"
    assert scene.check(DOWN, SELL, 0.60, 5) == "coverage"


def test_shares_on_their_way_into_a_merge_are_not_for_sale() -> None:
    scene = Scene()
    scene.fill(UP, BUY, 0.40, 20)
    scene.fill(DOWN, BUY, 0.40, 20)
    scene.gate.merge_sent(MARKET, 12 * SHARE)
    assert scene.check(UP, SELL, 0.60, 8) == ""
    assert scene.check(UP, SELL, 0.60, 8.01) == "coverage"
    scene.tell(ev.MergeFailed(MARKET, 12 * SHARE, "reverted"))
    assert scene.check(UP, SELL, 0.60, 20) == ""
    scene.gate.merge_sent(MARKET, 12 * SHARE)
    scene.tell(ev.Merged(MARKET, 12 * SHARE))
    assert scene.check(UP, SELL, 0.60, 8) == ""
    assert scene.check(UP, SELL, 0.60, 8.01) == "coverage"


# Only reducing


@pytest.mark.parametrize(
    ("token", "side", "refusal"),
    [
        (UP, SELL, ""),
        (DOWN, BUY, ""),
        (UP, BUY, "reduce_only"),
        (DOWN, SELL, "reduce_only"),
    ],
)
def test_what_leads_towards_nothing_may_go_out(token: Any, side: Any, refusal: str) -> None:
    scene = Scene()
    scene.fill(UP, BUY, 0.40, 30)
    scene.fill(DOWN, BUY, 0.40, 10)
    scene.gate.restrict(NOW, "balance_differs", MARKET)
    assert scene.check(token, side, 0.50 if side is BUY else 0.60, 10) == refusal
    assert scene.check(UP, BUY, 0.40, 10, condition_id="0xbb") == ""
    scene.gate.relax(NOW, "balance_differs", MARKET)
    assert scene.check(token, side, 0.50 if side is BUY else 0.60, 10) == ""


def test_reducing_stops_at_nothing_even_if_everything_else_that_reduces_is_filled() -> None:
    scene = Scene()
    scene.fill(UP, BUY, 0.40, 30)
    scene.fill(UP, BUY, 0.40, 10, Settlement.MATCHED)
    scene.sent(DOWN, BUY, 0.40, 12)
    scene.gate.restrict(NOW, "loss")
    assert scene.check(UP, SELL, 0.61, 18) == ""
    assert scene.check(UP, SELL, 0.61, 18.01) == "reduce_only"


def test_flat_means_nothing_at_all_may_go_out(scene: Scene) -> None:
    scene.gate.restrict(NOW, "loss")
    assert scene.check(UP, BUY) == scene.check(DOWN, BUY) == "reduce_only"
    assert scene.gate.may_quote(MARKET)


@pytest.mark.parametrize("reason", sorted(RESTRICTIONS))
def test_a_limit_of_losses_is_never_taken_back(scene: Scene, reason: str) -> None:
    scene.gate.restrict(NOW, reason)
    scene.gate.relax(NOW, reason)
    assert scene.gate.is_reduce_only(MARKET)


def test_a_market_with_an_order_that_cannot_be_resolved_only_reduces() -> None:
    scene = Scene()
    scene.fill(UP, BUY, 0.40, 30)
    order = scene.sent(UP, BUY, 0.30, 10)
    scene.answered(order, PlaceVerdict.UNKNOWN, "timeout")
    scene.orders.by_hash[order].life = Life.QUARANTINED
    assert scene.check(DOWN, SELL, 0.60, 5) == "reduce_only"
    assert scene.check(DOWN, BUY, 0.40, 30) == ""
    assert scene.check(UP, BUY, 0.40, 5, condition_id="0xbb") == ""


def test_every_refusal_has_a_scene() -> None:
    """By name, in this file and in that of what the gate hears."""
    text = "".join((HERE / f"{name}.py").read_text() for name in ("test_risk", "test_watch"))
    missing = [name for name in REFUSALS if f'"{name}"' not in text]
    assert not missing


def test_limits_hold_at_any_size() -> None:
    """Sizes are whole numbers: nothing overflows or rounds."""
    scene = Scene(cash=1e12, limits=replace(limits(), max_market_e6=10**18))
    scene.fill(UP, BUY, 0.40, 1e9)
    assert scene.check() == "max_total"
