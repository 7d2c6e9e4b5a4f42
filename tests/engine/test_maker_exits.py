"""Steps a to e and g: every exit by its name, what it pulls, and the merge on the way."""

import pytest

from polymm._core.layout import BID_TOO_LONG, NO_SIZE, THIN_BOOK
from polymm.domain.inventory import Portfolio
from polymm.domain.order import Merged, Token
from tests.support.fake_lane import MARKET, SILENT, FakeQuote, Stage, cancels, merges, places

TEN = 10_000_000

EXITS = [
    ("no_book", {"has_epoch": False}),
    ("no_price", {"best_bid_e4": 0}),
    ("stale_book", {"timestamp_ms": 1_776_323_390_999}),
    ("price_range", {"best_bid_e4": 9, "best_ask_e4": 10}),
    ("price_range", {"best_bid_e4": 9_990, "best_ask_e4": 9_991}),
    ("price_range", {"best_bid_e4": 0, "last_trade_e4": 9}),
]


@pytest.mark.parametrize(("outcome", "book"), EXITS)
@pytest.mark.parametrize("requote", ["cancel_replace", "diff"])
def test_an_early_exit_pulls_what_works(outcome: str, book: dict[str, int], requote: str) -> None:
    stage = Stage(requote=requote)
    stage.quoted()
    for name, value in book.items():
        setattr(stage.book, name, value)
    assert len(cancels(stage.timer(1_000))) == 2
    assert stage.maker.cycles == {"placed": 1, outcome: 1}
    assert stage.maker.no_quote_reasons == (outcome,)


@pytest.mark.parametrize(("outcome", "book"), EXITS)
def test_an_early_exit_leaves_what_works_when_told_to(outcome: str, book: dict[str, int]) -> None:
    stage = Stage(early_exit="leave")
    stage.quoted()
    for name, value in book.items():
        setattr(stage.book, name, value)
    assert stage.timer(1_000) == []
    assert stage.maker.cycles[outcome] == 1
    assert stage.maker.no_quote_reasons == ()


def test_a_pull_without_answer_is_repeated_by_later_exits() -> None:
    stage = Stage()
    stage.quoted()
    stage.book.has_epoch = False
    assert [len(cancels(stage.timer(1_000))) for _ in range(7)] == [2, 2, 2, 2, 2, 0, 0]
    stage.book.has_epoch = True
    assert stage.timer(1_000) == []
    assert stage.maker.cycles["cancel_unproven"] == 1


@pytest.mark.parametrize(
    ("book", "outcome"),
    [
        ({"best_bid_e4": 10, "best_ask_e4": 10}, "placed"),
        ({"best_bid_e4": 9_990, "best_ask_e4": 9_990}, "placed"),
        ({"best_bid_e4": 0, "last_trade_e4": 100}, "placed"),
    ],
)
def test_the_limits_of_the_price_belong_to_the_range(book: dict[str, int], outcome: str) -> None:
    stage = Stage()
    for name, value in book.items():
        setattr(stage.book, name, value)
    stage.frame()
    assert stage.maker.cycles == {outcome: 1}


def test_outside_the_safe_range_a_cycle_warns_and_goes_on() -> None:
    stage = Stage()
    stage.book.best_bid_e4, stage.book.best_ask_e4 = 50, 100
    assert len(places(stage.frame())) == 2
    assert stage.maker.counts == {"safe_range_warning": 1}


def test_the_value_of_all_markets_at_the_limit_skips_the_cycle_and_its_merge() -> None:
    portfolio = Portfolio()
    stage = Stage(portfolio, merge_enabled=True)
    stage.quoted()
    stage.maker.inventory.up_e6 = stage.maker.inventory.down_e6 = TEN
    stage.lane.quote = FakeQuote(merge_e6=TEN)
    portfolio.mark("another", 20_000_000)
    assert len(cancels(stage.timer(1_000))) == len(stage.sent[2:]) == 2
    assert stage.maker.cycles["max_total_position"] == 1
    portfolio.mark("another", 19_999_999)
    stage.prove(stage.sent[2:])
    assert len(merges(stage.timer(1_000))) == 1


def test_a_reason_without_any_side_pulls_and_names_itself() -> None:
    stage = Stage(cycle="event")
    stage.quoted()
    stage.lane.quote = SILENT._replace(reasons=BID_TOO_LONG | NO_SIZE)
    assert len(cancels(stage.frame(300))) == 2
    assert stage.maker.cycles == {"placed": 1, "no_size": 1}
    assert stage.maker.no_quote_reasons == ("no_size", "bid_too_long")
    stage.lane.quote = SILENT._replace(reasons=THIN_BOOK)
    stage.timer(1_000)
    assert stage.maker.cycles["thin_book"] == 1


def test_a_missing_side_is_counted_by_its_reason_and_the_other_is_quoted() -> None:
    stage = Stage()
    stage.lane.quote = FakeQuote(bid_e4=0, bid_e6=0, reasons=BID_TOO_LONG)
    assert [place.token for place in places(stage.frame())] == [Token.DOWN]
    assert stage.maker.counts == {"side_bid_too_long": 1}
    assert stage.maker.no_quote_reasons == ("bid_too_long",)


def test_a_merge_is_reported_always_and_sent_once_when_enabled() -> None:
    for enabled in (False, True):
        stage = Stage(merge_enabled=enabled)
        stage.maker.inventory.up_e6, stage.maker.inventory.down_e6 = 7_000_000, 5_000_000
        stage.lane.quote = FakeQuote(merge_e6=5_000_000)
        sent = merges(stage.frame())
        assert [merge.pairs_e6 for merge in sent] == [5_000_000] * enabled
        stage.prove(stage.timer(1_000))
        assert len(merges(stage.sent)) == enabled
        assert stage.maker.counts["merge_opportunity"] == 2
        assert stage.maker.counts["merge_sent"] == enabled


def test_a_merge_waits_for_the_one_before_it() -> None:
    stage = Stage(merge_enabled=True)
    stage.maker.inventory.up_e6 = stage.maker.inventory.down_e6 = 5_000_000
    stage.lane.quote = FakeQuote(merge_e6=5_000_000)
    stage.frame()
    stage.maker.inventory.up_e6 = stage.maker.inventory.down_e6 = 8_000_000
    stage.lane.quote = FakeQuote(merge_e6=8_000_000)
    stage.prove(stage.timer(1_000))
    assert [merge.pairs_e6 for merge in merges(stage.sent)] == [5_000_000]
    stage.step(Merged(MARKET.slug, 5_000_000))
    stage.lane.quote = FakeQuote(merge_e6=3_000_000)
    stage.timer(1_000)
    assert [merge.pairs_e6 for merge in merges(stage.sent)] == [5_000_000, 3_000_000]


def test_what_is_bought_without_a_price_is_valued_at_the_last_one() -> None:
    portfolio = Portfolio()
    stage = Stage(portfolio)
    bid, _ = stage.quoted()
    stage.book.has_epoch = False
    stage.fill(bid, TEN)
    stage.timer(1_000)
    assert stage.maker.cycles["no_book"] == 1
    assert portfolio.value_e6 == 5_000_000
