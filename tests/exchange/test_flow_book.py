"""The matching book of synthetic markets: price first, then time; nothing appears or vanishes."""

from random import Random

import pytest

from polymm.exchange.flow_book import ASK, BID, MatchingBook


class Diary:
    """An owner who writes down what is left of its orders."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int]] = []

    def order_left(self, order_id: int, size_e6: int) -> None:
        self.heard.append((order_id, size_e6))


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def book(diary: Diary) -> MatchingBook:
    book = MatchingBook(100)
    book.rest(diary, 1, ASK, 5200, 10)
    book.rest(diary, 2, ASK, 5100, 20)
    book.rest(diary, 3, ASK, 5100, 30)
    book.rest(diary, 4, BID, 4900, 40)
    return book


def test_taker_gets_best_price_then_oldest_order(book: MatchingBook, diary: Diary) -> None:
    assert list(book.take(BID, 5200, 55)) == [(5100, 50, 0), (5200, 5, 5)]
    assert diary.heard == [(2, 0), (3, 0), (1, 5)]
    assert book.best_ask_e4 == 5200


def test_taker_stops_at_its_limit(book: MatchingBook) -> None:
    assert list(book.take(BID, 5100, 1_000)) == [(5100, 50, 0)]
    assert list(book.take(ASK, 5000, 1_000)) == []


def test_a_partly_filled_order_keeps_its_place(book: MatchingBook, diary: Diary) -> None:
    list(book.take(BID, 5100, 5))
    list(book.take(BID, 5100, 20))
    assert diary.heard == [(2, 15), (2, 0), (3, 25)]


def test_between_two_steps_of_a_match_the_book_stands_as_after_the_first(
    book: MatchingBook,
) -> None:
    steps = book.take(BID, 5200, 60)
    next(steps)
    assert (book.best_ask_e4, book.size_e6(ASK, 5200)) == (5200, 10)


def test_pulling_empties_the_level_and_a_second_pull_finds_nothing(book: MatchingBook) -> None:
    assert book.pull(4) == (BID, 4900, 0)
    assert book.best_bid_e4 == 0
    assert book.pull(4) is None


def test_touching_prices_cross(book: MatchingBook) -> None:
    assert book.crosses(BID, 5100)
    assert not book.crosses(BID, 5000)
    assert book.crosses(ASK, 4900)


def test_shares_are_conserved_under_random_orders() -> None:
    seed = 7
    print(f"seed {seed}")
    random = Random(seed)
    book, diary = MatchingBook(100), Diary()
    resting: dict[int, int] = {}
    for order_id in range(3_000):
        side, price = random.randrange(2), random.randrange(40, 60) * 100
        size = random.randrange(1, 100)
        if book.crosses(side, price):
            diary.heard.clear()
            taken = sum(match.size_e6 for match in book.take(side, price, size))
            fell = 0
            for hit, left in diary.heard:
                fell += resting[hit] - left
                resting[hit] = left
            assert taken == fell <= size
        elif random.random() < 0.2 and resting:
            gone = random.choice(list(resting))
            assert (book.pull(gone) is None) == (resting.pop(gone) == 0)
        else:
            book.rest(diary, order_id, side, price, size)
            resting[order_id] = size
        total = sum(book.size_e6(side, price) for side in (0, 1) for price in book.prices[side])
        assert total == sum(resting.values())
        assert book.best_bid_e4 < book.best_ask_e4
