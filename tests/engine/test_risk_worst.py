"""The risk gate beside other orders and fills: the worst case, to the last share."""

from dataclasses import replace
from typing import Any

import pytest

from polymm.engine import evidence as ev
from polymm.engine.evidence import PlaceVerdict, Settlement
from polymm.engine.order_life import Life
from polymm.engine.refusals import RESTRICTIONS
from tests.support.gates import (
    BUY,
    DOWN,
    MARKET,
    NOW,
    SELL,
    SHARE,
    UP,
    Scene,
    limits,
)


@pytest.fixture
def scene() -> Scene:
    return Scene()


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


def test_limits_hold_at_any_size() -> None:
    """Sizes are whole numbers: nothing overflows or rounds."""
    scene = Scene(cash=1e12, limits=replace(limits(), max_market_e6=10**18))
    scene.fill(UP, BUY, 0.40, 1e9)
    assert scene.check() == "max_total"
