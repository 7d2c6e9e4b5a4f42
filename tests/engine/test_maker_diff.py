"""requote = diff: what holds is kept, and each side waits for its own proofs."""

import pytest

from polymm._core.layout import BID_TOO_LONG
from polymm.domain.order import Accepted, Cancelled, Side, Token
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.order_manager import OrderManager
from polymm.engine.worth import Worth
from tests.support.fake_lane import MS, SILENT, FakeQuote, Stage, cancels, places
from tests.support.gates import FakeBudget

TEN = 10_000_000


def test_an_unproven_side_places_nothing_while_the_other_goes_on() -> None:
    stage = Stage(requote="diff")
    bid, ask = stage.quoted()
    stage.lane.quote = FakeQuote(bid_e4=4_800)
    assert [cancel.order_id for cancel in cancels(stage.timer(1_000))] == [bid.order_id]
    stage.lane.quote = FakeQuote(bid_e4=4_800, ask_e4=5_200)
    again = stage.timer(1_000)  # the bid's cancel is overdue: asked again, beside the ask's first
    assert [cancel.order_id for cancel in cancels(again)] == [bid.order_id, ask.order_id]
    (placed,) = stage.step(Cancelled(ask.order_id, 0))
    assert (placed.token, placed.price_e4) == (Token.DOWN, 4_800)
    assert stage.maker.no_quote_reasons == ("awaiting_proof",)
    (placed,) = stage.step(Cancelled(bid.order_id, 0))
    assert (placed.token, placed.price_e4) == (Token.UP, 4_800)
    assert stage.maker.cycles == {"placed": 2, "cancel_unproven": 1}


def test_a_refused_cancel_blocks_its_side_only() -> None:
    stage = Stage(requote="diff")
    stage.quoted()
    stage.lane.quote = FakeQuote(bid_e4=4_800, ask_e4=5_200)
    first, second = cancels(stage.timer(1_000))
    assert stage.refuse(first) == []
    assert stage.maker.is_suspended
    (placed,) = stage.prove([second])
    assert placed.token is Token.DOWN
    assert stage.maker.cycles == {"placed": 2}
    assert stage.maker.no_quote_reasons == ("cancel_unproven",)


def test_a_side_that_is_given_up_stays_empty_while_the_other_is_quoted_for_long() -> None:
    stage = Stage(requote="diff")
    bid, _ = stage.quoted()
    for n in range(10):
        stage.lane.quote = FakeQuote(bid_e4=4_800, ask_e4=5_200 + 100 * (n % 2))
        asked = stage.timer(1_000)
        for cancel in cancels(asked):
            if cancel.order_id != bid.order_id:
                stage.accept(stage.step(Cancelled(cancel.order_id, 0)))
    assert sum(cancel.order_id == bid.order_id for cancel in cancels(stage.sent)) == 5
    assert [place.token for place in places(stage.sent)].count(Token.UP) == 1
    assert [place.token for place in places(stage.sent)].count(Token.DOWN) == 11


def test_a_replacement_never_meets_an_own_order_that_may_still_live() -> None:
    stage = Stage(requote="diff")
    bid, _ = stage.quoted()
    stage.lane.quote = FakeQuote(bid_e4=4_700, ask_e4=4_900)  # the market fell through our bid
    first, second = cancels(stage.timer(1_000))
    assert first.order_id == bid.order_id
    assert stage.prove([second]) == []
    assert stage.maker.counts["self_match_withheld"] == 1
    assert stage.maker.no_quote_reasons == ("awaiting_proof",)
    placed = stage.prove([first])
    assert [place.up_price_e4 for place in places(placed)] == [4_700, 4_900]
    assert stage.maker.cycles == {"placed": 2}


def test_a_replacement_is_given_up_with_the_proof_it_waits_for() -> None:
    stage = Stage(requote="diff")
    stage.quoted()
    stage.lane.quote = FakeQuote(bid_e4=5_200, ask_e4=5_400)  # the market rose through our ask
    first, second = cancels(stage.timer(1_000))
    assert stage.prove([first]) == []
    assert stage.maker.is_suspended
    assert stage.refuse(second) == []
    assert stage.maker.cycles == {"placed": 1, "cancel_unproven": 1}
    assert stage.maker.no_quote_reasons == ("cancel_unproven",)


def test_a_side_that_waits_for_the_other_is_placed_by_its_proof_and_by_nothing_else() -> None:
    stage = Stage(requote="diff")
    stage.quoted()
    stage.lane.quote = FakeQuote(bid_e4=5_200, ask_e4=5_400)
    first, second = cancels(stage.timer(1_000))
    stage.prove([first])
    stage.lane.quote = FakeQuote(bid_e4=5_000, ask_e4=5_400)  # no longer in the old ask's way
    assert stage.timer(100) == []
    assert [place.up_price_e4 for place in places(stage.prove([second]))] == [5_000, 5_400]


def test_a_side_that_would_meet_a_kept_order_waits_for_the_next_cycle() -> None:
    stage = Stage(requote="diff", requote_ticks=3)
    stage.quoted()
    stage.lane.quote = FakeQuote(bid_e4=5_200, ask_e4=5_300)  # the ask at .51 is near enough
    assert stage.prove(stage.timer(1_000)) == []
    assert stage.maker.cycles == {"placed": 1, "withheld": 1}
    assert stage.maker.no_quote_reasons == ("self_match_withheld",)


def test_a_newer_cycle_takes_over_while_a_side_waits() -> None:
    stage = Stage(cycle="event", requote="diff")
    bid, ask = stage.quoted()
    stage.lane.quote = FakeQuote(bid_e4=4_800)
    stage.frame(300)
    stage.lane.quote = SILENT
    assert [cancel.order_id for cancel in cancels(stage.frame(300))] == [ask.order_id]
    assert stage.maker.cycles == {"placed": 1, "superseded": 1, "no_size": 1}
    assert stage.step(Cancelled(bid.order_id, 0)) == []


def test_what_holds_is_kept_and_nothing_is_sent() -> None:
    stage = Stage(requote="diff")
    stage.quoted()
    assert [stage.timer(1_000) for _ in range(3)] == [[]] * 3
    assert stage.maker.cycles == {"placed": 1, "kept": 3}
    assert stage.maker.no_quote_reasons == ()


@pytest.mark.parametrize(
    ("wanted_e6", "kept"),
    [
        (TEN, True),
        (TEN + 1_990_000, True),
        (TEN + 2_000_000, False),  # a fifth more
        (TEN - 10_000, False),  # what stands is more than wanted: a limit may have shrunk
    ],
)
def test_a_size_holds_while_less_than_a_fifth_is_missing(wanted_e6: int, kept: bool) -> None:
    stage = Stage(requote="diff")
    stage.quoted()
    stage.lane.quote = FakeQuote(bid_e6=wanted_e6)
    assert (stage.timer(1_000) == []) is kept


@pytest.mark.parametrize(("ticks", "kept"), [(1, False), (2, True)])
def test_a_price_holds_below_requote_ticks(ticks: int, kept: bool) -> None:
    stage = Stage(requote="diff", requote_ticks=ticks)
    stage.quoted()
    stage.lane.quote = FakeQuote(bid_e4=4_800)
    assert (stage.timer(1_000) == []) is kept


def test_a_skipped_side_is_pulled_and_the_other_kept() -> None:
    stage = Stage(requote="diff")
    bid, _ = stage.quoted()
    stage.lane.quote = FakeQuote(bid_e4=0, bid_e6=0, reasons=BID_TOO_LONG)
    asked = stage.timer(1_000)
    assert [cancel.order_id for cancel in cancels(asked)] == [bid.order_id]
    assert stage.prove(asked) == []
    assert stage.maker.cycles == {"placed": 1, "kept": 1}
    assert stage.maker.no_quote_reasons == ("bid_too_long",)


def test_a_placement_nobody_answered_is_replaced() -> None:
    stage = Stage(requote="diff")
    bid, ask = places(stage.frame())
    stage.step(Accepted(ask.order_id))
    assert [cancel.order_id for cancel in cancels(stage.timer(1_000))] == [bid.order_id]
    assert stage.maker.counts["placement_unanswered"] == 1


def test_a_filled_side_is_placed_at_once_beside_a_kept_one() -> None:
    stage = Stage(cycle="event", requote="diff")
    bid, _ = stage.quoted()
    stage.now_ns += 300 * MS
    (placed,) = stage.fill(bid, TEN)
    assert (placed.token, placed.size_e6) == (Token.UP, TEN)


def test_sell_first_places_two_asks_and_keeps_each_by_itself() -> None:
    stage = Stage(requote="diff")
    stage.maker.inventory.up_e6 = 6_000_000
    stage.lane.quote = FakeQuote(ask_sell_e6=6_000_000, ask_buy_e6=5_000_000)
    _, sell, buy = stage.quoted()
    assert (sell.token, sell.side, sell.price_e4) == (Token.UP, Side.SELL, 5_100)
    assert (buy.token, buy.side, buy.price_e4) == (Token.DOWN, Side.BUY, 4_900)
    assert stage.maker.working[1] == (5_100, 11_000_000)
    stage.lane.quote = FakeQuote(ask_sell_e6=6_000_000, ask_buy_e6=8_000_000)
    asked = stage.timer(1_000)
    assert [cancel.order_id for cancel in cancels(asked)] == [buy.order_id]
    (placed,) = stage.prove(asked)
    assert (placed.token, placed.size_e6) == (Token.DOWN, 8_000_000)


def test_a_kept_ask_that_no_longer_holds_when_the_proof_comes_waits_for_the_next_cycle() -> None:
    stage = Stage(requote="diff")
    stage.maker.inventory.up_e6 = 6_000_000
    stage.lane.quote = FakeQuote(ask_sell_e6=6_000_000, ask_buy_e6=5_000_000)
    stage.quoted()
    stage.lane.quote = FakeQuote(ask_sell_e6=6_000_000, ask_buy_e6=8_000_000)
    asked = stage.timer(1_000)
    stage.lane.quote = FakeQuote(ask_e4=5_300, ask_sell_e6=6_000_000, ask_buy_e6=8_000_000)
    assert stage.prove(asked) == []
    assert stage.maker.cycles == {"placed": 1, "kept": 1}


def test_shares_on_their_way_into_a_merge_are_not_sold() -> None:
    stage = Stage(merge_enabled=True)
    stage.maker.inventory.up_e6, stage.maker.inventory.down_e6 = 12_000_000, 6_000_000
    stage.lane.quote = FakeQuote(ask_sell_e6=TEN, ask_buy_e6=0, merge_e6=6_000_000)
    sells = [place for place in places(stage.frame()) if place.side is Side.SELL]
    assert [sell.size_e6 for sell in sells] == [6_000_000]


def test_the_lane_knows_which_shares_cannot_be_sold() -> None:
    stage = Stage()
    inventory = stage.maker.inventory
    inventory.up_e6, inventory.unsettled_up_e6, inventory.merging_e6 = 12_000_000, 4_000_000, 3
    stage.frame()
    assert stage.lane.inventory == (12_000_000, 0)
    assert stage.lane.unsellable_up_e6 == 4_000_003


def test_shares_behind_an_open_sell_are_not_merged() -> None:
    stage = Stage(merge_enabled=True)
    stage.maker.inventory.up_e6 = TEN
    stage.lane.quote = FakeQuote(ask_sell_e6=8_000_000, ask_buy_e6=0)
    stage.quoted()
    stage.maker.inventory.down_e6 = TEN
    stage.lane.quote = FakeQuote(ask_sell_e6=8_000_000, ask_buy_e6=0, merge_e6=TEN)
    merge, *rest = stage.timer(1_000)
    assert merge.pairs_e6 == 2_000_000
    assert len(cancels(rest)) == 2


def scarce(budget: FakeBudget) -> Stage:
    stage = Stage(requote="diff", worth=Worth(budget, OrderManager(FillLedger())))
    stage.quoted()
    return stage


def test_while_tokens_are_plenty_every_requote_is_worth_them() -> None:
    stage = scarce(FakeBudget())
    stage.lane.quote = FakeQuote(bid_e4=4_800)
    assert len(cancels(stage.timer(1_000))) == 1


def test_when_tokens_are_scarce_a_small_move_is_spared_and_a_great_one_is_not() -> None:
    budget = FakeBudget(orders=14)
    stage = scarce(budget)
    stage.lane.quote = FakeQuote(bid_e4=4_600, ask_e4=5_400)
    assert stage.timer(1_000) == []
    assert stage.maker.counts["requote_spared"] == 2
    assert stage.maker.cycles == {"placed": 1, "kept": 1}
    stage.lane.quote = FakeQuote(bid_e4=4_500, ask_e4=5_400)
    great = stage.timer(1_000)
    assert [cancel.order_id for cancel in cancels(great)] == [1]
    (placed,) = stage.prove(great)
    assert placed.price_e4 == 4_500
    stage.accept([placed])
    # More tokens, and the small move is worth them.
    budget.orders = 60
    assert [cancel.order_id for cancel in cancels(stage.timer(1_000))] == [2]


def test_without_a_token_what_is_being_cancelled_is_not_spared() -> None:
    budget = FakeBudget()
    stage = scarce(budget)
    stage.lane.quote = FakeQuote(bid_e4=4_800)
    assert [cancel.order_id for cancel in cancels(stage.timer(1_000))] == [1]
    budget.orders = 0
    assert [cancel.order_id for cancel in cancels(stage.timer(1_000))] == [1]


def test_without_a_token_what_stands_on_the_wrong_side_goes_all_the_same() -> None:
    stage = scarce(FakeBudget(orders=0))
    stage.lane.quote = FakeQuote(bid_e4=4_600, ask_e4=4_800)  # our bid stands at 4900
    assert [cancel.order_id for cancel in cancels(stage.timer(1_000))] == [1]
