"""The cycle as scenes, unhappy ones first: proofs that do not come, replies out of order."""

from dataclasses import replace

from polymm._core.layout import BOOK_CROSSED, CHANGED, REQUOTE
from polymm.domain.order import Accepted, Cancelled, Merged, Voided
from polymm.engine.events import NEVER_NS, NOTHING, BookChanged, Closing, Timer
from polymm.engine.outcomes import COUNT_PREFIXES, COUNTS, OUTCOMES
from tests.support.fake_lane import (
    MARKET,
    MS,
    SILENT,
    FakeQuote,
    Stage,
    cancels,
    fill_of,
    places,
)

TEN = 10_000_000


def test_a_refused_cancel_ends_the_cycle_and_places_nothing() -> None:
    stage = Stage()
    stage.quoted()
    bid, ask = cancels(stage.timer(1_000))
    assert stage.prove([bid]) == []
    assert stage.refuse(ask) == []
    assert stage.maker.cycles == {"placed": 1, "cancel_unproven": 1}
    assert not stage.maker.is_suspended
    assert stage.maker.no_quote_reasons == ("cancel_unproven",)
    assert places(stage.sent[2:]) == []


def test_a_cancel_without_answer_is_repeated_per_timer_five_times_and_never_again() -> None:
    stage = Stage()
    stage.quoted()
    rounds = [len(cancels(stage.timer(1_000))) for _ in range(12)]
    assert rounds == [2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0]
    assert stage.maker.counts["cancel_unproven"] == 10
    assert stage.maker.counts["cancel_given_up"] == 2
    assert len(places(stage.sent)) == 2
    assert stage.maker.cycles["cancel_unproven"] == 12


def test_a_proof_that_comes_after_all_was_given_up_frees_the_market() -> None:
    stage = Stage()
    bid, ask = stage.quoted()
    for _ in range(12):
        stage.timer(1_000)
    stage.step(Cancelled(bid.order_id, 0))
    assert places(stage.timer(1_000)) == []
    stage.step(Cancelled(ask.order_id, 0))
    assert len(places(stage.timer(1_000))) == 2


def test_a_refusal_because_of_a_match_is_not_repeated_and_the_fill_is_the_proof() -> None:
    stage = Stage()
    bid, _ = stage.quoted()
    first, second = cancels(stage.timer(1_000))
    stage.refuse(first, "matched")
    stage.prove([second])
    assert stage.timer(1_000) == []
    assert stage.timer(1_000) == []
    stage.fill(bid, TEN)
    assert len(places(stage.timer(1_000))) == 2
    assert stage.maker.inventory.up_e6 == TEN


def test_a_look_tells_the_lane_what_works_once_it_rests() -> None:
    stage = Stage(cycle="event")
    sent = stage.maker.look(stage.now_ns)
    assert len(places(sent)) == 2
    assert stage.lane.working is None, "the bytes come first"
    stage.maker.rest()
    assert stage.lane.working == (4_900, TEN, 5_100, TEN, stage.now_ns)
    assert stage.maker.no_quote_reasons == ()
    assert stage.maker.look(stage.now_ns) == NOTHING
    stage.maker.rest()
    assert len(list(stage.maker.orders)) == 2


def test_frames_during_a_suspended_cycle_send_nothing() -> None:
    stage = Stage(cycle="event")
    stage.quoted()
    stage.lane.quote = FakeQuote(bid_e4=4_800)
    asked = stage.frame(300)
    assert len(cancels(asked)) == 2
    stage.lane.quote = FakeQuote(bid_e4=4_700)
    assert stage.frame(300) == []
    assert [place.price_e4 for place in places(stage.prove(asked))] == [4_700, 4_900]


def test_the_book_turning_bad_before_the_proof_ends_the_cycle_by_its_reason() -> None:
    stage = Stage()
    stage.quoted()
    asked = stage.timer(1_000)
    stage.lane.quote = SILENT._replace(reasons=BOOK_CROSSED)
    assert stage.prove(asked) == []
    assert stage.maker.cycles == {"placed": 1, "crossed": 1}
    assert stage.maker.no_quote_reasons == ("crossed",)


def test_a_fill_before_the_proof_is_in_the_inventory_the_new_quote_is_made_of() -> None:
    stage = Stage()
    bid, _ = stage.quoted()
    asked = stage.timer(1_000)
    stage.fill(bid, 4_000_000)
    first, second = cancels(asked)
    stage.step(Cancelled(first.order_id, 4_000_000))
    evaluated = stage.lane.evaluated
    assert len(places(stage.step(Cancelled(second.order_id, 0)))) == 2
    assert stage.lane.evaluated == evaluated + 1
    assert stage.lane.inventory == (4_000_000, 0)


def test_a_proof_that_reports_fills_we_have_not_seen_is_no_proof_until_they_come() -> None:
    stage = Stage()
    bid, ask = stage.quoted()
    asked = stage.timer(1_000)
    assert stage.step(Cancelled(bid.order_id, 3_000_000)) == []
    assert stage.step(Cancelled(ask.order_id, 0)) == []
    assert stage.maker.counts["fill_debt"] == 1
    assert len(asked) == 2
    assert len(places(stage.fill(bid, 3_000_000))) == 2
    assert stage.maker.inventory.up_e6 == 3_000_000


def test_a_fill_that_never_comes_keeps_the_market_closed_and_sends_no_more_cancels() -> None:
    stage = Stage()
    bid, ask = stage.quoted()
    stage.timer(1_000)
    stage.step(Cancelled(bid.order_id, 3_000_000))
    stage.step(Cancelled(ask.order_id, 0))
    assert [stage.timer(1_000) for _ in range(5)] == [[]] * 5
    assert stage.maker.cycles["cancel_unproven"] == 6


def test_one_rejected_side_does_not_cancel_the_other() -> None:
    stage = Stage()
    bid, ask = places(stage.frame())
    stage.step(Accepted(ask.order_id))
    assert stage.reject(bid) == []
    assert stage.maker.working == ((0, 0), (5_100, TEN))
    assert stage.maker.no_quote_reasons == ("post_only_crosses",)
    assert stage.maker.counts["rejected_post_only_crosses"] == 1


def test_rejections_pause_a_side_after_three_within_a_second() -> None:
    stage = Stage(cycle="event", requote="diff")
    stage.quoted()
    tries = 0
    for _ in range(5):
        stage.lane.quote = FakeQuote(bid_e4=stage.lane.quote.bid_e4 - 100)
        placed = places(stage.prove(stage.frame(251))) or places(stage.sent[-1:])
        if placed:
            tries += 1
            stage.reject(placed[0])
            stage.sent.append(Timer())
    assert tries == 3 + 1  # a second after the first one it may try again
    assert stage.maker.counts["rejects_throttled"] == 1


def test_a_market_the_venue_calls_closed_is_closed() -> None:
    stage = Stage()
    bid, ask = places(stage.frame())
    actions = stage.reject(bid, "market_closed")
    assert [cancel.order_id for cancel in cancels(actions)] == [ask.order_id]
    assert stage.maker.is_closing
    assert stage.timer(1_000) == cancels(actions)  # not proven: asked again
    stage.step(Cancelled(ask.order_id, 0, "expired"))
    assert stage.maker.next_timer_ns == NEVER_NS


def test_an_order_the_venue_let_expire_closes_the_market() -> None:
    stage = Stage()
    bid, ask = stage.quoted()
    actions = stage.step(Cancelled(bid.order_id, 0, "expired"))
    assert [cancel.order_id for cancel in cancels(actions)] == [ask.order_id]
    assert stage.maker.no_quote_reasons == ("closing",)


def test_nothing_is_placed_at_or_after_the_end_of_the_window() -> None:
    stage = Stage()
    stage.quoted()
    stage.now_ns = MARKET.end_ns - 1
    asked = stage.timer()
    stage.now_ns = MARKET.end_ns
    assert stage.prove(asked) == []
    assert stage.maker.is_closing
    assert stage.maker.cycles == {"placed": 1, "closing": 1}


def test_closing_over_a_suspended_cycle_pulls_all_and_places_nothing_more() -> None:
    stage = Stage()
    stage.quoted()
    asked = stage.timer(1_000)
    assert stage.step(Closing()) == []  # both cancels are on their way
    assert stage.prove(asked) == []
    assert stage.frame(2_000) == []
    assert stage.timer(2_000) == []
    assert stage.step(Closing()) == []
    assert stage.maker.cycles == {"placed": 1, "closing": 1}
    assert len(stage.maker.orders) == 0


def test_closing_repeats_unanswered_cancels_by_timer_only() -> None:
    stage = Stage()
    stage.quoted()
    assert len(cancels(stage.step(Closing()))) == 2
    assert stage.maker.next_timer_ns == stage.now_ns + 1_000 * MS
    assert stage.timer(500) == []
    assert len(cancels(stage.timer(500))) == 2
    for _ in range(3):
        assert len(cancels(stage.timer(1_000))) == 2
    assert stage.timer(1_000) == []
    assert stage.maker.next_timer_ns == NEVER_NS


def test_merged_pairs_leave_the_inventory_once_and_only_when_asked_for() -> None:
    stage = Stage(merge_enabled=True)
    stage.maker.inventory.up_e6, stage.maker.inventory.down_e6 = 7_000_000, 5_000_000
    stage.lane.quote = FakeQuote(merge_e6=5_000_000)
    stage.frame()
    for slug in ("another", MARKET.slug, MARKET.slug):
        stage.step(Merged(slug, 5_000_000))
    assert (stage.maker.inventory.up_e6, stage.maker.inventory.down_e6) == (2_000_000, 0)
    assert stage.maker.counts["merge_unasked"] == 2


def test_fills_late_and_twice_are_counted_and_applied_once() -> None:
    stage = Stage()
    bid, ask = stage.quoted()
    stage.prove(stage.timer(1_000))
    stage.fill(bid, 2_000_000, trade_id=9)
    stage.fill(bid, 2_000_000, trade_id=9)
    stage.fill(ask, 1_000_000, trade_id=9)  # one trade may fill two of our orders
    assert stage.maker.inventory.up_e6 == 2_000_000
    assert stage.maker.inventory.down_e6 == 1_000_000
    assert stage.maker.counts == {"late_fill": 2, "duplicate_fill": 1}


def test_more_sold_than_held_is_told_to_the_lane_and_survived() -> None:
    stage = Stage()
    stage.maker.inventory.up_e6 = 5_000_000
    stage.lane.quote = FakeQuote(ask_sell_e6=5_000_000, ask_buy_e6=5_000_000)
    _, sell, _ = places(stage.frame())
    stage.fill(sell, 6_000_000)
    assert stage.lane.inventory == (-1_000_000, 0)
    assert stage.maker.counts["overfill"] == stage.maker.counts["bad_inventory"] == 1


def test_a_frame_without_requote_costs_nothing_and_answers_the_shared_tuple() -> None:
    stage = Stage()
    stage.quoted()
    evaluated = stage.lane.evaluated
    assert stage.maker.step(stage.now_ns, BookChanged(CHANGED)) is NOTHING
    assert stage.lane.evaluated == evaluated


def test_a_frame_whose_requote_another_market_asked_for_sends_nothing() -> None:
    stage = Stage()
    stage.quoted()
    assert stage.step(BookChanged(REQUOTE), after_ms=10) == []
    assert stage.maker.cycles_started == 1


def test_the_timer_mode_cancels_and_replaces_every_cycle() -> None:
    stage = Stage()
    stage.quoted()
    for _ in range(3):
        assert stage.maker.next_timer_ns == stage.now_ns + 1_000 * MS
        assert stage.timer(999) == []
        asked = stage.timer(1)
        assert len(cancels(asked)) == 2
        stage.accept(stage.prove(asked))
    assert stage.maker.cycles == {"placed": 4}


def test_the_event_mode_looks_again_after_the_interval_and_after_a_cycle() -> None:
    stage = Stage(cycle="event")
    stage.quoted()
    assert stage.maker.next_timer_ns == stage.now_ns + 250 * MS
    assert stage.timer(250) == []
    assert stage.maker.next_timer_ns == stage.now_ns + 750 * MS
    assert len(cancels(stage.timer(750))) == 2


def test_a_fill_in_event_mode_requotes_at_once_or_when_the_interval_is_over() -> None:
    stage = Stage(cycle="event")
    bid, _ = stage.quoted()
    stage.now_ns += 100 * MS
    assert stage.fill(bid, TEN) == []
    assert stage.maker.no_quote_reasons == ("between_quotes",)
    assert len(cancels(stage.timer(150))) == 1


def test_no_timer_is_wanted_before_the_first_event() -> None:
    stage = Stage()
    assert stage.maker.next_timer_ns == NEVER_NS
    assert stage.maker.no_quote_reasons == ("starting",)
    assert len(places(stage.timer())) == 2


def test_an_order_counts_as_working_from_its_first_sign_of_life_until_its_proof() -> None:
    stage = Stage()
    bid, ask = places(stage.frame())
    assert stage.maker.working == ((0, 0), (0, 0))
    stage.fill(bid, 4_000_000)  # before any acceptance
    assert stage.maker.working == ((4_900, 6_000_000), (0, 0))
    stage.step(Accepted(bid.order_id))
    stage.step(Accepted(ask.order_id))
    asked = stage.timer(1_000)
    assert stage.maker.working == ((4_900, 6_000_000), (5_100, TEN))
    assert stage.lane.working[:4] == (0, 0, 0, 0)
    assert stage.maker.no_quote_reasons == ("awaiting_proof",)
    stage.step(Cancelled(asked[0].order_id, 4_000_000))
    assert stage.maker.working == ((0, 0), (5_100, TEN))


def test_a_fill_of_another_market_or_order_is_foreign() -> None:
    stage = Stage()
    bid, _ = stage.quoted()
    fill = fill_of(bid, TEN, 1, stage.now_ns)
    stage.step(replace(fill, order_id=99))
    stage.step(replace(fill, slug="another"))
    assert stage.maker.inventory.up_e6 == 0
    assert stage.maker.counts == {"foreign_reply": 2}


def test_a_void_fill_is_taken_back_once_and_quoting_goes_on() -> None:
    stage = Stage(cycle="event")
    bid, _ = stage.quoted()
    before = stage.maker.inventory.cash_e10
    stage.fill(bid, TEN, trade_id=7)
    fill = fill_of(bid, TEN, 7, stage.now_ns)
    assert stage.lane.inventory == (TEN, 0)
    stage.step(Voided(fill))
    stage.step(Voided(fill))
    assert stage.maker.inventory.up_e6 == 0
    assert stage.maker.inventory.cash_e10 == before
    assert stage.lane.inventory == (0, 0)
    assert stage.maker.counts == {"void_fill": 1, "impossible_reply": 1}
    stage.prove(stage.timer(1_000))
    assert stage.maker.working[0] == (0, 0)
    assert len(places(stage.sent)) == 4


def test_a_void_fill_does_not_reopen_its_order() -> None:
    for size_e6, left_e6 in ((TEN, 0), (4_000_000, 6_000_000)):
        stage = Stage()
        bid, _ = stage.quoted()
        stage.fill(bid, size_e6, trade_id=7)
        stage.step(Voided(fill_of(bid, size_e6, 7, stage.now_ns)))
        assert stage.maker.working[0] == (4_900 if left_e6 else 0, left_e6)


def test_a_void_fill_that_was_never_told_of_changes_nothing() -> None:
    stage = Stage()
    bid, _ = stage.quoted()
    fill = fill_of(bid, TEN, 7, stage.now_ns)
    stage.step(Voided(fill))
    stage.step(Voided(replace(fill, slug="another")))
    assert stage.maker.inventory.up_e6 == 0
    assert stage.maker.counts == {"impossible_reply": 1, "foreign_reply": 1}


def test_a_void_fill_of_an_earlier_run_is_taken_back() -> None:
    stage = Stage()
    bid, _ = stage.quoted()
    fill = replace(fill_of(bid, TEN, 7, stage.now_ns), order_id=99)
    stage.maker.adopt(fill)
    stage.step(Voided(fill))
    assert stage.maker.inventory.up_e6 == 0


def test_shares_that_were_sold_before_their_purchase_turned_void_are_not_hidden() -> None:
    stage = Stage()
    bid, _ = stage.quoted()
    stage.fill(bid, TEN, trade_id=7)
    stage.maker.inventory.up_e6 -= TEN
    stage.step(Voided(fill_of(bid, TEN, 7, stage.now_ns)))
    assert stage.maker.inventory.up_e6 == -TEN
    assert stage.maker.counts["bad_inventory"] == 1


def test_every_name_that_can_be_counted_is_documented() -> None:
    documented = {*OUTCOMES, *COUNTS}
    assert len(documented) == len(OUTCOMES) + len(COUNTS) - 1  # cancel_unproven is both
    assert all(prefix.endswith("_") for prefix in COUNT_PREFIXES)
