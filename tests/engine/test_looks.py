"""What is read during a step is noted, and given back to nobody who asks for something else."""

from dataclasses import dataclass, field

import pytest

from polymm._core.layout import REQUOTE
from polymm.engine.looks import LOOK_SIZES, LookKind, LookLog, NotedView
from polymm.engine.played_looks import LookPlayer, PlayedView
from polymm.engine.ports import MarketView
from polymm.errors import ReplayError
from tests.support.fake_lane import FakeQuote

BOOK_NAMES = (
    "best_bid_e4",
    "best_ask_e4",
    "has_epoch",
    "tick_e4",
    "last_trade_e4",
    "timestamp_ms",
    "proven_ns",
    "reference_ns",
    "is_contradicted",
)
BOOK = (4_900, 5_100, True, 100, 4_950, 17, (7, 8), 9, True)


@dataclass
class FakeMarket:
    """A market that answers what it is told to, and counts how often it is asked to evaluate."""

    best_bid_e4: int = 4_900
    best_ask_e4: int = 5_100
    has_epoch: bool = True
    tick_e4: int = 100
    last_trade_e4: int = 4_950
    timestamp_ms: int = 17
    proven_ns: tuple[int, int] = (7, 8)
    reference_ns: int = 9
    is_contradicted: bool = True
    quote: FakeQuote = field(default_factory=FakeQuote)
    flags: int = REQUOTE
    evaluated: int = 0
    told: list[tuple[int, ...]] = field(default_factory=list)

    def set_inventory(self, up_e6: int, down_e6: int, unsellable_up_e6: int = 0) -> None:
        self.told.append((up_e6, down_e6))

    def set_working(self, bid_e4: int, bid_e6: int, ask_e4: int, ask_e6: int, now_ns: int) -> None:
        self.told.append((bid_e4, bid_e6, ask_e4, ask_e6, now_ns))

    def evaluate(self, now_ns: int) -> int:
        self.evaluated += 1
        return self.flags


class FakeBudget:
    """Token buckets that empty as they are asked."""

    def __init__(self) -> None:
        self.left = 10
        self.bursts = (60, 120)

    def tokens(self, now_ns: int) -> tuple[int, int]:
        self.left -= 1
        return self.left, 2 * self.left

    def reserve(self, live: int) -> int:
        return live + 1


def book_of(view: MarketView) -> tuple[object, ...]:
    return tuple(getattr(view, name) for name in BOOK_NAMES)


def test_a_book_is_noted_once_a_step_whatever_is_read_of_it_first() -> None:
    log = LookLog()
    view = log.view(FakeMarket())
    for name in BOOK_NAMES:
        getattr(view, name)
        assert book_of(view) == BOOK
        (look,) = log.take()
        assert look == (1, LookKind.BOOK, 4_900, 5_100, 1, 100, 4_950, 17, 7, 8, 9, 1)
    assert log.take() == ()


def test_a_book_is_noted_again_after_an_evaluation_and_after_a_step() -> None:
    market, log = FakeMarket(), LookLog()
    view = log.view(market)
    assert view.best_bid_e4 == 4_900
    market.best_bid_e4 = 4_800
    view.evaluate(1)
    assert view.best_bid_e4 == 4_800
    assert [look[1] for look in log.take()] == [LookKind.BOOK, LookKind.EVALUATED, LookKind.BOOK]
    market.best_bid_e4 = 4_700
    assert view.best_bid_e4 == 4_700


def test_every_look_has_the_size_of_its_kind() -> None:
    log = LookLog()
    view, budget = log.view(FakeMarket()), log.budget(FakeBudget())
    view.quote  # noqa: B018
    view.evaluate(1)
    view.tick_e4  # noqa: B018
    budget.tokens(1)
    budget.reserve(1)
    budget.bursts  # noqa: B018
    looks = log.take()
    assert {look[1] for look in looks} == set(LookKind)
    assert {look[1]: len(look) for look in looks} == LOOK_SIZES


def test_what_the_maker_tells_its_lane_gets_there() -> None:
    market = FakeMarket()
    view = LookLog().view(market)
    view.set_inventory(1, 2)
    view.set_working(1, 2, 3, 4, 5)
    assert market.told == [(1, 2), (1, 2, 3, 4, 5)]


def test_looks_come_back_as_they_were() -> None:
    log, player = LookLog(), LookPlayer()
    markets = FakeMarket(), FakeMarket(best_bid_e4=1_000, has_epoch=False, proven_ns=(1, 2))
    noted = [log.view(market) for market in markets]
    played = [player.view() for _ in markets]
    buckets, bucket = log.budget(FakeBudget()), player.budget()

    def look(views: list[NotedView] | list[PlayedView], *, again: bool) -> list[object]:
        seen: list[object] = [views[0].evaluate(5), views[0].quote.merge_e6]
        if again:
            markets[1].quote = FakeQuote(1, 2, 3, 4, 5, 6, 7)
            seen += [views[1].quote.bid_e4, views[1].quote.reasons]
        seen += [*book_of(views[1]), *book_of(views[0]), views[1].evaluate(6)]
        return [*seen, views[1].quote.ask_e4]

    for again in (False, True, False):
        expected = [look(noted, again=again), buckets.tokens(5), buckets.reserve(3), buckets.bursts]
        player.begin(log.take())
        found = [look(played, again=again), bucket.tokens(5), bucket.reserve(3), bucket.bursts]
        assert found == expected
        assert player.left == 0


def test_another_look_than_was_noted_is_told() -> None:
    log, player = LookLog(), LookPlayer()
    log.view(FakeMarket()).evaluate(1)
    view, other = player.view(), player.view()
    looks = log.take()
    player.begin(looks)
    with pytest.raises(ReplayError, match="asked for BOOK of 1, noted was EVALUATED of 1"):
        view.tick_e4  # noqa: B018
    with pytest.raises(ReplayError, match="asked for EVALUATED of 2, noted was EVALUATED of 1"):
        other.evaluate(1)
    assert player.left == 1
    view.evaluate(1)
    with pytest.raises(ReplayError, match="asked for EVALUATED of 1, noted was no look"):
        view.evaluate(1)


def test_a_played_market_takes_what_it_is_told() -> None:
    view = LookPlayer().view()
    view.set_inventory(-1, 0)
    view.set_working(1, 2, 3, 4, 5)
